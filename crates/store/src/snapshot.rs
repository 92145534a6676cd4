//! A consistent view of an app's documents.

use document::{CollectionName, Document, DocumentId};

use crate::TxnId;

/// The documents as one transaction left them.
#[derive(Debug)]
pub struct Snapshot {}

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

impl Snapshot {
    /// The last transaction in it.
    pub fn txn_id(&self) -> TxnId {
        todo!()
    }

    /// One document, or its tombstone; `None` if it was never written.
    pub fn document(&self, _collection: &CollectionName, _id: &DocumentId) -> Result<Option<StoredDocument>, SnapshotError> {
        todo!()
    }

    /// Every document of a collection in the order of its canonical ids' bytes, tombstones included.
    pub fn scan(
        &self,
        _collection: &CollectionName,
    ) -> Box<dyn Iterator<Item = Result<(DocumentId, StoredDocument), SnapshotError>> + '_> {
        todo!()
    }

    /// Every collection that was ever written to, sorted.
    pub fn collections(&self) -> Result<Vec<CollectionName>, SnapshotError> {
        todo!()
    }
}
