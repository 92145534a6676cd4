//! A consistent view of an app's documents.

use std::{ops::Bound, sync::Arc};

use document::{CollectionName, Document, DocumentId, Map};
use key_values::{Bytes, KeyValue};
use rules::{document_key, raw_document_key, split_document_key};

use crate::{
    engine::{
        EngineError, EngineSnapshot, StoredDocument, catalog::ReadyIndexes, decode_stored, indexes::collection_prefix,
        stored_parts,
    },
    index::{IndexDefinition, KeyStatistics, Span},
    position::TxnId,
};

/// The documents as one transaction left them. Holds back the engine's clean-up: drop it soon.
#[derive(Debug)]
pub struct Snapshot {
    engine: EngineSnapshot,
    txn_id: TxnId,
    log_start: u64,
    next_offset: u64,
    ready_indexes: ReadyIndexes,
    /// Keeps the app from being closed.
    _held: Arc<()>,
}

/// A document as it is stored, or its tombstone: read as far as is asked for.
#[derive(Debug, Clone)]
pub struct RawDocument {
    key: Bytes,
    value: Bytes,
    /// Where the id begins in the key.
    id_at: usize,
}

/// An index as a snapshot has it.
#[derive(Debug, Clone)]
pub struct ReadIndex {
    number: u32,
    /// What it is of.
    pub definition: Arc<IndexDefinition>,
    /// Its entries: one for each document of the collection.
    pub entries: u64,
    /// What stands in each of its keys.
    pub statistics: Vec<KeyStatistics>,
}

/// An entry of an index.
#[derive(Debug, Clone)]
pub struct IndexEntry {
    key: Bytes,
    id_at: usize,
}

/// Where a scan of a collection begins or ends, by ids as canonical JSON: in the order of their
/// bytes.
pub type IdBound = Bound<String>;

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
    pub(crate) fn new(
        engine: EngineSnapshot,
        log_start: u64,
        ready_indexes: ReadyIndexes,
        held: Arc<()>,
    ) -> Result<Self, SnapshotError> {
        let position = engine.position()?;
        let txn_id = TxnId(position.map_or(0, |p| p.next_txn - 1));
        let next_offset = position.map_or(0, |p| p.next_offset);
        Ok(Self { engine, txn_id, log_start, next_offset, ready_indexes, _held: held })
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
        Box::new(self.engine.documents(&collection_prefix(collection.as_str())).map(read_entry))
    }

    /// One document as it is stored, or its tombstone, by its canonical id.
    pub fn raw_document(
        &self,
        collection: &CollectionName,
        id_json: &str,
    ) -> Result<Option<RawDocument>, SnapshotError> {
        let key = raw_document_key(collection.as_str(), id_json);
        let value = self.engine.raw_document(&key)?;
        Ok(value.map(|value| RawDocument { key: key.into(), value, id_at: collection.as_str().len() + 1 }))
    }

    /// The documents of a collection whose canonical ids lie between these, tombstones included, as
    /// they are stored, in the order of their canonical ids' bytes.
    pub fn raw_documents(
        &self,
        collection: &CollectionName,
        from: IdBound,
        to: IdBound,
    ) -> impl Iterator<Item = Result<RawDocument, SnapshotError>> + use<> {
        let id_at = collection.as_str().len() + 1;
        let key = |id: String| raw_document_key(collection.as_str(), &id);
        let mut end = collection_prefix(collection.as_str());
        *end.last_mut().expect("it ends with a 0") += 1;
        let from = match from.map(key) {
            Bound::Unbounded => Bound::Included(collection_prefix(collection.as_str())),
            bounded => bounded,
        };
        let to = match to.map(key) {
            Bound::Unbounded => Bound::Excluded(end),
            bounded => bounded,
        };
        let entries = self.engine.documents_between((from, to));
        entries.map(move |entry| {
            let (key, value) = entry?;
            Ok(RawDocument { key, value, id_at })
        })
    }

    /// How many documents the collection has, tombstones not counted. Takes one look-up.
    pub fn documents_in(&self, collection: &CollectionName) -> Result<u64, SnapshotError> {
        let counted = self.engine.documents_in(collection.as_str())?;
        Ok(counted.expect("the documents of an open app are counted"))
    }

    /// The indexes of the collection that are ready, in the order in which they were made.
    pub fn indexes(&self, collection: &CollectionName) -> Result<Vec<ReadIndex>, SnapshotError> {
        let Some(known) = self.ready_indexes.get(collection.as_str()) else { return Ok(Vec::new()) };
        let mut indexes = Vec::with_capacity(known.len());
        for index in known {
            if let Some(kept) = self.engine.ready_index(index.number)? {
                let (number, definition) = (index.number, index.definition.clone());
                let (entries, statistics) = (kept.entries, kept.statistics);
                indexes.push(ReadIndex { number, definition, entries, statistics });
            }
        }
        Ok(indexes)
    }

    /// The entries of an index of this snapshot that lie in `span`, in the order of their keys; the
    /// last first if `backwards`.
    pub fn index_entries(
        &self,
        index: &ReadIndex,
        span: &Span,
        backwards: bool,
    ) -> impl Iterator<Item = Result<IndexEntry, SnapshotError>> + use<> {
        let end = span.end.as_deref();
        let entries = self.engine.index_entries(index.number, &index.definition, &span.start, end, backwards);
        entries.map(|entry| {
            let (key, id_at) = entry?;
            Ok(IndexEntry { key, id_at })
        })
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

impl RawDocument {
    /// Its id as canonical JSON.
    pub fn id_json(&self) -> Result<&str, SnapshotError> {
        std::str::from_utf8(&self.key[self.id_at..]).map_err(|_| no_document(&self.key).into())
    }

    /// Its id.
    pub fn id(&self) -> Result<DocumentId, SnapshotError> {
        DocumentId::from_json(self.id_json()?).map_err(|_| no_document(&self.key).into())
    }

    /// What a reader sees of the fields of these names, which are sorted and unique; `None` if the
    /// document was removed. It may hold more than these. Takes a fraction of what
    /// [`RawDocument::decode`] takes.
    pub fn fields(&self, names: &[&str]) -> Result<Option<Map>, SnapshotError> {
        let encoded = stored_parts(&self.key, &self.value)?.encoded;
        Ok(Document::decode_fields(encoded, names).map_err(EngineError::from)?)
    }

    /// Appends the JSON of what a reader sees of its fields, which takes less than to decode it;
    /// `false` if it was removed.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<bool, SnapshotError> {
        let encoded = stored_parts(&self.key, &self.value)?.encoded;
        Ok(Document::decode_json(encoded, out).map_err(EngineError::from)?)
    }

    /// The last transaction that touched it.
    pub fn txn(&self) -> Result<TxnId, SnapshotError> {
        Ok(TxnId(stored_parts(&self.key, &self.value)?.txn))
    }

    /// Its state as it is stored, tombstone included ([`Document::decode`]).
    pub fn encoded(&self) -> Result<&[u8], SnapshotError> {
        Ok(stored_parts(&self.key, &self.value)?.encoded)
    }

    /// Whether it was not removed.
    pub fn exists(&self) -> Result<bool, SnapshotError> {
        let encoded = stored_parts(&self.key, &self.value)?.encoded;
        Ok(Document::decode_exists(encoded).map_err(EngineError::from)?)
    }

    /// All of it.
    pub fn decode(&self) -> Result<StoredDocument, SnapshotError> {
        Ok(decode_stored(&self.key, &self.value)?)
    }
}

impl IndexEntry {
    /// The id of its document, as canonical JSON.
    pub fn id_json(&self) -> Result<&str, SnapshotError> {
        let id = std::str::from_utf8(&self.key[self.id_at..]);
        id.map_err(|_| EngineError(format!("the entry {:02x?} of an index names no document", self.key)).into())
    }

    /// The id of its document.
    pub fn id(&self) -> Result<DocumentId, SnapshotError> {
        let no_id = |_| EngineError(format!("the entry {:02x?} of an index names no document", self.key)).into();
        DocumentId::from_json(self.id_json()?).map_err(no_id)
    }

    /// What it is sorted by, before the id: equal where documents have equal values, as far as
    /// those are in the key.
    pub fn components(&self) -> &[u8] {
        &self.key[4..self.id_at]
    }

    /// All that it is sorted by.
    pub fn key(&self) -> &[u8] {
        &self.key[4..]
    }
}

fn no_document(key: &[u8]) -> EngineError {
    EngineError(format!("the key {key:02x?} is not a document's"))
}

fn read_entry(entry: Result<KeyValue, EngineError>) -> Result<(DocumentId, StoredDocument), SnapshotError> {
    let (key, value) = entry?;
    let id = split_document_key(&key).and_then(|(_, id)| DocumentId::from_json(id).ok());
    let id = id.ok_or_else(|| EngineError(format!("the key {key:02x?} is not a document's")))?;
    Ok((id, decode_stored(&key, &value)?))
}
