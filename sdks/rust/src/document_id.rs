//! Ids of documents, as callers give and get them.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{Error, json};

/// The id of a document: any JSON but null, a string most of the time. Shown, a string is itself
/// and everything else is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentId(Value);

impl DocumentId {
    /// As JSON.
    pub fn value(&self) -> &Value {
        &self.0
    }

    pub(crate) fn checked(&self) -> Result<document::DocumentId, Error> {
        Ok(document::DocumentId::from_value(&json::value(&self.0)?)?)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Value::String(text) => f.write_str(text),
            other => other.fmt(f),
        }
    }
}

impl Serialize for DocumentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl From<&document::DocumentId> for DocumentId {
    fn from(id: &document::DocumentId) -> Self {
        Self(json::from_value(id.to_value()))
    }
}

impl From<Value> for DocumentId {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl From<&str> for DocumentId {
    fn from(text: &str) -> Self {
        Self(Value::String(text.to_owned()))
    }
}

impl From<String> for DocumentId {
    fn from(text: String) -> Self {
        Self(Value::String(text))
    }
}

impl From<&DocumentId> for DocumentId {
    fn from(id: &DocumentId) -> Self {
        id.clone()
    }
}
