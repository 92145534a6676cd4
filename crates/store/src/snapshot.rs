//! A consistent view of an app's documents.

use std::sync::Arc;

use document::{CollectionName, DocumentId};
use key_values::KeyValue;
use rules::{document_key, split_document_key};

use crate::{
    engine::{EngineError, EngineSnapshot, StoredDocument, decode_stored},
    position::TxnId,
};

/// The documents as one transaction left them. Holds back the engine's clean-up: drop it soon.
#[derive(Debug)]
pub struct Snapshot {
    engine: EngineSnapshot,
    txn_id: TxnId,
    log_start: u64,
    next_offset: u64,
    /// Keeps the app from being closed.
    _held: Arc<()>,
}

/// A document whose last event was trimmed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrimmedChange {
    /// Where the event was.
    pub offset: u64,
    /// The document's collection.
    pub collection: String,
    /// Its id as canonical JSON.
    pub id_json: String,
    /// Its state, which has not changed since.
    pub stored: StoredDocument,
}

/// Why documents cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("documents cannot be read: {message}")]
pub struct SnapshotError {
    /// Why.
    pub message: String,
}

impl From<EngineError> for SnapshotError {
    fn from(error: EngineError) -> Self {
        Self { message: error.0 }
    }
}

impl Snapshot {
    /// `log_start` was the offset of the oldest event before the snapshot was taken.
    pub(crate) fn new(engine: EngineSnapshot, log_start: u64, held: Arc<()>) -> Result<Self, SnapshotError> {
        let position = engine.position()?;
        let txn_id = TxnId(position.map_or(0, |p| p.next_txn - 1));
        let next_offset = position.map_or(0, |p| p.next_offset);
        Ok(Self { engine, txn_id, log_start, next_offset, _held: held })
    }

    /// The offset of the oldest event that was kept when the snapshot was taken.
    pub fn log_start(&self) -> u64 {
        self.log_start
    }

    /// The offset after the last event that is in it.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    pub(crate) fn engine(&self) -> &EngineSnapshot {
        &self.engine
    }

    /// Exactly the documents whose last event was trimmed and is at or behind `offset`, in the
    /// order of those events, tombstones included (docs/reference/live-queries.md, "Gaps").
    pub fn trimmed_changes(&self, offset: u64) -> impl Iterator<Item = Result<TrimmedChange, SnapshotError>> + '_ {
        self.changes(offset, self.log_start)
    }

    /// The documents whose last event is below `end`, in the order of those events, tombstones
    /// included. `end` is where the journal begins, or began before a crash that kept some of what
    /// was trimmed.
    pub fn changes_below(&self, end: u64) -> impl Iterator<Item = Result<TrimmedChange, SnapshotError>> + '_ {
        self.changes(0, end)
    }

    fn changes(&self, from: u64, end: u64) -> impl Iterator<Item = Result<TrimmedChange, SnapshotError>> + '_ {
        let entries = self.engine.last_changes(from);
        let entries = entries.take_while(move |entry| !matches!(entry, Ok((offset, _)) if *offset >= end));
        entries.filter_map(move |entry| {
            let found = || {
                let (offset, key) = entry?;
                let (collection, id) = split_document_key(&key)
                    .ok_or_else(|| EngineError(format!("the key {key:02x?} is not a document's")))?;
                let stored = self.engine.document(&key)?.filter(|stored| stored.last_event == Some(offset));
                let Some(stored) = stored else {
                    // What a trim has left that came to no end may name others.
                    return if offset >= self.log_start {
                        Ok(None)
                    } else {
                        Err(EngineError(format!(
                            "the last-change index names {collection} {id} at {offset}, the documents do not"
                        )))
                    };
                };
                let (collection, id_json) = (collection.to_owned(), id.to_owned());
                Ok(Some(TrimmedChange { offset, collection, id_json, stored }))
            };
            found().map_err(SnapshotError::from).transpose()
        })
    }

    /// The last transaction in it.
    pub fn txn_id(&self) -> TxnId {
        self.txn_id
    }

    /// One document, or its tombstone; `None` if it was never written.
    pub fn document(
        &self,
        collection: &CollectionName,
        id: &DocumentId,
    ) -> Result<Option<StoredDocument>, SnapshotError> {
        Ok(self.engine.document(&document_key(collection, id))?)
    }

    /// Every document of a collection in the order of its canonical ids' bytes, tombstones
    /// included.
    pub fn scan(
        &self,
        collection: &CollectionName,
    ) -> Box<dyn Iterator<Item = Result<(DocumentId, StoredDocument), SnapshotError>> + '_> {
        Box::new(self.engine.documents(&collection_prefix(collection)).map(read_entry))
    }

    /// As [`Snapshot::scan`], from the first document behind `after` on.
    pub fn scan_after(
        &self,
        collection: &CollectionName,
        after: &DocumentId,
    ) -> Box<dyn Iterator<Item = Result<(DocumentId, StoredDocument), SnapshotError>> + '_> {
        let entries = self.engine.documents_after(&collection_prefix(collection), &document_key(collection, after));
        Box::new(entries.map(read_entry))
    }

    /// Every collection that was ever written to, sorted. Each costs one look-up, when it is asked
    /// for.
    pub fn collections(&self) -> impl Iterator<Item = Result<CollectionName, SnapshotError>> + '_ {
        let mut from = Vec::new();
        std::iter::from_fn(move || {
            let name = self.first_collection_from(&from).transpose()?;
            if let Ok(name) = &name {
                from = name.as_str().as_bytes().to_vec();
                from.push(1); // behind every key of the collection, whose name a 0 ends
            }
            Some(name)
        })
    }

    fn first_collection_from(&self, from: &[u8]) -> Result<Option<CollectionName>, SnapshotError> {
        let Some(key) = self.engine.first_key_from(from)? else { return Ok(None) };
        let name = split_document_key(&key).and_then(|(name, _)| CollectionName::new(name).ok());
        Ok(Some(name.ok_or_else(|| EngineError(format!("the key {key:02x?} is not a document's")))?))
    }
}

fn collection_prefix(collection: &CollectionName) -> Vec<u8> {
    let mut prefix = collection.as_str().as_bytes().to_vec();
    prefix.push(0);
    prefix
}

fn read_entry(entry: Result<KeyValue, EngineError>) -> Result<(DocumentId, StoredDocument), SnapshotError> {
    let (key, value) = entry?;
    let id = split_document_key(&key).and_then(|(_, id)| DocumentId::from_json(id).ok());
    let id = id.ok_or_else(|| EngineError(format!("the key {key:02x?} is not a document's")))?;
    Ok((id, decode_stored(&key, &value)?))
}
