//! Writes of this site: upsert, update commands, and where their stamps go.
//!
//! All of one write bears one stamp, above everything in the document. It goes to every map on the way to what is written.
//! An object that replaces what stood there clears up to [`just_before`] its stamp, so that its own fields, which bear the
//! stamp, stay.
//! Not here: whether `_id` or the types of operands are allowed in a request (`wire`).

use super::field::{Content, Counter, Field, Leaf, MapField, above};
use super::number::Number;
use crate::limits::DEPTH_MAX;
use crate::path::fmt_segments;
use crate::{Map, Path, PathSegment, SiteId, Stamp, UpdateCommand, UpdateKind, Value};

type Children = Vec<(String, Field)>;

/// Above every stamp of an earlier tick, below `stamp`.
fn just_before(stamp: Stamp) -> Stamp {
    Stamp { time: stamp.time.saturating_sub(1), site: SiteId(u64::MAX) }
}

/// Merges `value` into `field`, which becomes an object.
pub(super) fn upsert(field: &mut Field, value: &Map, counters: &[Path], stamp: Stamp) {
    Upsert { counters: names_of(counters), stamp, names: Vec::new() }.merge_into(field, value, Stamp::ZERO);
}

/// Runs `command` in the document `root`; where it fails, the document is in no defined state.
pub(super) fn run_command(root: &mut Field, command: &UpdateCommand, stamp: Stamp) -> Result<(), String> {
    let segments = &command.path.segments;
    check_path(segments, &command.kind)?;
    let (mut field, mut outer) = (root, Stamp::ZERO);
    for (position, segment) in segments.iter().enumerate() {
        let PathSegment::Field(name) = segment else {
            return set_element(field, segments, position, &command.kind, stamp);
        };
        if position > 0 && !can_enter(field) {
            return Err(not_what(&segments[..position], kind_name(field), "an object"));
        }
        let map = write_through(field, outer, stamp);
        outer = outer.max(map.cleared);
        field = child(&mut map.children, name);
    }
    write_at(field, outer, &command.kind, stamp).map_err(|problem| format!("{} {problem}", shown(segments)))
}

/// Makes `field` an object that `stamp` wrote through.
pub(super) fn write_through(field: &mut Field, outer: Stamp, stamp: Stamp) -> &mut MapField {
    if let Field::Leaf(leaf) = field {
        // A leaf of this very write nobody has seen; its clear must stay below the object's stamp.
        let cleared = if leaf.cleared < stamp { leaf.cleared } else { just_before(stamp) };
        *field = Field::Map(MapField { cleared: above(outer, cleared), stamp, children: Vec::new() });
    }
    let Field::Map(map) = field else { unreachable!("a leaf has just become a map") };
    map.stamp = stamp;
    map
}

struct Upsert<'a> {
    /// Where numbers become counters; sorted, so that many cost little.
    counters: Vec<Vec<&'a str>>,
    stamp: Stamp,
    /// The way to the field at hand.
    names: Vec<&'a str>,
}

/// The paths that lead through objects only, sorted; counters cannot be in arrays.
fn names_of(paths: &[Path]) -> Vec<Vec<&str>> {
    let mut names: Vec<Vec<&str>> =
        paths.iter().filter_map(|path| path.segments.iter().map(name_of).collect()).collect();
    names.sort_unstable();
    names
}

fn name_of(segment: &PathSegment) -> Option<&str> {
    match segment {
        PathSegment::Field(name) => Some(name),
        PathSegment::Index(_) => None,
    }
}

impl<'a> Upsert<'a> {
    fn merge_into(&mut self, field: &mut Field, value: &'a Map, outer: Stamp) {
        let map = write_through(field, outer, self.stamp);
        let outer = outer.max(map.cleared);
        let mut added = Vec::new();
        for (name, value) in value.iter() {
            self.names.push(name);
            match position(&map.children, name) {
                Ok(at) => self.write(&mut map.children[at].1, value, outer),
                Err(_) => added.push((name.to_owned(), self.new_field(value))),
            }
            self.names.pop();
        }
        add_children(&mut map.children, added);
    }

    fn write(&mut self, field: &mut Field, value: &'a Value, outer: Stamp) {
        match value {
            Value::Map(map) => self.merge_into(field, map, outer),
            _ => *field = self.new_field(value),
        }
    }

    fn new_field(&mut self, value: &'a Value) -> Field {
        let Value::Map(map) = value else {
            return Field::Leaf(Leaf { cleared: self.stamp, content: self.content(value) });
        };
        let mut children = Vec::with_capacity(map.len());
        for (name, value) in map.iter() {
            self.names.push(name);
            children.push((name.to_owned(), self.new_field(value)));
            self.names.pop();
        }
        Field::Map(MapField { cleared: Stamp::ZERO, stamp: self.stamp, children })
    }

    fn content(&self, value: &Value) -> Content {
        match Number::from_value(value) {
            Some(start) if self.is_counter() => Content::Counter(Counter::started(start, self.stamp)),
            _ => Content::Register(value.clone()),
        }
    }

    fn is_counter(&self) -> bool {
        self.counters.binary_search(&self.names).is_ok()
    }
}

fn check_path(segments: &[PathSegment], kind: &UpdateKind) -> Result<(), String> {
    match segments.first() {
        Some(PathSegment::Field(name)) if name == "_id" => return Err("_id cannot be changed".into()),
        Some(PathSegment::Field(_)) => {}
        _ => return Err("a path must begin with a field".into()),
    }
    let depth = segments.len() + if let UpdateKind::Set(value) = kind { value.depth() } else { 0 };
    if depth > DEPTH_MAX {
        return Err(format!("{} would nest {depth} deep, {DEPTH_MAX} is allowed", shown(segments)));
    }
    Ok(())
}

/// Where nothing or `null` stands, a step makes what it needs; anything else it must not destroy.
fn can_enter(field: &Field) -> bool {
    match field {
        Field::Map(_) => true,
        Field::Leaf(leaf) => matches!(leaf.content, Content::Absent | Content::Register(Value::Null)),
    }
}

fn write_at(field: &mut Field, outer: Stamp, kind: &UpdateKind, stamp: Stamp) -> Result<(), String> {
    match kind {
        UpdateKind::Set(value) => *field = replacement(value, outer, stamp),
        UpdateKind::Increment(value) => {
            let number =
                Number::from_value(value).ok_or_else(|| format!("cannot be incremented by {}", value.kind_name()))?;
            increment(field, number, stamp)?;
        }
        UpdateKind::ReplaceWithCounter(value) => {
            let start = Number::from_value(value).or_else(|| number_at(field)).unwrap_or(Number::ZERO);
            *field = counter(start, stamp);
        }
    }
    Ok(())
}

fn replacement(value: &Value, outer: Stamp, stamp: Stamp) -> Field {
    let mut field = Upsert { counters: Vec::new(), stamp, names: Vec::new() }.new_field(value);
    if let Field::Map(map) = &mut field {
        map.cleared = above(outer, just_before(stamp));
    }
    field
}

fn increment(field: &mut Field, number: Number, stamp: Stamp) -> Result<(), String> {
    let before = match field {
        Field::Leaf(Leaf { content: Content::Absent, .. }) => Number::ZERO,
        _ => number_at(field).ok_or_else(|| format!("is {}, not a number to increment", kind_name(field)))?,
    };
    let after = match field {
        Field::Leaf(Leaf { content: Content::Counter(counter), .. }) => {
            counter.add(number, stamp);
            counter.value()
        }
        // A counter that was made of a number goes on from it.
        _ => before.plus(number),
    };
    if before.is_integer() && number.is_integer() && !after.is_integer() {
        return Err("would be incremented beyond 64 bits".into());
    }
    if !matches!(field, Field::Leaf(Leaf { content: Content::Counter(_), .. })) {
        let start = if is_absent(field) { number } else { after };
        *field = counter(start, stamp);
    }
    Ok(())
}

fn is_absent(field: &Field) -> bool {
    matches!(field, Field::Leaf(Leaf { content: Content::Absent, .. }))
}

fn counter(start: Number, stamp: Stamp) -> Field {
    Field::Leaf(Leaf { cleared: stamp, content: Content::Counter(Counter::started(start, stamp)) })
}

fn number_at(field: &Field) -> Option<Number> {
    match field {
        Field::Leaf(Leaf { content: Content::Register(value), .. }) => Number::from_value(value),
        Field::Leaf(Leaf { content: Content::Counter(counter), .. }) => Some(counter.value()),
        _ => None,
    }
}

/// Sets what `segments[position..]`, which begins with an index, names in the array at `field`; arrays are written whole.
fn set_element(
    field: &mut Field,
    segments: &[PathSegment],
    position: usize,
    kind: &UpdateKind,
    stamp: Stamp,
) -> Result<(), String> {
    let UpdateKind::Set(new) = kind else {
        return Err(format!("{} is inside an array, where counters cannot be", shown(segments)));
    };
    let old = match field {
        Field::Leaf(Leaf { content: Content::Absent, .. }) => Value::Null,
        Field::Leaf(Leaf { content: Content::Register(value), .. }) => std::mem::replace(value, Value::Null),
        other => return Err(not_what(&segments[..position], kind_name(other), "an array")),
    };
    let mut value = old;
    set_inside(&mut value, segments, position, new)?;
    *field = Field::Leaf(Leaf { cleared: stamp, content: Content::Register(value) });
    Ok(())
}

fn set_inside(value: &mut Value, segments: &[PathSegment], position: usize, new: &Value) -> Result<(), String> {
    let Some(segment) = segments.get(position) else {
        *value = new.clone();
        return Ok(());
    };
    let inner = match segment {
        PathSegment::Field(name) => {
            if *value == Value::Null {
                *value = Value::Map(Map::new());
            }
            let Value::Map(map) = value else {
                return Err(not_what(&segments[..position], value.kind_name(), "an object"));
            };
            map.entry(name)
        }
        PathSegment::Index(index) => {
            if *value == Value::Null {
                *value = Value::Array(Vec::new());
            }
            let Value::Array(elements) = value else {
                return Err(not_what(&segments[..position], value.kind_name(), "an array"));
            };
            element(elements, *index).map_err(|length| {
                format!("{} is outside the array, which has {length} elements", shown(&segments[..=position]))
            })?
        }
    };
    set_inside(inner, segments, position + 1, new)
}

/// The element there, a new one just behind the last; else the array's length.
fn element(elements: &mut Vec<Value>, index: usize) -> Result<&mut Value, usize> {
    let length = elements.len();
    if index == length {
        elements.push(Value::Null);
    }
    elements.get_mut(index).ok_or(length)
}

/// The child `name`; a missing one is put there as an empty leaf that the caller fills.
fn child<'a>(children: &'a mut Children, name: &str) -> &'a mut Field {
    let at = position(children, name).unwrap_or_else(|at| {
        let nothing = Field::Leaf(Leaf { cleared: Stamp::ZERO, content: Content::Absent });
        children.insert(at, (name.to_owned(), nothing));
        at
    });
    &mut children[at].1
}

fn position(children: &Children, name: &str) -> Result<usize, usize> {
    children.binary_search_by(|(child, _)| child.as_str().cmp(name))
}

/// Two sorted runs: the sort sees them and merges in linear time.
fn add_children(children: &mut Children, added: Children) {
    if children.is_empty() {
        *children = added;
    } else if !added.is_empty() {
        children.extend(added);
        children.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

fn kind_name(field: &Field) -> &'static str {
    match field {
        Field::Map(_) => "an object",
        Field::Leaf(leaf) => match &leaf.content {
            Content::Absent => "missing",
            Content::Register(value) => value.kind_name(),
            Content::Counter(_) => "a counter",
        },
    }
}

fn not_what(segments: &[PathSegment], is: &str, wanted: &str) -> String {
    format!("{} is {is}, not {wanted}", shown(segments))
}

fn shown(segments: &[PathSegment]) -> String {
    let mut text = String::new();
    fmt_segments(segments, &mut text).expect("text is written to memory");
    text
}
