//! Values of `serde_json` and those of documents.

use document::{Map, Value};
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

pub(crate) fn from_value(value: &Value) -> serde_json::Value {
    let mut json = Vec::new();
    value.write_json(&mut json);
    parsed(&json)
}

pub(crate) fn from_row(row: &Row) -> serde_json::Value {
    let mut json = Vec::new();
    row.write_json(&mut json);
    parsed(&json)
}

fn parsed(json: &[u8]) -> serde_json::Value {
    serde_json::from_slice(json).expect("what documents write is JSON, and bounded in depth")
}
