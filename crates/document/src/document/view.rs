//! What a reader sees of a field: a value, a value with types, JSON.

use super::field::{Content, Field, MapField};
use crate::json::write_json_string;
use crate::{FieldType, Map, Value};

/// The map as an object.
pub(super) fn value(map: &MapField) -> Map {
    collect(map, |field| match field {
        Field::Map(map) => Some(Value::Map(value(map))),
        Field::Leaf(leaf) => leaf_value(&leaf.content),
    })
}

/// The map as an object in which each field says its type.
pub(super) fn value_with_types(map: &MapField) -> Map {
    collect(map, |field| {
        let (kind, value) = match field {
            Field::Map(map) => (FieldType::Map, Value::Map(value_with_types(map))),
            Field::Leaf(leaf) => (FieldType::of(&leaf.content)?, leaf_value(&leaf.content)?),
        };
        Some(object(kind.as_str(), object("value", value)))
    })
}

/// Appends the map's fields as JSON, each with a comma before it if it is not the first in the
/// object.
pub(super) fn write_fields(map: &MapField, mut first: bool, out: &mut Vec<u8>) {
    for (name, field) in &map.children {
        if let Field::Leaf(leaf) = field
            && leaf.content == Content::Absent
        {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        write_json_string(name, out);
        out.push(b':');
        write_field(field, out);
    }
}

fn write_field(field: &Field, out: &mut Vec<u8>) {
    match field {
        Field::Map(map) => {
            out.push(b'{');
            write_fields(map, true, out);
            out.push(b'}');
        }
        Field::Leaf(leaf) => match &leaf.content {
            Content::Register(value) => value.write_json(out),
            Content::Attachment(token) => token.write_json(out),
            content => leaf_value(content).unwrap_or(Value::Null).write_json(out),
        },
    }
}

fn collect(map: &MapField, show: impl Fn(&Field) -> Option<Value>) -> Map {
    let shown = map.children.iter().filter_map(|(name, field)| Some((name.clone(), show(field)?)));
    Map::from_fields(shown.collect())
}

pub(super) fn leaf_value(content: &Content) -> Option<Value> {
    match content {
        Content::Absent => None,
        Content::Register(value) => Some(value.clone()),
        Content::Counter(counter) => Some(counter.value().into_value()),
        Content::Attachment(token) => Some(Value::Map(token.clone())),
    }
}

fn object(name: &str, value: Value) -> Value {
    Value::Map(Map::from_fields(vec![(name.to_owned(), value)]))
}
