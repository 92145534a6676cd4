//! The spaces in memory, for tests that open, stop and crash many stores: a `MemoryDisk` outlives the stores that write to it.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{Entries, Key, KeyRange, Space, Value};

/// What a store with [`crate::StoreOptions::memory`] keeps instead of the engine's files: one app's documents and what belongs to them. Clones are
/// the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Content>>);

/// Every content is the one before it and one batch more.
#[derive(Debug, Clone, Default)]
struct Content {
    written: State,
    /// As the operating system has it.
    handed_over: State,
    synced: State,
    batches: u64,
}

/// Shared with snapshots, copied when it is written to.
type State = Arc<[BTreeMap<Key, Value>; Space::ALL.len()]>;

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process was killed: what the operating system had got is there.
    Kill,
    /// The machine lost its power: only what was synced is there.
    PowerLoss,
}

pub(crate) struct MemoryBatch {
    disk: MemoryDisk,
    changes: Vec<(Space, Key, Option<Value>)>,
}

#[derive(Clone)]
pub(crate) struct MemorySnapshot(State);

impl MemoryDisk {
    /// Another disk, with what `crash` leaves of this one.
    pub fn after(&self, crash: Crash) -> Self {
        let content = self.content();
        let left = match crash {
            Crash::Kill => content.handed_over.clone(),
            Crash::PowerLoss => content.synced.clone(),
        };
        let content = Content { written: left.clone(), handed_over: left.clone(), synced: left, batches: 0 };
        Self(Arc::new(Mutex::new(content)))
    }

    /// Batches written so far: as long as it is the same, nothing has changed.
    pub fn batches(&self) -> u64 {
        self.content().batches
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("not poisoned")
    }

    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Value> {
        self.content().written[space as usize].get(key).cloned()
    }

    pub(super) fn batch(&self) -> MemoryBatch {
        MemoryBatch { disk: self.clone(), changes: Vec::new() }
    }

    pub(super) fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot(self.content().written.clone())
    }

    pub(super) fn persist(&self) {
        let content = &mut *self.content();
        content.handed_over = content.written.clone();
        content.synced = content.written.clone();
    }
}

impl MemoryBatch {
    pub(super) fn insert(&mut self, space: Space, key: Key, value: Value) {
        self.changes.push((space, key, Some(value)));
    }

    pub(super) fn remove(&mut self, space: Space, key: Key) {
        self.changes.push((space, key, None));
    }

    pub(super) fn commit(self, to_system: bool) {
        let content = &mut *self.disk.content();
        let spaces = Arc::make_mut(&mut content.written);
        for (space, key, value) in self.changes {
            match value {
                Some(value) => spaces[space as usize].insert(key, value),
                None => spaces[space as usize].remove(&key),
            };
        }
        content.batches += 1;
        if to_system {
            content.handed_over = content.written.clone();
        }
    }
}

impl MemorySnapshot {
    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Value> {
        self.0[space as usize].get(key).cloned()
    }

    pub(super) fn range(&self, space: Space, (mut from, to): KeyRange) -> Entries {
        let state = self.0.clone();
        Box::new(std::iter::from_fn(move || {
            let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
            if let (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) = bounds
                && from >= to
            {
                return None;
            }
            let (key, value) = state[space as usize].range::<[u8], _>(bounds).next()?;
            from = Bound::Excluded(key.to_vec());
            Some(Ok((key.clone(), value.clone())))
        }))
    }
}
