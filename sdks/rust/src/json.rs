//! Values of `serde_json` and those of documents.

use document::{DocumentId, Map, Value};
use query::dql::Row;
use serde::Serialize;

use crate::Error;

pub(crate) fn value(from: &impl Serialize) -> Result<Value, Error> {
    let bad = |why: String| Error::Value { why };
    let json = serde_json::to_vec(from).map_err(|error| bad(error.to_string()))?;
    Value::from_json(&json).map_err(|error| bad(error.to_string()))
}

/// An object; null is an empty one, for a statement without arguments.
pub(crate) fn map(from: &impl Serialize) -> Result<Map, Error> {
    match value(from)? {
        Value::Map(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => Err(Error::Value { why: format!("it is no object, but {}", other.kind_name()) }),
    }
}

pub(crate) fn from_value(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(it) => it.into(),
        Value::Int(it) => it.into(),
        Value::Uint(it) => it.into(),
        Value::Float(it) => it.into(),
        Value::String(it) => it.into(),
        Value::Array(items) => items.into_iter().map(from_value).collect(),
        Value::Map(map) => from_fields(map.into_fields()),
    }
}

pub(crate) fn from_row(row: Row) -> serde_json::Value {
    from_fields(row.fields)
}

/// A document as callers see it, with its `_id`.
pub(crate) fn from_document(id: &DocumentId, fields: Map) -> serde_json::Value {
    let mut fields = fields.into_fields();
    fields.push(("_id".to_owned(), id.to_value()));
    from_fields(fields)
}

fn from_fields(fields: Vec<(String, Value)>) -> serde_json::Value {
    serde_json::Value::Object(fields.into_iter().map(|(name, value)| (name, from_value(value))).collect())
}
