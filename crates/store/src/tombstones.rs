//! Tombstones that are dropped: the journal's entry, and which are old enough.
//!
//! ```text
//! entry = version 1 | floor u64 | count u32 | offset u64, documents key (length u32, bytes) | …
//! ```
//! Numbers are little-endian. The entry names each, so that a replay drops the same ones, whatever
//! the limits are then.
//!
//! Invariant: a tombstone goes only while it is its document's last state and its event was
//! trimmed; the sequencer has the last word on that.
//! Not here: when it is looked (`retention`), how they are taken out (`engine`).

use crate::{
    binary::{put_bytes, put_u32, take, take_bytes, take_u32},
    engine::{ENTRIES_AT_ONCE, EngineError, IndexEntry},
    shared::Shared,
    trim_observer::{KeptTombstones, TrimObserver},
    views::{ViewId, ViewLeave},
};

const VERSION: u8 = 1;

/// Entries of the index that are looked at on one snapshot.
const LOOK_AT_ONCE: usize = 10_000;

/// Tombstones that are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DroppedTombstones {
    /// Above the last events of all of them.
    pub(crate) floor: u64,
    /// The offset of each one's event, and its documents key.
    pub(crate) tombstones: Vec<IndexEntry>,
}

impl DroppedTombstones {
    /// Those of the index.
    pub(crate) fn of(tombstones: Vec<IndexEntry>) -> Self {
        let floor = tombstones.iter().map(|(offset, _)| offset + 1).max().unwrap_or(0);
        Self { floor, tombstones }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.floor.to_le_bytes());
        put_u32(out, self.tombstones.len() as u32);
        for (offset, key) in &self.tombstones {
            out.extend_from_slice(&offset.to_le_bytes());
            put_bytes(out, key);
        }
    }

    /// `None` if the bytes are not what [`DroppedTombstones::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let floor = u64::from_le_bytes(take(&mut rest)?);
        let count = take_u32(&mut rest)?;
        let mut tombstones = Vec::new();
        for _ in 0..count {
            let offset = u64::from_le_bytes(take(&mut rest)?);
            tombstones.push((offset, take_bytes(&mut rest)?.to_vec()));
        }
        rest.is_empty().then_some(Self { floor, tombstones })
    }
}

/// Finds tombstones whose event was trimmed. Removals stand in the last-change index in the order
/// of their times, so one pass goes up to the first that is too young, and the next pass begins
/// there: what was passed over are documents that exist.
pub(crate) struct OldTombstones {
    next: u64,
    /// Old ones that were passed over and had to stay, for now.
    kept: Vec<IndexEntry>,
}

impl OldTombstones {
    pub(crate) fn new(floor: u64) -> Self {
        Self { next: floor, kept: Vec::new() }
    }

    /// Calls `drop` with those that are older than the limit, some at a time, while the observer
    /// lets nobody need more. `drop` gives how many went. After an error the next pass begins where
    /// this one did: it may be that the disk is full for a while.
    pub(crate) fn drop_old(
        &mut self,
        shared: &Shared,
        observer: &dyn TrimObserver,
        drop: &dyn Fn(DroppedTombstones) -> Result<u64, EngineError>,
    ) -> Result<u64, EngineError> {
        let Some(limit) = shared.options.tombstone_retention_ms else { return Ok(0) };
        // By a clock that is not believed nothing is too old.
        let Some(now_ms) = shared.clock.time().believed_ms() else { return Ok(0) };
        let oldest_kept_ms = now_ms.saturating_sub(limit);
        let mut dropped = 0;
        let mut more = true;
        while more {
            let before = Self { next: self.next, kept: self.kept.clone() };
            match self.drop_some(shared, observer, oldest_kept_ms, drop) {
                Ok((gone, has_more)) => (dropped, more) = (dropped + gone, has_more),
                Err(error) => {
                    *self = before;
                    return Err(error);
                }
            }
        }
        Ok(dropped)
    }

    /// How many went of those that one look finds, and whether there may be more.
    fn drop_some(
        &mut self,
        shared: &Shared,
        observer: &dyn TrimObserver,
        oldest_kept_ms: u64,
        drop: &dyn Fn(DroppedTombstones) -> Result<u64, EngineError>,
    ) -> Result<(u64, bool), EngineError> {
        let mut dropped = 0;
        let mut end = shared.journal.start().first_offset;
        observer.keeping(&mut |kept| end = end.min(kept.from));
        let mut old = std::mem::take(&mut self.kept);
        let more = self.find(shared, oldest_kept_ms, end, &mut old)?;
        for entries in old.chunks(ENTRIES_AT_ONCE) {
            let mut done = Ok((0, Vec::new()));
            observer.keeping(&mut |mut kept: KeptTombstones| {
                // The app's last event too.
                kept.at.extend(shared.events.high_watermark().checked_sub(1));
                let is_needed = |offset: u64, leaves: &[(ViewId, ViewLeave)]| {
                    let is_end =
                        |(view, at): &(ViewId, ViewLeave)| kept.ends.contains(&(*view, at.partition, at.offset));
                    offset >= kept.from || kept.at.contains(&offset) || leaves.iter().any(is_end)
                };
                done = shared.engine.droppable_tombstones(entries, &is_needed).and_then(|(gone, kept)| {
                    let gone = if gone.is_empty() { 0 } else { drop(DroppedTombstones::of(gone))? };
                    Ok((gone, kept))
                });
            });
            let (gone, kept) = done?;
            dropped += gone;
            self.kept.extend(kept);
        }
        Ok((dropped, more))
    }

    /// Adds the next old tombstones below `end` to `old`; whether there may be more.
    fn find(
        &mut self,
        shared: &Shared,
        oldest_kept_ms: u64,
        end: u64,
        old: &mut Vec<IndexEntry>,
    ) -> Result<bool, EngineError> {
        let snapshot = shared.engine.snapshot();
        for entry in snapshot.last_changes(self.next).take(LOOK_AT_ONCE) {
            let (offset, key) = entry?;
            if offset >= end {
                return Ok(false);
            }
            let stored = snapshot.document(&key)?.filter(|stored| stored.last_event == Some(offset));
            if let Some(tombstone) = stored.map(|stored| stored.document).filter(|document| !document.exists()) {
                if tombstone.stamp_max().wall_ms() >= oldest_kept_ms {
                    return Ok(false);
                }
                old.push((offset, key));
            }
            self.next = offset + 1;
        }
        Ok(snapshot.last_changes(self.next).next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_and_every_cut_is_refused() {
        let dropped = DroppedTombstones::of(vec![(7, b"c\0\"a\"".to_vec()), (3, Vec::new())]);
        assert_eq!(dropped.floor, 8);
        let mut bytes = Vec::new();
        dropped.encode(&mut bytes);
        assert_eq!(DroppedTombstones::decode(&bytes), Some(dropped));
        assert!((0..bytes.len()).all(|cut| DroppedTombstones::decode(&bytes[..cut]).is_none()));
    }
}
