//! The last-change index: which document a trimmed event was the last of.
//!
//! | space | key | value |
//! |---|---|---|
//! | `last_changes` | offset u64 BE | version 1, the documents key: of documents whose last event has it |
//! | `meta` | `indexed_to` | version 1, u64 LE: `last_changes` covers the offsets below it |
//!
//! Only trimmed events need an index, so it is made when they are about to be trimmed
//! (`retention`), and a write costs one entry, not three.

use std::ops::Bound;

use key_values::Batch;

use super::{
    handle::{Engine, EngineSnapshot, INDEXED_TO_KEY},
    spaces::{EngineError, LAST_CHANGES, META, VALUE_VERSION, encode_number},
};

/// Entries of the index that are made, or dropped, at once.
pub(crate) const ENTRIES_AT_ONCE: usize = 512;

/// An entry: offset and documents key.
pub(crate) type IndexEntry = (u64, Vec<u8>);

impl Engine {
    /// From here on the index covers the offsets below `to`: whoever writes takes the entry of what
    /// was the document's last event out. The entries themselves are then made by
    /// [`Engine::index`].
    pub(crate) fn begin_index(&self, to: u64) -> Result<(), EngineError> {
        let mut indexed_to = self.indexed_to.lock().expect("not poisoned");
        if to > *indexed_to {
            self.insert(META, INDEXED_TO_KEY, encode_number(to))?;
            *indexed_to = to;
        }
        Ok(())
    }

    /// Takes out the entries at or behind `log_start`. They are of a trim that came to no end: a
    /// crash, or a full disk, may have kept it from taking those out again that [`Engine::index`]
    /// made though a writer was faster.
    pub(crate) fn forget_index_from(&self, log_start: u64) -> Result<(), EngineError> {
        let snapshot = self.snapshot();
        let mut left = snapshot.last_changes(log_start).peekable();
        while left.peek().is_some() {
            let mut batch = Batch::with_capacity(ENTRIES_AT_ONCE);
            for entry in left.by_ref().take(ENTRIES_AT_ONCE) {
                batch.remove(LAST_CHANGES, entry?.0.to_be_bytes());
            }
            self.write(batch)?;
        }
        Ok(())
    }

    /// Makes the entries of those (offset, documents key) that are still the document's last event.
    /// Writers go on meanwhile.
    pub(crate) fn index(&self, events: &[(u64, Vec<u8>)]) -> Result<(), EngineError> {
        let mut made = Vec::new();
        let mut batch = Batch::with_capacity(events.len());
        for (offset, key) in events {
            if self.last_event(key)? == Some(*offset) {
                let mut value = vec![VALUE_VERSION];
                value.extend_from_slice(key);
                batch.insert(LAST_CHANGES, offset.to_be_bytes(), value);
                made.push((offset, key));
            }
        }
        self.write(batch)?;
        // One that was written meanwhile may have taken its entry out before it was there.
        for (offset, key) in made {
            if self.last_event(key)? != Some(*offset) {
                self.remove(LAST_CHANGES, offset.to_be_bytes())?;
            }
        }
        Ok(())
    }
}

impl EngineSnapshot {
    /// The last-change index from `offset` on, in order.
    pub(crate) fn last_changes(&self, from: u64) -> impl Iterator<Item = Result<(u64, Vec<u8>), EngineError>> + use<> {
        let from = Bound::Included(from.to_be_bytes().to_vec());
        self.range(LAST_CHANGES, (from, Bound::Unbounded)).map(|entry| {
            let (key, value) = entry?;
            decode_last_change(&key, &value)
                .ok_or_else(|| EngineError(format!("the last-change entry {key:02x?} cannot be read")))
        })
    }
}

fn decode_last_change(key: &[u8], value: &[u8]) -> Option<(u64, Vec<u8>)> {
    let offset = u64::from_be_bytes(key.try_into().ok()?);
    let [VALUE_VERSION, document_key @ ..] = value else { return None };
    Some((offset, document_key.to_vec()))
}
