//! Attachment tokens: what stands in a document for a blob that is kept elsewhere.
//!
//! A token is one value, the last writer wins:
//! `{"id":"…","len":5,"metadata":{"name":"a.txt"}}`.
//! Not here: blobs, and whether there is one of that id and length.

use super::field::{Content, Field, MapField};
use crate::{Document, Map, Value};

impl Document {
    /// Gives every token that a reader sees in it.
    pub fn for_each_token(&self, each: &mut dyn FnMut(&Map)) {
        if let Field::Map(map) = &self.root {
            of_map(map, each);
        }
    }
}

fn of_map(map: &MapField, each: &mut dyn FnMut(&Map)) {
    for (_, field) in &map.children {
        match field {
            Field::Map(inside) => of_map(inside, each),
            Field::Leaf(leaf) => {
                if let Content::Attachment(token) = &leaf.content {
                    each(token);
                }
            }
        }
    }
}

/// What is wrong with `token`; `None` where it is one.
pub fn problem(token: &Map) -> Option<&'static str> {
    let is_text = |value: &Value| matches!(value, Value::String(_));
    match token.field("id") {
        Some(Value::String(id)) if !id.is_empty() => {}
        _ => return Some("its \"id\" must be a text"),
    }
    match token.field("len") {
        Some(Value::Int(0..) | Value::Uint(_)) => {}
        _ => return Some("its \"len\" must be an integer, at least 0"),
    }
    match token.field("metadata") {
        Some(Value::Map(metadata)) if metadata.iter().all(|(_, value)| is_text(value)) => {}
        _ => return Some("its \"metadata\" must be an object of texts"),
    }
    (token.len() > 3).then_some("it holds more than \"id\", \"len\" and \"metadata\"")
}
