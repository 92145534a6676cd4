//! Documents keys: by them documents are found, and sorted within a collection.

use document::{CollectionName, DocumentId};

/// The documents key: collection, 0, id as canonical JSON. Names have no control characters, so the
/// 0 ends them.
pub fn document_key(collection: &CollectionName, id: &DocumentId) -> Vec<u8> {
    raw_document_key(collection.as_str(), id.as_json())
}

/// The same, of a collection and a canonical id that were a document's before.
pub fn raw_document_key(collection: &str, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(collection.len() + 1 + id.len());
    key.extend_from_slice(collection.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key
}

/// Takes a documents key apart: collection, and id as canonical JSON. `None` for bytes that are no
/// key.
pub fn split_document_key(key: &[u8]) -> Option<(&str, &str)> {
    let at = key.iter().position(|&b| b == 0)?;
    Some((std::str::from_utf8(&key[..at]).ok()?, std::str::from_utf8(&key[at + 1..]).ok()?))
}
