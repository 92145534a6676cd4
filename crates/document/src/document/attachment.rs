//! Attachment tokens: what stands in a document for a blob that is kept elsewhere.
//!
//! A token is one value, the last writer wins:
//! `{"id":"…","len":5,"metadata":{"name":"a.txt"}}`. Whoever writes one may leave its metadata out:
//! in the document they are `{}`.
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

/// The token as it stands in a document.
pub(super) fn whole(token: &Map) -> Map {
    if token.field("metadata").is_some() {
        return token.clone();
    }
    let fields = token.iter().map(|(name, value)| (name.to_owned(), value.clone()));
    Map::from_fields(fields.chain([("metadata".to_owned(), Value::Map(Map::new()))]).collect())
}

/// How deep the token nests as it stands in a document.
pub(super) fn depth(token: &Map) -> usize {
    whole(token).depth()
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
    let known = match token.field("metadata") {
        None => 2,
        Some(Value::Map(metadata)) if metadata.iter().all(|(_, value)| is_text(value)) => 3,
        _ => return Some("its \"metadata\" must be an object of texts"),
    };
    (token.len() > known).then_some("it holds more than \"id\", \"len\" and \"metadata\"")
}
