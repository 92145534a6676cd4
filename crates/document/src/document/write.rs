//! Writes of this site: upsert, update commands, and where their stamps go.
//!
//! All of one write bears one stamp, above everything in the document. It goes to every map on the
//! way to what is written. An object that replaces what stood there clears at that very stamp:
//! clears are exclusive (`field`), so its own fields stay.
//! Not here: whether `_id` or the types of operands are allowed in a request (`wire`).

use super::asked_types::{AskedTypes, name_of};
use super::attachment;
use super::counter::{Counter, Hidden};
use super::field::{Content, Field, Leaf, MapField, above, said};
use super::number::Number;
use crate::limits::DEPTH_MAX;
use crate::path::fmt_segments;
use crate::{FieldType, Map, Path, PathSegment, Stamp, UpdateCommand, UpdateKind, Value, WriteRules};

type Children = Vec<(String, Field)>;

/// How one write is done.
#[derive(Clone, Copy)]
pub(super) struct Write {
    pub(super) stamp: Stamp,
    pub(super) rules: WriteRules,
}

impl Write {
    /// Merges `value` into `field`, which becomes an object.
    pub(super) fn upsert(self, field: &mut Field, value: &Map, types: &[(Path, FieldType)]) {
        Upsert { types: AskedTypes::new(types), write: self }.merge_into(field, value, Stamp::ZERO);
    }

    /// Runs `command` in the document `root`; where it fails, the document is in no defined state.
    pub(super) fn run_command(self, root: &mut Field, command: &UpdateCommand) -> Result<(), String> {
        let segments = &command.path.segments;
        check_path(segments, &command.kind)?;
        if let UpdateKind::Unset = command.kind {
            return self.unset(root, segments);
        }
        let (mut field, mut outer) = (root, Stamp::ZERO);
        for (position, segment) in segments.iter().enumerate() {
            let PathSegment::Field(name) = segment else {
                return self.set_inside_register(field, segments, position, &command.kind);
            };
            if position > 0 && is_object_register(field) {
                return self.set_inside_register(field, segments, position, &command.kind);
            }
            if position > 0 && !can_enter(field) {
                return Err(not_what(&segments[..position], kind_name(field), "an object"));
            }
            let map = self.write_through(field, outer);
            outer = map.clears_inside(outer);
            field = child(&mut map.children, name);
        }
        self.write_at(field, outer, &command.kind).map_err(|problem| format!("{} {problem}", shown(segments)))
    }

    /// Makes `field` an object that this write went through.
    pub(super) fn write_through(self, field: &mut Field, outer: Stamp) -> &mut MapField {
        if let Field::Leaf(leaf) = field {
            let under = match (self.rules, &mut leaf.content) {
                (WriteRules::V1, _) => Counter::default(),
                (WriteRules::V2, Content::Counter(counter)) => std::mem::take(counter),
                (WriteRules::V2, Content::Register(value)) => {
                    Counter { start: Number::from_value(value), totals: Vec::new() }
                }
                (WriteRules::V2, Content::Absent | Content::Attachment(_)) => Counter::default(),
            };
            let cleared = said(leaf.cleared, outer, &under);
            *field = Field::Map(MapField { cleared, stamp: self.stamp, under: under.into(), children: Vec::new() });
        }
        let Field::Map(map) = field else { unreachable!("a leaf has just become a map") };
        map.stamp = self.stamp;
        map
    }
}

struct Upsert<'a> {
    types: AskedTypes<'a>,
    write: Write,
}

impl<'a> Upsert<'a> {
    fn merge_into(&mut self, field: &mut Field, value: &'a Map, outer: Stamp) {
        let map = self.write.write_through(field, outer);
        let outer = map.clears_inside(outer);
        let mut added = Vec::new();
        for (name, value) in value.iter() {
            self.types.enter(name);
            match position(&map.children, name) {
                Ok(at) => self.write(&mut map.children[at].1, value, outer),
                Err(_) => added.push((name.to_owned(), self.new_field(value))),
            }
            self.types.leave();
        }
        add_children(&mut map.children, added);
    }

    fn write(&mut self, field: &mut Field, value: &'a Value, outer: Stamp) {
        match (value, self.types.content(value)) {
            (Value::Map(map), None) => self.merge_into(field, map, outer),
            (_, Some(content)) => *field = self.leaf(content),
            (_, None) => *field = self.new_field(value),
        }
    }

    fn new_field(&mut self, value: &'a Value) -> Field {
        let map = match (value, self.types.content(value)) {
            (_, Some(content)) => return self.leaf(content),
            (Value::Map(map), None) => map,
            (_, None) => return self.leaf(Content::Register(value.clone())),
        };
        let mut children = Vec::with_capacity(map.len());
        for (name, value) in map.iter() {
            self.types.enter(name);
            children.push((name.to_owned(), self.new_field(value)));
            self.types.leave();
        }
        let (cleared, under) = (Stamp::ZERO, Hidden::default());
        Field::Map(MapField { cleared, stamp: self.write.stamp, under, children })
    }

    fn leaf(&self, content: Content) -> Field {
        Field::Leaf(Leaf { cleared: self.write.stamp, content })
    }
}

fn check_path(segments: &[PathSegment], kind: &UpdateKind) -> Result<(), String> {
    match segments.first() {
        Some(PathSegment::Field(name)) if name == "_id" => return Err("_id cannot be changed".into()),
        Some(PathSegment::Field(_)) => {}
        _ => return Err("a path must begin with a field".into()),
    }
    let depth_inside = match kind {
        UpdateKind::Set(value) | UpdateKind::SetRegister(value) => value.depth(),
        UpdateKind::SetAttachment(token) => attachment::depth(token),
        UpdateKind::Merge { value, types } => {
            // A token may get metadata.
            value.depth() + usize::from(types.iter().any(|(_, kind)| *kind == FieldType::Attachment))
        }
        UpdateKind::Increment(_) | UpdateKind::ReplaceWithCounter(_) | UpdateKind::Unset => 0,
    };
    let depth = segments.len() + depth_inside;
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

fn is_object_register(field: &Field) -> bool {
    matches!(field, Field::Leaf(Leaf { content: Content::Register(Value::Map(_)), .. }))
}

impl Write {
    fn write_at(self, field: &mut Field, outer: Stamp, kind: &UpdateKind) -> Result<(), String> {
        match kind {
            UpdateKind::Set(value) => *field = self.replacement(value, outer),
            UpdateKind::SetRegister(value) => {
                *field = Field::Leaf(Leaf { cleared: self.stamp, content: Content::Register(value.clone()) });
            }
            UpdateKind::Merge { value, types } => {
                Upsert { types: AskedTypes::new(types), write: self }.merge_into(field, value, outer);
            }
            UpdateKind::Unset => unreachable!("it makes no path"),
            UpdateKind::Increment(value) => {
                let number = Number::from_value(value)
                    .ok_or_else(|| format!("cannot be incremented by {}", value.kind_name()))?;
                self.increment(field, outer, number)?;
            }
            UpdateKind::ReplaceWithCounter(value) => {
                let start = Number::from_value(value).or_else(|| number_at(field)).unwrap_or(Number::ZERO);
                *field = self.counter(start);
            }
            UpdateKind::SetAttachment(token) => {
                if let Some(problem) = attachment::problem(token) {
                    return Err(format!("cannot hold this attachment: {problem}"));
                }
                *field =
                    Field::Leaf(Leaf { cleared: self.stamp, content: Content::Attachment(attachment::whole(token)) });
            }
        }
        Ok(())
    }

    /// Takes away what `segments` names. Where nothing stands there, no object on the way is
    /// written either.
    fn unset(self, root: &mut Field, segments: &[PathSegment]) -> Result<(), String> {
        let names: Option<Vec<&str>> = segments.iter().map(name_of).collect();
        let Some(names) = names else {
            return Err(format!("{} is inside an array, which is written whole", shown(segments)));
        };
        if stands_at(root, &names) {
            self.unset_in(root, Stamp::ZERO, &names);
        }
        Ok(())
    }

    /// A tombstone stays, but for what this very write put into an object that it made anew: nobody
    /// else knows of that.
    fn unset_in(self, field: &mut Field, outer: Stamp, names: &[&str]) {
        if let Field::Leaf(Leaf { cleared, content: Content::Register(value) }) = field {
            remove_inside(value, names);
            *cleared = self.stamp;
            return;
        }
        let map = self.write_through(field, outer);
        let outer = map.clears_inside(outer);
        let Some((name, inner)) = names.split_first() else { return };
        let Ok(at) = position(&map.children, name) else { return };
        if !inner.is_empty() {
            self.unset_in(&mut map.children[at].1, outer, inner);
        } else if self.stamp > outer {
            map.children[at].1 = Field::Leaf(Leaf { cleared: self.stamp, content: Content::Absent });
        } else {
            map.children.remove(at);
        }
    }

    fn replacement(self, value: &Value, outer: Stamp) -> Field {
        let mut field = Upsert { types: AskedTypes::default(), write: self }.new_field(value);
        if let Field::Map(map) = &mut field {
            map.cleared = above(outer, self.stamp);
        }
        field
    }

    /// A number register becomes the start of a counter, and keeps its stamp; where nothing stands,
    /// there is no start, and no clear beyond what stands there. So concurrent first increments all
    /// count.
    fn increment(self, field: &mut Field, outer: Stamp, number: Number) -> Result<(), String> {
        let kind = kind_name(field);
        let Field::Leaf(Leaf { cleared, content }) = field else {
            return Err(format!("is {kind}, not a number to increment"));
        };
        let (before, mut counter) = match content {
            Content::Absent => (Number::ZERO, Counter::default()),
            Content::Register(value) => {
                let start = Number::from_value(value).ok_or_else(|| format!("is {kind}, not a number to increment"))?;
                (start, Counter::started(start))
            }
            Content::Counter(counter) => (counter.value(), std::mem::take(counter)),
            Content::Attachment(_) => return Err(format!("is {kind}, not a number to increment")),
        };
        let mut cleared = said(*cleared, outer, &counter);
        match self.rules {
            WriteRules::V1 => self.fold(&mut counter, &mut cleared, matches!(content, Content::Counter(_)), number),
            WriteRules::V2 => counter.add(number, self.stamp),
        }
        let is_exact = counter.value().is_integer();
        if before.is_integer() && number.is_integer() && !is_exact {
            return Err("would be incremented beyond 64 bits".into());
        }
        *field = Field::Leaf(Leaf { cleared, content: Content::Counter(counter) });
        Ok(())
    }

    /// The rules of version 1: an increment makes a counter anew, or adds to the start if that is
    /// its own site's.
    fn fold(self, counter: &mut Counter, cleared: &mut Stamp, is_counter: bool, number: Number) {
        match counter.start {
            _ if !is_counter => {
                let start = counter.start.map_or(number, |start| start.plus(number));
                *cleared = self.stamp;
                *counter = Counter::started(start);
            }
            Some(start) if cleared.site == self.stamp.site => counter.start = Some(start.plus(number)),
            _ => counter.add(number, self.stamp),
        }
    }

    fn counter(self, start: Number) -> Field {
        Field::Leaf(Leaf { cleared: self.stamp, content: Content::Counter(Counter::started(start)) })
    }

    /// Sets what `segments[position..]` names in the array or object at `field`, which is one
    /// register and written whole.
    fn set_inside_register(
        self,
        field: &mut Field,
        segments: &[PathSegment],
        position: usize,
        kind: &UpdateKind,
    ) -> Result<(), String> {
        let (UpdateKind::Set(new) | UpdateKind::SetRegister(new)) = kind else {
            let inside = if is_object_register(field) { "a register" } else { "an array" };
            let what = match kind {
                UpdateKind::SetAttachment(_) => "attachments cannot be",
                UpdateKind::Merge { .. } => "objects cannot be merged",
                _ => "counters cannot be",
            };
            return Err(format!("{} is inside {inside}, where {what}", shown(segments)));
        };
        let old = match field {
            Field::Leaf(Leaf { content: Content::Absent, .. }) => Value::Null,
            Field::Leaf(Leaf { content: Content::Register(value), .. }) => std::mem::replace(value, Value::Null),
            other => return Err(not_what(&segments[..position], kind_name(other), "an array")),
        };
        let mut value = old;
        set_inside(&mut value, segments, position, new)?;
        *field = Field::Leaf(Leaf { cleared: self.stamp, content: Content::Register(value) });
        Ok(())
    }
}

fn number_at(field: &Field) -> Option<Number> {
    match field {
        Field::Leaf(Leaf { content: Content::Register(value), .. }) => Number::from_value(value),
        Field::Leaf(Leaf { content: Content::Counter(counter), .. }) => Some(counter.value()),
        _ => None,
    }
}

/// Whether something is shown at the end of `names`, which lead through objects and into objects
/// that are one register.
fn stands_at(field: &Field, names: &[&str]) -> bool {
    let Some((name, inner)) = names.split_first() else {
        return !matches!(field, Field::Leaf(Leaf { content: Content::Absent, .. }));
    };
    match field {
        Field::Map(map) => position(&map.children, name).is_ok_and(|at| stands_at(&map.children[at].1, inner)),
        Field::Leaf(Leaf { content: Content::Register(value), .. }) => value_at(value, names).is_some(),
        Field::Leaf(_) => false,
    }
}

fn value_at<'v>(value: &'v Value, names: &[&str]) -> Option<&'v Value> {
    names.iter().try_fold(value, |value, name| match value {
        Value::Map(map) => map.field(name),
        _ => None,
    })
}

/// Takes what `names` names out of an object; there is such a thing.
fn remove_inside(value: &mut Value, names: &[&str]) {
    let Value::Map(map) = value else { return };
    match names {
        [] => {}
        [name] => drop(map.remove(name)),
        [name, inner @ ..] => remove_inside(map.entry(name), inner),
    }
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
            Content::Attachment(_) => "an attachment",
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
