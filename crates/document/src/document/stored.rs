//! A document's stored form, version 1. Never renumber a tag; `tests/formats.rs` holds golden bytes.
//!
//! ```text
//! document = version:u8 = 1
//!            sites:varint   site:u64 big-endian…                            ascending
//!            stamps:varint  (time since the one before:varint  site:varint)…  ascending, site = index into the sites
//!            field                                                         the root: absent or a map
//! field    = 0   absent    cleared:ref
//!          | 1-8 register  cleared:ref  payload                             tag and payload of a value (`crate::stored`); no objects
//!          | 16  counter   cleared:ref  totals:varint  (stamp:ref  value)…  ascending by site, values are numbers
//!          | 17  map       cleared:ref  stamp:ref  fields:varint  (name:text  field)…  names ascending by bytes
//! ref      = varint: 0 never, n the n-th stamp of the table
//! ```
//!
//! A document that one write gave `age` 31 and `name` "Susan" is 43 bytes:
//!
//! ```text
//! 01  01 00000000000000a1  01 8380a0c993b9c7bf01 00  11 00 01 02  03 'age' 04 01 3e  04 'name' 07 01 05 'Susan'
//! ```
//!
//! Invariants: one document, one form. Sites and stamps are those in use; a field is canonical (`field`). Decoding refuses
//! anything else, so whatever was decoded merges lawfully.

use super::field::{Content, Counter, Field, Leaf, MapField};
use super::number::Number;
use super::{Document, DocumentDecodeError};
use crate::stored::{Malformed, Reader, put_payload, put_tag, put_text, put_value, put_varint};
use crate::{Map, SiteId, Stamp, Value};

const VERSION: u8 = 1;

const TAG_ABSENT: u8 = 0;
const TAG_COUNTER: u8 = 16;
const TAG_MAP: u8 = 17;

/// Elements reserved before any was read.
const RESERVE_MAX: usize = 64;

/// The shortest field: a tag and a ref.
const FIELD_BYTES_MIN: usize = 2;
/// The shortest total: a ref, a tag and a payload of one byte.
const TOTAL_BYTES_MIN: usize = 3;
/// The shortest child: an empty name and a field.
const CHILD_BYTES_MIN: usize = 1 + FIELD_BYTES_MIN;

impl Document {
    /// Appends the stored form; its first byte is the format's version. Equal documents are equal bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let table = Table::of(&self.root);
        out.push(VERSION);
        table.put(out);
        table.put_field(&self.root, out);
    }

    /// Reads the whole of `bytes`; hostile lengths never allocate.
    pub fn decode(bytes: &[u8]) -> Result<Self, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let mut stamps = Stamps::read(&mut reader)?;
        let root = stamps.read_root(&mut reader)?;
        stamps.check_all_used(&reader)?;
        reader.end()?;
        Ok(Self { root })
    }

    /// What [`Document::value`] of the decoded bytes would give, without building the document: for scans. It looks less
    /// closely than [`Document::decode`] at what it skips.
    pub fn decode_value(bytes: &[u8]) -> Result<Option<Map>, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        skip_table(&mut reader)?;
        let value = read_value(&mut reader, 0)?;
        reader.end()?;
        match value {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map)),
            Some(_) => Err(reader.error("the root is no object").into()),
        }
    }
}

impl From<Malformed> for DocumentDecodeError {
    fn from(Malformed { message, at }: Malformed) -> Self {
        Self { message, at }
    }
}

/// The distinct stamps of a document, ascending.
struct Table {
    stamps: Vec<Stamp>,
}

impl Table {
    fn of(root: &Field) -> Self {
        let mut table = Self { stamps: Vec::with_capacity(4) };
        table.collect(root);
        table.stamps.sort_unstable();
        table.stamps.dedup();
        table
    }

    fn collect(&mut self, field: &Field) {
        self.note(field.cleared());
        match field {
            Field::Map(map) => {
                self.note(map.stamp);
                map.children.iter().for_each(|(_, child)| self.collect(child));
            }
            Field::Leaf(Leaf { content: Content::Counter(counter), .. }) => {
                counter.totals.iter().for_each(|(stamp, _)| self.note(*stamp));
            }
            Field::Leaf(_) => {}
        }
    }

    fn note(&mut self, stamp: Stamp) {
        if stamp != Stamp::ZERO && self.stamps.last() != Some(&stamp) {
            self.stamps.push(stamp);
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        let mut sites: Vec<SiteId> = self.stamps.iter().map(|stamp| stamp.site).collect();
        sites.sort_unstable();
        sites.dedup();
        put_varint(sites.len() as u64, out);
        sites.iter().for_each(|site| out.extend_from_slice(&site.0.to_be_bytes()));
        put_varint(self.stamps.len() as u64, out);
        let mut time = 0;
        for stamp in &self.stamps {
            put_varint(stamp.time - time, out);
            time = stamp.time;
            put_varint(sites.binary_search(&stamp.site).expect("every site was collected") as u64, out);
        }
    }

    fn put_ref(&self, stamp: Stamp, out: &mut Vec<u8>) {
        let index = match stamp {
            Stamp::ZERO => 0,
            _ => 1 + self.stamps.binary_search(&stamp).expect("every stamp was collected"),
        };
        put_varint(index as u64, out);
    }

    fn put_field(&self, field: &Field, out: &mut Vec<u8>) {
        match field {
            Field::Leaf(leaf) => self.put_leaf(leaf, out),
            Field::Map(map) => {
                out.push(TAG_MAP);
                self.put_ref(map.cleared, out);
                self.put_ref(map.stamp, out);
                put_varint(map.children.len() as u64, out);
                for (name, child) in &map.children {
                    put_text(name, out);
                    self.put_field(child, out);
                }
            }
        }
    }

    fn put_leaf(&self, leaf: &Leaf, out: &mut Vec<u8>) {
        match &leaf.content {
            Content::Absent => {
                out.push(TAG_ABSENT);
                self.put_ref(leaf.cleared, out);
            }
            Content::Register(value) => {
                put_tag(value, out);
                self.put_ref(leaf.cleared, out);
                put_payload(value, out);
            }
            Content::Counter(counter) => {
                out.push(TAG_COUNTER);
                self.put_ref(leaf.cleared, out);
                put_varint(counter.totals.len() as u64, out);
                for (stamp, total) in &counter.totals {
                    self.put_ref(*stamp, out);
                    put_value(&total.into_value(), out);
                }
            }
        }
    }
}

/// The stamps read from a table, and which of them a field referred to.
struct Stamps {
    stamps: Vec<Stamp>,
    used: Vec<bool>,
}

/// What a field must stay between to be canonical: above the clears around it, at most the stamp of the map around it.
#[derive(Clone, Copy)]
struct Bounds {
    outer: Stamp,
    newest: Option<Stamp>,
}

impl Stamps {
    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let sites = read_sites(reader)?;
        let mut site_used = vec![false; sites.len()];
        let count = reader.count(2)?;
        let mut stamps = Vec::with_capacity(count.min(RESERVE_MAX));
        let mut last = Stamp::ZERO;
        for _ in 0..count {
            let delta = reader.varint()?;
            let time = last.time.checked_add(delta).ok_or_else(|| reader.error("a stamp exceeds 64 bits"))?;
            let index = reader.varint()?;
            let at = usize::try_from(index).ok().filter(|&at| at < sites.len());
            let at = at.ok_or_else(|| reader.error(format!("there is no site {index}")))?;
            let stamp = Stamp { time, site: sites[at] };
            if time == 0 || stamp <= last {
                return Err(reader.error("stamps are not in order"));
            }
            site_used[at] = true;
            stamps.push(stamp);
            last = stamp;
        }
        if !site_used.iter().all(|used| *used) {
            return Err(reader.error("a site is not used"));
        }
        let used = vec![false; stamps.len()];
        Ok(Self { stamps, used })
    }

    fn check_all_used(&self, reader: &Reader) -> Result<(), Malformed> {
        if self.used.iter().all(|used| *used) { Ok(()) } else { Err(reader.error("a stamp is not used")) }
    }

    fn read_ref(&mut self, reader: &mut Reader) -> Result<Stamp, Malformed> {
        let index = reader.varint()?;
        if index == 0 {
            return Ok(Stamp::ZERO);
        }
        let at = usize::try_from(index - 1).ok().filter(|&at| at < self.stamps.len());
        let at = at.ok_or_else(|| reader.error(format!("there is no stamp {index}")))?;
        self.used[at] = true;
        Ok(self.stamps[at])
    }

    fn read_root(&mut self, reader: &mut Reader) -> Result<Field, Malformed> {
        let bounds = Bounds { outer: Stamp::ZERO, newest: None };
        match reader.byte()? {
            TAG_MAP => self.read_map(reader, bounds, 0),
            TAG_ABSENT => Ok(Field::Leaf(Leaf { cleared: self.read_ref(reader)?, content: Content::Absent })),
            _ => Err(reader.error("the root is no object")),
        }
    }

    fn read_field(&mut self, reader: &mut Reader, bounds: Bounds, open: usize) -> Result<Field, Malformed> {
        let tag = reader.byte()?;
        if tag == TAG_MAP {
            return self.read_map(reader, bounds, open);
        }
        let cleared = self.read_ref(reader)?;
        if cleared <= bounds.outer || bounds.newest.is_some_and(|newest| cleared > newest) {
            return Err(reader.error("a field's stamp contradicts what is around it"));
        }
        let content = match tag {
            TAG_ABSENT => Content::Absent,
            TAG_COUNTER => Content::Counter(self.read_counter(reader, cleared, bounds)?),
            _ => match reader.payload(tag, open)? {
                Value::Map(_) => return Err(reader.error("an object stands in a register")),
                value => Content::Register(value),
            },
        };
        Ok(Field::Leaf(Leaf { cleared, content }))
    }

    fn read_map(&mut self, reader: &mut Reader, bounds: Bounds, open: usize) -> Result<Field, Malformed> {
        let cleared = self.read_ref(reader)?;
        let stamp = self.read_ref(reader)?;
        let outer = bounds.outer.max(cleared);
        let is_said_twice = cleared != Stamp::ZERO && cleared <= bounds.outer;
        if is_said_twice || stamp <= outer || bounds.newest.is_some_and(|newest| stamp > newest) {
            return Err(reader.error("an object's stamps contradict what is around it"));
        }
        let inside = Bounds { outer, newest: Some(stamp) };
        let children = reader.named(open, CHILD_BYTES_MIN, |reader, open| self.read_field(reader, inside, open))?;
        Ok(Field::Map(MapField { cleared, stamp, children }))
    }

    fn read_counter(&mut self, reader: &mut Reader, epoch: Stamp, bounds: Bounds) -> Result<Counter, Malformed> {
        let count = reader.count(TOTAL_BYTES_MIN)?;
        let mut totals: Vec<(Stamp, Number)> = Vec::with_capacity(count.min(RESERVE_MAX));
        for _ in 0..count {
            let stamp = self.read_ref(reader)?;
            if stamp < epoch || bounds.newest.is_some_and(|newest| stamp > newest) {
                return Err(reader.error("a counter's stamp contradicts what is around it"));
            }
            if totals.last().is_some_and(|(last, _)| last.site >= stamp.site) {
                return Err(reader.error("a counter's sites are not in order"));
            }
            totals.push((stamp, read_number(reader)?));
        }
        Ok(Counter { totals })
    }
}

fn read_sites(reader: &mut Reader) -> Result<Vec<SiteId>, Malformed> {
    let count = reader.count(size_of::<SiteId>())?;
    let mut sites = Vec::with_capacity(count);
    for _ in 0..count {
        let site = SiteId(u64::from_be_bytes(reader.array()?));
        if sites.last().is_some_and(|last| *last >= site) {
            return Err(reader.error("sites are not in order"));
        }
        sites.push(site);
    }
    Ok(sites)
}

fn read_number(reader: &mut Reader) -> Result<Number, Malformed> {
    let value = reader.value(0)?;
    Number::from_value(&value).ok_or_else(|| reader.error("a counter's total is no number"))
}

fn skip_table(reader: &mut Reader) -> Result<(), Malformed> {
    let sites = reader.count(size_of::<SiteId>())?;
    reader.bytes(sites * size_of::<SiteId>())?;
    for _ in 0..reader.count(2)? {
        reader.varint()?;
        reader.varint()?;
    }
    Ok(())
}

/// Reads a field and gives only what is visible.
fn read_value(reader: &mut Reader, open: usize) -> Result<Option<Value>, Malformed> {
    let tag = reader.byte()?;
    reader.varint()?;
    match tag {
        TAG_ABSENT => Ok(None),
        TAG_COUNTER => {
            let count = reader.count(TOTAL_BYTES_MIN)?;
            let mut totals = Vec::with_capacity(count.min(RESERVE_MAX));
            for _ in 0..count {
                reader.varint()?;
                totals.push(read_number(reader)?);
            }
            Ok(Some(Number::sum(totals.into_iter()).into_value()))
        }
        TAG_MAP => {
            reader.varint()?;
            let children = reader.named(open, CHILD_BYTES_MIN, read_value)?;
            let visible = children.into_iter().filter_map(|(name, value)| Some((name, value?)));
            Ok(Some(Value::Map(Map::from_fields(visible.collect()))))
        }
        _ => reader.payload(tag, open).map(Some),
    }
}
