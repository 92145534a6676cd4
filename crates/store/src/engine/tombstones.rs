//! Tombstones that are dropped, and the floor below which that may have happened.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `tombstone_floor` | version 1, u64 LE: below it tombstones were dropped |

use std::sync::atomic::Ordering::SeqCst;

use key_values::Batch;

use super::{
    departures::{departure_at, departure_of},
    documents::decode_stored,
    handle::{Engine, TOMBSTONE_FLOOR_KEY},
    last_changes::IndexEntry,
    spaces::{DEPARTURES, DOCUMENTS, EngineError, LAST_CHANGES, META, encode_number},
};
use crate::trim_observer::KeptTombstones;

impl Engine {
    /// Drops the tombstones of those entries of the last-change index that are still the document's last event, and raises the floor above all of
    /// them. Gives how many went, and the entries that stay because of `needed`. Writers wait meanwhile.
    pub(crate) fn drop_tombstones(
        &self,
        entries: &[IndexEntry],
        needed: &KeptTombstones,
    ) -> Result<(u64, Vec<IndexEntry>), EngineError> {
        let views = self.views()?;
        let _writers_wait = self.indexed_to.lock().expect("not poisoned");
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (offset, key) in entries {
            let Some(value) = self.get(DOCUMENTS, key)? else { continue };
            let stored = decode_stored(key, &value)?;
            if stored.last_event != Some(*offset) || stored.document.exists() {
                continue;
            }
            let departures = self.departures_of(key, &views)?;
            let is_needed = |offset: &u64| *offset >= needed.from || needed.at.contains(offset);
            if is_needed(offset) || departures.iter().any(|(_, offset)| is_needed(offset)) {
                kept.push((*offset, key.clone()));
            } else {
                gone.push((*offset, key, departures));
            }
        }
        if let Some(last) = gone.iter().map(|(offset, ..)| *offset).max() {
            self.tombstone_floor.fetch_max(last + 1, SeqCst);
            let mut batch = Batch::with_capacity(2 * gone.len() + 1);
            batch.insert(META, TOMBSTONE_FLOOR_KEY, encode_number(self.tombstone_floor()));
            for (offset, key, departures) in &gone {
                batch.remove(DOCUMENTS, key.as_slice());
                batch.remove(LAST_CHANGES, offset.to_be_bytes());
                for (view, at) in departures {
                    batch.remove(DEPARTURES, departure_at(view, &at.to_be_bytes()));
                    batch.remove(DEPARTURES, departure_of(view, key));
                }
            }
            self.write(batch)?;
        }
        Ok((gone.len() as u64, kept))
    }
}
