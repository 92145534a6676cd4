//! What older versions noted of live queries, until it is taken over: their states, and the
//! documents that left one by an event that was trimmed.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `view:` and a name | what is known of the live query |
//! | `departures` | name, 0, 0, offset u64 BE | the documents key |
//! | `departures` | name, 0, 1, the documents key | that offset u64 BE |
//!
//! Not here: what is noted now (`views`), whose keys begin with a byte that no name begins with.

use key_values::Batch;

use super::{
    handle::Engine,
    last_changes::{ENTRIES_AT_ONCE, IndexEntry},
    spaces::{EngineError, META, VIEWS},
};

const STATE_PREFIX: &str = "view:";

/// Second part of a departure's key: found by the event's offset, or by the document.
const BY_OFFSET: u8 = 0;
const BY_DOCUMENT: u8 = 1;

impl Engine {
    /// What was known of the live query.
    pub(crate) fn older_view(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.get(META, state_key(name))?.map(|value| value.to_vec()))
    }

    /// The newest departure of each document from the live query, in the order of their events.
    pub(crate) fn older_departures(&self, name: &str) -> Result<Vec<IndexEntry>, EngineError> {
        let read = |entry: super::handle::Entry| {
            let (key, document) = entry?;
            let offset = key.split_last_chunk::<8>().map(|(_, offset)| u64::from_be_bytes(*offset));
            let offset = offset.ok_or_else(|| EngineError(format!("the departure {key:02x?} cannot be read")))?;
            Ok((offset, document.to_vec()))
        };
        self.prefix(VIEWS, &departures_prefix(name, BY_OFFSET)).map(read).collect()
    }

    /// Forgets it all; the state last, so that a crash does it again.
    pub(crate) fn forget_older_view(&self, name: &str) -> Result<(), EngineError> {
        for tag in [BY_OFFSET, BY_DOCUMENT] {
            self.forget_prefix(&departures_prefix(name, tag))?;
        }
        self.remove(META, state_key(name))
    }

    /// Takes out all of the space's entries whose keys begin so, some at a time.
    pub(super) fn forget_prefix(&self, prefix: &[u8]) -> Result<(), EngineError> {
        let mut entries = self.prefix(VIEWS, prefix).peekable();
        while entries.peek().is_some() {
            let mut batch = Batch::with_capacity(ENTRIES_AT_ONCE);
            for entry in entries.by_ref().take(ENTRIES_AT_ONCE) {
                batch.remove(VIEWS, entry?.0);
            }
            self.write(batch)?;
        }
        Ok(())
    }
}

fn state_key(name: &str) -> String {
    format!("{STATE_PREFIX}{name}")
}

fn departures_prefix(name: &str, tag: u8) -> Vec<u8> {
    let mut prefix = name.as_bytes().to_vec();
    prefix.extend_from_slice(&[0, tag]);
    prefix
}
