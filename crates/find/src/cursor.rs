//! A place in the answer to a query, from which it goes on.
//!
//! ```text
//! text = base64url of: version 1 u8, fingerprint u64 LE, (length u32 LE, JSON)…
//!        the JSON is the id, then what stands at each sort key
//! ```
//! It is the last document's id and its values, not a place in an index or a number of documents:
//! so it holds whatever is written meanwhile, and with any plan. The fingerprint is of the query
//! that it belongs to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use document::{CollectionName, DocumentId, Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use crate::{SortKey, limits::CURSOR_VALUES_BYTES_MAX};

const VERSION: u8 = 1;

/// Behind this document the answer goes on. It knows null, and what is missing as null: so it is of
/// queries in the legacy language alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// Its id.
    pub id: DocumentId,
    /// What stands in it at each sort key; what is missing is null.
    pub(crate) values: Vec<Value>,
}

/// Of a query: its collection, text, arguments and order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// Why a text is no place in the answer to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// No cursor was written so.
    #[error("is no place where an answer ended")]
    Malformed,
    /// It belongs to another query.
    #[error("belongs to a find with another collection, query, args or sort")]
    OtherQuery,
}

impl Fingerprint {
    /// Of what is asked.
    pub fn of(collection: &CollectionName, query: &str, args: &Map, sort: &[SortKey]) -> Self {
        let mut bytes = Vec::with_capacity(64 + query.len());
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        put(collection.as_str().as_bytes());
        put(query.as_bytes());
        let mut json = Vec::new();
        args.write_json(&mut json);
        put(&json);
        for key in sort {
            put(key.path.to_string().as_bytes());
            put(&[u8::from(key.descending)]);
        }
        Self(xxh3_64(&bytes))
    }
}

impl Cursor {
    /// Behind the document with this id, in the order of ids.
    pub fn after_id(id: DocumentId) -> Self {
        Self { id, values: Vec::new() }
    }

    /// As a text for whoever asked; `None` where the values that it needs are too long.
    pub fn to_text(&self, fingerprint: Fingerprint) -> Option<String> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&fingerprint.0.to_le_bytes());
        put(&mut bytes, |out| out.extend_from_slice(self.id.as_json().as_bytes()));
        let values_at = bytes.len();
        for value in &self.values {
            put(&mut bytes, |out| value.write_json(out));
            if bytes.len() - values_at > CURSOR_VALUES_BYTES_MAX {
                return None;
            }
        }
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what [`Cursor::to_text`] wrote for the query of that fingerprint, which sorts by
    /// `sort`.
    ///
    /// # Errors
    /// What it is instead.
    pub fn from_text(text: &str, fingerprint: Fingerprint, sort: &[SortKey]) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
        let Some((&VERSION, rest)) = bytes.split_first() else { return Err(CursorError::Malformed) };
        let (of, mut rest) = rest.split_first_chunk::<8>().ok_or(CursorError::Malformed)?;
        if u64::from_le_bytes(*of) != fingerprint.0 {
            return Err(CursorError::OtherQuery);
        }
        let id = take(&mut rest).and_then(|json| std::str::from_utf8(json).ok());
        let id = id.and_then(|json| DocumentId::from_json(json).ok()).ok_or(CursorError::Malformed)?;
        let mut value = || Value::from_json(take(&mut rest)?).ok();
        let values = sort.iter().map(|_| value()).collect::<Option<_>>().ok_or(CursorError::Malformed)?;
        if !rest.is_empty() {
            return Err(CursorError::Malformed);
        }
        Ok(Self { id, values })
    }
}

fn put(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    write(bytes);
    let length = (bytes.len() - at - 4) as u32;
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn take<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (taken, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use document::Path;

    use super::*;

    fn sort(paths: &[&str]) -> Vec<SortKey> {
        paths.iter().map(|path| SortKey { path: Path::parse(path).unwrap(), descending: false }).collect()
    }

    fn fingerprint(query: &str, sort: &[SortKey]) -> Fingerprint {
        Fingerprint::of(&CollectionName::new("people").unwrap(), query, &Map::new(), sort)
    }

    #[test]
    fn what_was_written_is_read_for_the_same_query_alone() {
        let sort = sort(&["a", "b"]);
        let id = DocumentId::from_json("\"x\"").unwrap();
        let cursor = Cursor { id, values: vec![Value::Null, Value::Float(1.5)] };
        let text = cursor.to_text(fingerprint("true", &sort)).unwrap();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
        let read = |text: &str, query: &str| Cursor::from_text(text, fingerprint(query, &sort), &sort);
        assert_eq!(read(&text, "true"), Ok(cursor));
        assert_eq!(read(&text, "a > 1"), Err(CursorError::OtherQuery));
        for malformed in ["", "?", &text[1..], &text[..text.len() - 1], &format!("{text}AA")] {
            assert!(read(malformed, "true").is_err(), "{malformed}");
        }
    }

    #[test]
    fn what_is_too_long_makes_none() {
        let long = Value::String("x".repeat(CURSOR_VALUES_BYTES_MAX));
        let cursor = Cursor { id: DocumentId::from_json("1").unwrap(), values: vec![long] };
        assert_eq!(cursor.to_text(fingerprint("true", &sort(&["a"]))), None);
    }
}
