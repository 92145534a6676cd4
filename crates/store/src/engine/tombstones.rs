//! Tombstones that are dropped, and the floor below which that may have happened.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `tombstone_floor` | version 1, u64 LE: below it tombstones were dropped |

use std::sync::atomic::Ordering::SeqCst;

use super::{
    departures::{departure_at, departure_of},
    documents::decode_stored,
    handle::{Engine, EngineBatch, TOMBSTONE_FLOOR_KEY},
    last_changes::IndexEntry,
    spaces::{DEPARTURES, DOCUMENTS, EngineError, LAST_CHANGES, META, encode_number},
};
use crate::tombstones::DroppedTombstones;

impl Engine {
    /// Of those entries of the last-change index that are still a tombstone's last event: those
    /// that can go, and those that stay since their event, or that by which the document left a
    /// view, `is_needed`.
    pub(crate) fn droppable_tombstones(
        &self,
        entries: &[IndexEntry],
        is_needed: &dyn Fn(u64) -> bool,
    ) -> Result<(Vec<IndexEntry>, Vec<IndexEntry>), EngineError> {
        let views = self.views()?;
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (offset, key) in entries {
            let Some(value) = self.get(DOCUMENTS, key)? else { continue };
            let stored = decode_stored(key, &value)?;
            if stored.last_event != Some(*offset) || stored.document.exists() {
                continue;
            }
            let departures = self.departures_of(key, &views)?;
            let stays = is_needed(*offset) || departures.iter().any(|(_, offset)| is_needed(*offset));
            if stays { &mut kept } else { &mut gone }.push((*offset, key.clone()));
        }
        Ok((gone, kept))
    }
}

impl EngineBatch<'_> {
    /// Takes tombstones out, with all that names them. The floor is raised before: whoever takes a
    /// snapshot and then looks at the floor knows whether the snapshot may lack one.
    pub(crate) fn drop_tombstones(&mut self, engine: &Engine, dropped: &DroppedTombstones) -> Result<(), EngineError> {
        engine.tombstone_floor.fetch_max(dropped.floor, SeqCst);
        self.batch.insert(META, TOMBSTONE_FLOOR_KEY, encode_number(engine.tombstone_floor()));
        let views = engine.views()?;
        for (offset, key) in &dropped.tombstones {
            self.batch.remove(DOCUMENTS, key.as_slice());
            self.batch.remove(LAST_CHANGES, offset.to_be_bytes());
            for (view, at) in engine.departures_of(key, &views)? {
                self.batch.remove(DEPARTURES, departure_at(view, &at.to_be_bytes()));
                self.batch.remove(DEPARTURES, departure_of(view, key));
            }
        }
        Ok(())
    }
}
