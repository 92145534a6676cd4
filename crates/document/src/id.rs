//! Document ids and collection names (docs/reference/documents.md).

use std::borrow::Borrow;

use crate::Value;
use crate::json::must_escape;
use crate::limits::{COLLECTION_NAME_BYTES_MAX, DEPTH_MAX, ID_BYTES_MAX};

/// An immutable `_id`: a string, a 64-bit integer or an object. Two object ids are equal whatever
/// the order of their keys.
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
    /// Takes a string, a 64-bit integer or an object.
    pub fn from_value(value: &Value) -> Result<Self, DocumentIdError> {
        match value {
            Value::String(text) if text.is_empty() => return Err(DocumentIdError::Empty),
            Value::Map(map) if map.is_empty() => return Err(DocumentIdError::Empty),
            Value::Map(map) if map.depth() > DEPTH_MAX => return Err(kind_error("an object nested too deeply")),
            Value::String(_) | Value::Int(_) | Value::Uint(_) | Value::Map(_) => {}
            other => return Err(kind_error(other.kind_name())),
        }
        let mut json = Vec::new();
        value.write_json(&mut json);
        if json.len() > ID_BYTES_MAX {
            return Err(DocumentIdError::TooLong { bytes: json.len() });
        }
        Ok(Self { canonical: String::from_utf8(json).expect("JSON is UTF-8") })
    }

    /// An id for a document that was given none: 24 hex digits, 4 bytes of seconds since the epoch,
    /// so that ids made later sort later, and `random`.
    pub fn generated(now_ms: u64, random: u64) -> Self {
        Self { canonical: format!("\"{:08x}{random:016x}\"", (now_ms / 1000) as u32) }
    }

    /// Its value as given; an object's keys sorted.
    pub fn to_value(&self) -> Value {
        Value::from_json(self.canonical.as_bytes()).expect("an id is canonical JSON")
    }

    /// Canonical JSON, as it stands in events, keys and replies.
    pub fn as_json(&self) -> &str {
        &self.canonical
    }

    /// From what [`DocumentId::as_json`] gave; for stored bytes. Anything that is not canonical is
    /// refused.
    pub fn from_json(canonical: &str) -> Result<Self, DocumentIdError> {
        if !is_plain_string(canonical) || canonical.len() > ID_BYTES_MAX {
            let value = Value::from_json(canonical.as_bytes()).map_err(|_| kind_error("malformed JSON"))?;
            if Self::from_value(&value)?.canonical != canonical {
                return Err(kind_error("JSON that is not canonical"));
            }
        }
        Ok(Self { canonical: canonical.to_owned() })
    }
}

/// As its canonical JSON: that is what it is compared and hashed by, so sets of ids are asked for what lies in keys.
impl Borrow<str> for DocumentId {
    fn borrow(&self) -> &str {
        &self.canonical
    }
}

/// Whether it is a string in quotes that needs no escapes: most ids, and canonical without a closer
/// look.
fn is_plain_string(json: &str) -> bool {
    let Some(text) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    !text.is_empty() && !text.bytes().any(must_escape)
}

fn kind_error(found: &'static str) -> DocumentIdError {
    DocumentIdError::Kind { found }
}

/// A collection's name: 1 to 255 bytes, no control characters. Names that begin with `__` are the
/// system's ([`CollectionName::is_system`]).
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
    pub fn new(name: &str) -> Result<Self, CollectionNameError> {
        if name.is_empty() {
            return Err(CollectionNameError { message: "a collection's name must not be empty".into() });
        }
        if name.len() > COLLECTION_NAME_BYTES_MAX {
            let message = format!(
                "a collection's name may be {COLLECTION_NAME_BYTES_MAX} bytes long, this one has {}",
                name.len()
            );
            return Err(CollectionNameError { message });
        }
        if let Some(at) = name.chars().position(char::is_control) {
            let message =
                format!("a collection's name must not hold control characters, there is one at column {}", at + 1);
            return Err(CollectionNameError { message });
        }
        Ok(Self(name.to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn id(json: &str) -> Result<DocumentId, DocumentIdError> {
        DocumentId::from_value(&Value::from_json(json.as_bytes()).unwrap())
    }

    #[track_caller]
    fn check(json: &str, canonical: &str) {
        let id = id(json).unwrap();
        assert_eq!(id.as_json(), canonical);
        assert_eq!(DocumentId::from_json(canonical), Ok(id.clone()));
        assert_eq!(DocumentId::from_value(&id.to_value()), Ok(id));
    }

    #[test]
    fn a_generated_id_is_the_time_and_a_random_number() {
        let id = DocumentId::generated(1_645_472_201_999, 0xcafe);
        assert_eq!(id.as_json(), "\"6213e9c9000000000000cafe\"");
        assert_eq!(DocumentId::from_json(id.as_json()), Ok(id));
    }

    #[test]
    fn strings_integers_and_objects_are_ids() {
        check(r#""abc123""#, r#""abc123""#);
        check(r#""a\u0022\u0000\/é""#, r#""a\"\u0000/é""#);
        check("-42", "-42");
        check("18446744073709551615", "18446744073709551615");
        check(r#"{"b":2,"a":{"d":1.0,"c":[]}}"#, r#"{"a":{"c":[],"d":1.0},"b":2}"#);
    }

    #[test]
    fn other_values_are_not() {
        for json in ["null", "true", "1.0", "[]"] {
            assert!(matches!(id(json), Err(DocumentIdError::Kind { .. })), "{json}");
        }
        assert_eq!(
            id("1.5").unwrap_err().to_string(),
            "an id must be a string, a 64-bit integer or an object, not a float"
        );
        assert_eq!(id(r#""""#), Err(DocumentIdError::Empty));
        assert_eq!(id("{}"), Err(DocumentIdError::Empty));
        assert!(id(&format!("\"{}\"", "x".repeat(ID_BYTES_MAX - 2))).is_ok());
        assert_eq!(
            id(&format!("\"{}\"", "x".repeat(ID_BYTES_MAX - 1))),
            Err(DocumentIdError::TooLong { bytes: ID_BYTES_MAX + 1 })
        );
    }

    #[test]
    fn stored_ids_must_be_canonical() {
        let long = format!("\"{}\"", "x".repeat(ID_BYTES_MAX));
        for json in [
            r#"{"b":1,"a":2}"#,
            r#"{"a": 1}"#,
            r#""\u0041""#,
            "042",
            " 42",
            "abc",
            "",
            "\"",
            "\"\"",
            "\"a\" ",
            "1.0",
            &long,
        ] {
            assert!(DocumentId::from_json(json).is_err(), "{json}");
        }
    }

    #[test]
    fn collection_names_are_bounded_and_printable() {
        for name in ["people", "x", "Ünï cödé/+", "__system", &"x".repeat(255)] {
            assert_eq!(CollectionName::new(name).unwrap().as_str(), name);
        }
        for name in ["", "a\nb", "\u{7f}", &"x".repeat(256)] {
            assert!(CollectionName::new(name).is_err(), "{name}");
        }
        assert!(CollectionName::new("__system").unwrap().is_system());
    }
}
