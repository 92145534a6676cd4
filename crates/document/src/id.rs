//! Document ids and collection names.

use crate::Value;

/// An immutable `_id`: a string, a 64-bit integer or an object. Two object ids are equal whatever the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId {
    /// Canonical JSON: `"abc123"`, `42` or `{"a":1,"b":2}` with sorted keys.
    canonical: String,
}

/// Why a value is no id.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DocumentIdError {
    /// Neither string, 64-bit integer nor object.
    #[error("an id must be a string, a 64-bit integer or an object, not {found}")]
    Kind {
        /// What it is instead.
        found: &'static str,
    },
    /// Longer than [`crate::limits::ID_BYTES_MAX`].
    #[error("an id may be {} bytes long, this one has {bytes}", crate::limits::ID_BYTES_MAX)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// `""` or `{}`.
    #[error("an id must not be empty")]
    Empty,
}

impl DocumentId {
    /// Takes a string, integer or object.
    pub fn from_value(_value: &Value) -> Result<Self, DocumentIdError> {
        todo!()
    }

    /// Its value as given.
    pub fn to_value(&self) -> Value {
        todo!()
    }

    /// Canonical JSON, as it stands in events, keys and replies.
    pub fn as_json(&self) -> &str {
        &self.canonical
    }

    /// From what [`DocumentId::as_json`] gave; for stored bytes. Anything that is not canonical is refused.
    pub fn from_json(_canonical: &str) -> Result<Self, DocumentIdError> {
        todo!()
    }
}

/// A collection's name: 1 to 255 bytes, no control characters. Names that begin with `__` are the system's
/// ([`CollectionName::is_system`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionName(String);

/// Why text is no collection name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CollectionNameError {
    /// What is wrong.
    pub message: String,
}

impl CollectionName {
    /// Checks the name.
    pub fn new(_name: &str) -> Result<Self, CollectionNameError> {
        todo!()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with `__`: readable, but not writable from outside.
    pub fn is_system(&self) -> bool {
        self.0.starts_with("__")
    }
}
