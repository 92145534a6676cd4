//! One document's replicated state: what every site wrote, and what a reader sees of it.

use crate::{Map, Path, SiteId, Stamp, UpdateCommand};

/// A document's state, tombstone included. Its id and collection are the store's key, not part of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {}

/// Why an update command cannot be done; the document stays as it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct UpdateError {
    /// Which command, from 0.
    pub command: usize,
    /// What is wrong.
    pub message: String,
}

/// Why stored bytes are no document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a document cannot be read: {message} at byte {at}")]
pub struct DocumentDecodeError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: usize,
}

impl Document {
    /// A document that nobody has written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a reader sees it: written, and not removed since.
    pub fn exists(&self) -> bool {
        todo!()
    }

    /// What a reader sees, without `_id`; `None` where it does not exist.
    pub fn value(&self) -> Option<Map> {
        todo!()
    }

    /// What a reader sees, each field with its type (CONTRACT `latestValuesAndTypes`):
    /// `{"name":{"register":{"value":"John"}},"orderCount":{"counter":{"value":5}},"address":{"map":{"value":{…}}}}`, nested maps alike.
    pub fn value_with_types(&self) -> Option<Map> {
        todo!()
    }

    /// Appends canonical JSON of the document as events show it: `{"_id":<id_json>,…}`, then the fields sorted by their UTF-8
    /// bytes. `null` where it does not exist. Written for speed: the store calls it twice for each event.
    pub fn write_json(&self, _id_json: &str, _out: &mut Vec<u8>) {
        todo!()
    }

    /// The greatest stamp in it.
    pub fn stamp_max(&self) -> Stamp {
        todo!()
    }

    /// Merges `value` in as `Action::Upsert` says. `stamp` must be above [`Document::stamp_max`].
    pub fn upsert(&mut self, _value: &Map, _counters: &[Path], _stamp: Stamp) {
        todo!()
    }

    /// Runs update commands as `UpdateKind` says. `stamp` must be above [`Document::stamp_max`].
    pub fn update(&mut self, _commands: &[UpdateCommand], _stamp: Stamp) -> Result<(), UpdateError> {
        todo!()
    }

    /// Removes it: everything written so far is gone, what was written later (elsewhere) stays.
    pub fn remove(&mut self, _stamp: Stamp) {
        todo!()
    }

    /// Takes over what `other` knows. Commutative, associative, idempotent.
    pub fn merge(&mut self, _other: &Document) {
        todo!()
    }

    /// What a reader of `self` who knows everything at or before `since[site]` still has to learn; merging it there gives `self`.
    pub fn delta_since(&self, _since: &[(SiteId, u64)]) -> Document {
        todo!()
    }

    /// Appends the stored form; its first byte is the format's version. Equal documents are equal bytes.
    pub fn encode(&self, _out: &mut Vec<u8>) {
        todo!()
    }

    /// Reads the whole of `bytes`; hostile lengths never allocate.
    pub fn decode(_bytes: &[u8]) -> Result<Self, DocumentDecodeError> {
        todo!()
    }
}
