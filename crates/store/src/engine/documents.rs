//! Documents, tombstones included.
//!
//! | space | key | value |
//! |---|---|---|
//! | `documents` | collection, 0, id as canonical JSON | version 1, last txnId u64 LE, offset of the last event u64 LE (all ones: none), the encoded document |

use std::ops::Bound;

use document::{Document, DocumentDecodeError};
use key_values::{Bytes, KeyRange, KeyValue};
use rules::{ChangedDocument, Documents, Stored};

use super::{
    handle::{Engine, EngineBatch, EngineSnapshot},
    spaces::{DOCUMENTS, EngineError, LAST_CHANGES, VALUE_VERSION},
};
use crate::position::TxnId;

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDocument {
    /// The last transaction that touched it.
    pub txn_id: TxnId,
    /// The offset of its last event; `None` if it never had one: it was made and removed within one
    /// transaction.
    pub last_event: Option<u64>,
    /// Its state, tombstone included.
    pub document: Document,
}

/// Stands for the offset of a document that never had an event.
const NO_EVENT: u64 = u64::MAX;

impl Engine {
    /// The offset of the document's last event.
    pub(crate) fn last_event(&self, key: &[u8]) -> Result<Option<u64>, EngineError> {
        let Some(value) = self.get(DOCUMENTS, key)? else { return Ok(None) };
        Ok(stored_parts(key, &value)?.last_event)
    }
}

impl From<DocumentDecodeError> for EngineError {
    fn from(error: DocumentDecodeError) -> Self {
        Self(error.to_string())
    }
}

impl Documents for Engine {
    type Error = EngineError;

    fn stored(&self, key: &[u8]) -> Result<Option<Stored>, EngineError> {
        let Some(value) = self.get(DOCUMENTS, key)? else { return Ok(None) };
        let StoredDocument { txn_id, last_event, document } = decode_stored(key, &value)?;
        Ok(Some(Stored { txn: txn_id.0, last_event, document, is_hot: false }))
    }
}

impl EngineBatch<'_> {
    /// Replaces a document's state.
    pub(crate) fn put_document(&mut self, key: &[u8], changed: &ChangedDocument) {
        let mut value = Vec::with_capacity(17 + changed.encoded.len());
        value.push(VALUE_VERSION);
        value.extend_from_slice(&changed.txn.to_le_bytes());
        value.extend_from_slice(&changed.event.unwrap_or(NO_EVENT).to_le_bytes());
        value.extend_from_slice(&changed.encoded);
        self.batch.insert(DOCUMENTS, key, value);
        // What leaves no event (made and removed at once) leaves the last one where it was.
        let moved = changed.event_before.filter(|&before| changed.event != Some(before));
        if let Some(before) = moved.filter(|&before| before < *self.indexed_to) {
            self.batch.remove(LAST_CHANGES, before.to_be_bytes());
        }
    }
}

impl EngineSnapshot {
    pub(crate) fn raw_document(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(DOCUMENTS, key)?)
    }

    /// Documents whose keys lie in this range.
    pub(crate) fn documents_between(
        &self,
        range: KeyRange,
    ) -> impl Iterator<Item = Result<KeyValue, EngineError>> + use<> {
        let is_empty = match (&range.0, &range.1) {
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
            _ => false,
        };
        (!is_empty).then(|| self.range(DOCUMENTS, range)).into_iter().flatten()
    }

    pub(crate) fn document(&self, key: &[u8]) -> Result<Option<StoredDocument>, EngineError> {
        self.0.get(DOCUMENTS, key)?.map(|value| decode_stored(key, &value)).transpose()
    }

    /// Documents whose keys begin with `prefix`, in the order of their keys.
    pub(crate) fn documents(&self, prefix: &[u8]) -> impl Iterator<Item = Result<KeyValue, EngineError>> + use<> {
        self.prefix(DOCUMENTS, prefix)
    }

    /// As [`EngineSnapshot::documents`], from the first key behind `after` on.
    pub(crate) fn documents_after(
        &self,
        prefix: &[u8],
        after: &[u8],
    ) -> impl Iterator<Item = Result<KeyValue, EngineError>> + use<> {
        let mut end = prefix.to_vec();
        let last = end.last_mut().expect("a collection's prefix ends with a 0");
        *last += 1;
        let range = (Bound::Excluded(after.to_vec()), Bound::Excluded(end));
        self.range(DOCUMENTS, range)
    }

    /// The first document key at or after `from`.
    pub(crate) fn first_key_from(&self, from: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let mut keys = self.range(DOCUMENTS, (Bound::Included(from.to_vec()), Bound::Unbounded));
        keys.next().map(|entry| Ok(entry?.0.to_vec())).transpose()
    }
}

pub(crate) fn decode_stored(key: &[u8], value: &[u8]) -> Result<StoredDocument, EngineError> {
    let StoredParts { txn, last_event, encoded } = stored_parts(key, value)?;
    let document = Document::decode(encoded).map_err(|e| damaged(key, &e.to_string()))?;
    Ok(StoredDocument { txn_id: TxnId(txn), last_event, document })
}

/// A stored value, taken apart.
pub(crate) struct StoredParts<'v> {
    pub(crate) txn: u64,
    pub(crate) last_event: Option<u64>,
    pub(crate) encoded: &'v [u8],
}

pub(crate) fn stored_parts<'v>(key: &[u8], value: &'v [u8]) -> Result<StoredParts<'v>, EngineError> {
    let (numbers, encoded) = match value {
        [VALUE_VERSION, rest @ ..] => rest.split_first_chunk::<16>().ok_or_else(|| damaged(key, "is cut short"))?,
        [version, ..] => {
            return Err(damaged(key, &format!("has version {version}; this server reads up to {VALUE_VERSION}")));
        }
        [] => return Err(damaged(key, "is empty")),
    };
    let number = |at: usize| u64::from_le_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
    let last_event = Some(number(8)).filter(|&offset| offset != NO_EVENT);
    Ok(StoredParts { txn: number(0), last_event, encoded })
}

pub(super) fn damaged(key: &[u8], why: &str) -> EngineError {
    EngineError(format!("the document {} {why}", String::from_utf8_lossy(key)))
}
