//! A consistent view of an app's documents.

use document::{CollectionName, Document, DocumentId};

use crate::{
    TxnId,
    engine::{EngineError, EngineSnapshot, decode_stored, document_key, split_document_key},
};

/// The documents as one transaction left them. Holds back the engine's clean-up: drop it soon.
#[derive(Debug)]
pub struct Snapshot {
    engine: EngineSnapshot,
    txn_id: TxnId,
}

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDocument {
    /// The last transaction that touched it.
    pub txn_id: TxnId,
    /// Its state, tombstone included.
    pub document: Document,
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
    pub(crate) fn new(engine: EngineSnapshot) -> Result<Self, SnapshotError> {
        let txn_id = TxnId(engine.position()?.map_or(0, |p| p.next_txn - 1));
        Ok(Self { engine, txn_id })
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

    /// Every document of a collection in the order of its canonical ids' bytes, tombstones included.
    pub fn scan(
        &self,
        collection: &CollectionName,
    ) -> Box<dyn Iterator<Item = Result<(DocumentId, StoredDocument), SnapshotError>> + '_> {
        let mut prefix = collection.as_str().as_bytes().to_vec();
        prefix.push(0);
        Box::new(self.engine.documents(&prefix).map(|entry| {
            let (key, value) = entry?;
            let id = split_document_key(&key).and_then(|(_, id)| DocumentId::from_json(id).ok());
            let id = id.ok_or_else(|| EngineError(format!("the key {key:02x?} is not a document's")))?;
            Ok((id, decode_stored(&key, &value)?))
        }))
    }

    /// Every collection that was ever written to, sorted.
    pub fn collections(&self) -> Result<Vec<CollectionName>, SnapshotError> {
        let mut collections = Vec::new();
        let mut from = Vec::new();
        while let Some(key) = self.engine.first_key_from(&from)? {
            let name = split_document_key(&key).and_then(|(name, _)| CollectionName::new(name).ok());
            let name = name.ok_or_else(|| EngineError(format!("the key {key:02x?} is not a document's")))?;
            from = name.as_str().as_bytes().to_vec();
            from.push(1); // behind every key of the collection, whose name a 0 ends
            collections.push(name);
        }
        Ok(collections)
    }
}
