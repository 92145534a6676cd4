//! Tombstones that are dropped, and the floor below which that may have happened.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `tombstone_floor` | version 2, u64 LE: below it tombstones were dropped; txnId u64 LE, of the last of them |
//!
//! Version 1 has no txnId.

use std::collections::BTreeMap;

use super::{
    documents::{decode_stored, stored_parts},
    handle::{Engine, EngineBatch, TOMBSTONE_FLOOR_KEY},
    last_changes::IndexEntry,
    spaces::{DOCUMENTS, EngineError, LAST_CHANGES, META, encode_floor},
};
use crate::{
    position::TxnId,
    tombstones::DroppedTombstones,
    views::{ViewId, ViewLeave},
};

/// Asked of a tombstone's event and the last leaves of its document.
pub(crate) type IsNeeded<'a> = &'a dyn Fn(u64, &[(ViewId, ViewLeave)]) -> bool;

impl Engine {
    /// Of those entries of the last-change index that are still a tombstone's last event: those
    /// that can go, and those that stay since their event, or one by which the document left a view,
    /// `is_needed`.
    pub(crate) fn droppable_tombstones(
        &self,
        entries: &[IndexEntry],
        is_needed: IsNeeded<'_>,
    ) -> Result<(Vec<IndexEntry>, Vec<IndexEntry>), EngineError> {
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (offset, key) in entries {
            let Some(value) = self.get(DOCUMENTS, key)? else { continue };
            let stored = decode_stored(key, &value)?;
            if stored.last_event != Some(*offset) || stored.document.exists() {
                continue;
            }
            let stays = is_needed(*offset, &self.leaves_of(key)?);
            if stays { &mut kept } else { &mut gone }.push((*offset, key.clone()));
        }
        Ok((gone, kept))
    }
}

impl<'a> EngineBatch<'a> {
    /// Takes tombstones out, with all that names them. The floor is raised before: whoever takes a
    /// snapshot and then looks at the floor knows whether the snapshot may lack one.
    pub(crate) fn drop_tombstones(
        &mut self,
        engine: &'a Engine,
        dropped: &DroppedTombstones,
    ) -> Result<(), EngineError> {
        let mut last_txn = TxnId(0);
        if let Some((_, key)) = dropped.tombstones.iter().max_by_key(|(offset, _)| *offset)
            && let Some(value) = engine.get(DOCUMENTS, key)?
        {
            last_txn = TxnId(stored_parts(key, &value)?.txn);
        }
        let floor = engine.raise_tombstone_floor(dropped.floor, last_txn);
        self.batch.insert(META, TOMBSTONE_FLOOR_KEY, encode_floor(floor));
        let mut floors = BTreeMap::new();
        for (offset, key) in &dropped.tombstones {
            self.batch.remove(DOCUMENTS, key.as_slice());
            self.batch.remove(LAST_CHANGES, offset.to_be_bytes());
            self.drop_leaves(engine, key, floor.0, &mut floors)?;
        }
        self.put_view_floors(&floors);
        Ok(())
    }
}
