//! Reading version 2: into fields, or only what is visible of them.

use super::super::attachment;
use super::super::counter::{Counter, Hidden};
use super::super::field::{Content, Field, Leaf, MapField};
use super::super::number::Number;
use super::table::Stamps;
use super::{
    CHILD_BYTES_MIN, RESERVE_MAX, TAG_ABSENT, TAG_ATTACHMENT, TAG_COUNTER, TAG_MAP, TAG_MAP_OVER_COUNTER, TAG_NO_START,
    TOTAL_BYTES_MIN,
};
use crate::stored::{Malformed, Reader};
use crate::{Map, SiteId, Stamp, Value};

/// What a field must stay between to be canonical: at least the clears around it, at most the stamp
/// of the map around it.
#[derive(Clone, Copy)]
struct Bounds {
    outer: Stamp,
    newest: Option<Stamp>,
}

impl Bounds {
    fn hold(self, stamp: Stamp) -> bool {
        stamp != Stamp::ZERO && stamp >= self.outer && self.newest.is_none_or(|newest| stamp <= newest)
    }
}

pub(super) fn read_root(reader: &mut Reader) -> Result<Field, Malformed> {
    let mut fields = Fields { stamps: Stamps::read(reader, SiteId::is_valid_origin)? };
    let root = match reader.byte()? {
        TAG_MAP => fields.map(reader, TAG_MAP, Bounds { outer: Stamp::ZERO, newest: None }, 0)?,
        TAG_ABSENT => Field::Leaf(Leaf { cleared: fields.stamps.read_ref(reader)?, content: Content::Absent }),
        _ => return Err(reader.error("the root is no object")),
    };
    fields.stamps.end(reader)?;
    Ok(root)
}

struct Fields {
    stamps: Stamps,
}

impl Fields {
    fn field(&mut self, reader: &mut Reader, bounds: Bounds, open: usize) -> Result<Field, Malformed> {
        let tag = reader.byte()?;
        if tag == TAG_MAP || tag == TAG_MAP_OVER_COUNTER {
            return self.map(reader, tag, bounds, open);
        }
        let cleared = self.stamps.read_ref(reader)?;
        let content = match tag {
            TAG_ABSENT => Content::Absent,
            TAG_COUNTER => Content::Counter(self.counter(reader, cleared, bounds)?),
            TAG_ATTACHMENT => Content::Attachment(read_token(reader, open)?),
            _ => Content::Register(reader.payload(tag, open)?),
        };
        let is_canonical = match &content {
            Content::Absent => bounds.hold(cleared) && cleared > bounds.outer,
            Content::Register(_) | Content::Attachment(_) => bounds.hold(cleared),
            Content::Counter(counter) => says_something(cleared, bounds, counter) && !counter.is_empty(),
        };
        if !is_canonical {
            return Err(reader.error("a field's stamp contradicts what is around it"));
        }
        Ok(Field::Leaf(Leaf { cleared, content }))
    }

    fn map(&mut self, reader: &mut Reader, tag: u8, bounds: Bounds, open: usize) -> Result<Field, Malformed> {
        let cleared = self.stamps.read_ref(reader)?;
        let stamp = self.stamps.read_ref(reader)?;
        let mut under = Hidden::default();
        if tag == TAG_MAP_OVER_COUNTER {
            under = self.counter(reader, cleared, bounds)?.into();
            if under.is_empty() {
                return Err(reader.error("there is no counter under an object"));
            }
        }
        let mut map = MapField { cleared, stamp, under, children: Vec::new() };
        let outer = map.clears_inside(bounds.outer);
        if !bounds.hold(stamp) || stamp < outer || !says_something(cleared, bounds, &map.under) {
            return Err(reader.error("an object's stamps contradict what is around it"));
        }
        let inside = Bounds { outer, newest: Some(stamp) };
        map.children = reader.named(open, CHILD_BYTES_MIN, |reader, open| self.field(reader, inside, open))?;
        Ok(Field::Map(map))
    }

    fn counter(&mut self, reader: &mut Reader, cleared: Stamp, bounds: Bounds) -> Result<Counter, Malformed> {
        let start = read_start(reader)?;
        let count = reader.count(TOTAL_BYTES_MIN)?;
        let mut totals: Vec<(Stamp, Number)> = Vec::with_capacity(count.min(RESERVE_MAX));
        for _ in 0..count {
            let stamp = self.stamps.read_ref(reader)?;
            if !bounds.hold(stamp) || stamp < cleared {
                return Err(reader.error("a counter's stamp contradicts what is around it"));
            }
            if totals.last().is_some_and(|(last, _)| last.site >= stamp.site) {
                return Err(reader.error("a counter's sites are not in order"));
            }
            totals.push((stamp, read_number(reader)?));
        }
        Ok(Counter { start, totals })
    }
}

/// Whether the clear of a counter or map says more than what is around it, or is zero.
fn says_something(cleared: Stamp, bounds: Bounds, counter: &Counter) -> bool {
    match counter.start {
        Some(_) => bounds.hold(cleared),
        None => cleared == Stamp::ZERO || (bounds.hold(cleared) && cleared > bounds.outer),
    }
}

fn read_start(reader: &mut Reader) -> Result<Option<Number>, Malformed> {
    let tag = reader.byte()?;
    if tag == TAG_NO_START { Ok(None) } else { number(reader, tag).map(Some) }
}

pub(super) fn read_number(reader: &mut Reader) -> Result<Number, Malformed> {
    let tag = reader.byte()?;
    number(reader, tag)
}

fn number(reader: &mut Reader, tag: u8) -> Result<Number, Malformed> {
    let value = reader.payload(tag, 0)?;
    Number::from_value(&value).ok_or_else(|| reader.error("a counter holds what is no number"))
}

fn read_token(reader: &mut Reader, open: usize) -> Result<Map, Malformed> {
    let token = reader.map(open)?;
    match attachment::problem(&token) {
        None => Ok(token),
        Some(problem) => Err(reader.error(format!("an attachment cannot be read: {problem}"))),
    }
}

/// Reads a field and gives only what is visible.
pub(super) fn read_value(reader: &mut Reader, open: usize) -> Result<Option<Value>, Malformed> {
    let tag = reader.byte()?;
    reader.varint()?;
    match tag {
        TAG_ABSENT => Ok(None),
        TAG_COUNTER => Ok(Some(read_counter_value(reader)?.into_value())),
        TAG_ATTACHMENT => Ok(Some(Value::Map(read_token(reader, open)?))),
        TAG_MAP | TAG_MAP_OVER_COUNTER => {
            reader.varint()?;
            if tag == TAG_MAP_OVER_COUNTER {
                read_counter_value(reader)?;
            }
            let children = reader.named(open, CHILD_BYTES_MIN, read_value)?;
            let visible = children.into_iter().filter_map(|(name, value)| Some((name, value?)));
            Ok(Some(Value::Map(Map::from_fields(visible.collect()))))
        }
        _ => reader.payload(tag, open).map(Some),
    }
}

fn read_counter_value(reader: &mut Reader) -> Result<Number, Malformed> {
    let start = read_start(reader)?;
    let count = reader.count(TOTAL_BYTES_MIN)?;
    let mut numbers = Vec::with_capacity(count.min(RESERVE_MAX) + 1);
    numbers.extend(start);
    for _ in 0..count {
        reader.varint()?;
        numbers.push(read_number(reader)?);
    }
    Ok(Number::sum(numbers.into_iter()))
}

/// Reads the root, and gives what is visible of the fields `wanted`, which are ascending. Stops
/// behind the last of them.
pub(super) fn read_fields(reader: &mut Reader, wanted: &[&str]) -> Result<Option<Vec<(String, Value)>>, Malformed> {
    let tag = reader.byte()?;
    reader.varint()?;
    match tag {
        TAG_ABSENT => return Ok(None),
        TAG_MAP | TAG_MAP_OVER_COUNTER => {}
        _ => return Err(reader.error("the root is no object")),
    }
    reader.varint()?;
    if tag == TAG_MAP_OVER_COUNTER {
        skip_counter(reader)?;
    }
    let mut found = Vec::with_capacity(wanted.len());
    let mut wanted = wanted.iter().peekable();
    for _ in 0..reader.count(CHILD_BYTES_MIN)? {
        let name = reader.text_bytes()?;
        while wanted.next_if(|wanted| wanted.as_bytes() < name).is_some() {}
        let Some(next) = wanted.peek() else { break };
        if next.as_bytes() != name {
            skip_field(reader, 1)?;
        } else if let Some(value) = read_value(reader, 1)? {
            found.push(((**next).to_owned(), value));
        }
    }
    Ok(Some(found))
}

fn skip_field(reader: &mut Reader, open: usize) -> Result<(), Malformed> {
    let tag = reader.byte()?;
    reader.varint()?;
    match tag {
        TAG_ABSENT => Ok(()),
        TAG_COUNTER => skip_counter(reader),
        TAG_ATTACHMENT => reader.skip_map(open),
        TAG_MAP | TAG_MAP_OVER_COUNTER => {
            reader.varint()?;
            if tag == TAG_MAP_OVER_COUNTER {
                skip_counter(reader)?;
            }
            reader.skip_named(open, CHILD_BYTES_MIN, skip_field)
        }
        _ => reader.skip_payload(tag, open),
    }
}

fn skip_counter(reader: &mut Reader) -> Result<(), Malformed> {
    let start = reader.byte()?;
    if start != TAG_NO_START {
        reader.skip_payload(start, 0)?;
    }
    for _ in 0..reader.count(TOTAL_BYTES_MIN)? {
        reader.varint()?;
        reader.skip_value(0)?;
    }
    Ok(())
}

/// Reads a field behind its tag, and appends the JSON of what is visible of it, which is something.
pub(super) fn write_json(reader: &mut Reader, tag: u8, open: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
    reader.varint()?;
    match tag {
        TAG_COUNTER => read_counter_value(reader)?.into_value().write_json(out),
        TAG_ATTACHMENT => read_token(reader, open)?.write_json(out),
        TAG_MAP | TAG_MAP_OVER_COUNTER => {
            reader.varint()?;
            if tag == TAG_MAP_OVER_COUNTER {
                read_counter_value(reader)?;
            }
            let open = reader.enter(open)?;
            out.push(b'{');
            let mut is_first = true;
            for _ in 0..reader.count(CHILD_BYTES_MIN)? {
                let name = reader.text()?;
                match reader.byte()? {
                    TAG_ABSENT => drop(reader.varint()?),
                    tag => {
                        reader.write_name(name, &mut is_first, out);
                        write_json(reader, tag, open, out)?;
                    }
                }
            }
            out.push(b'}');
        }
        _ => reader.write_payload(tag, open, out)?,
    }
    Ok(())
}
