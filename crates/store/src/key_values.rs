//! Sorted key-value spaces with atomic batches and snapshots: what [`crate::engine`] is written on.
//!
//! fjall keeps them on disk; with the feature `memory` a test may keep them in memory instead, which survives as a disk would and can crash as
//! one does. Nothing else in this crate knows either.
//! Not here: what the keys and values mean.

mod disk;
mod inventory;
#[cfg(feature = "memory")]
pub(crate) mod memory;

use std::{ops::Bound, path::Path};

pub(crate) use fjall::{UserKey as Key, UserValue as Value};

/// Why the engine failed. A damaged value says which.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct EngineError(pub(crate) String);

/// Key and value bytes.
pub(crate) type KeyValue = (Key, Value);

/// What a scan gives, in the order of the keys.
pub(crate) type Entries = Box<dyn Iterator<Item = Result<KeyValue, EngineError>> + Send>;

/// From and to where a scan goes.
pub(crate) type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// One sorted space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Space {
    Documents,
    LastChanges,
    Departures,
    ConsumerOffsets,
    Meta,
}

impl Space {
    pub(crate) const ALL: [Self; 5] =
        [Self::Documents, Self::LastChanges, Self::Departures, Self::ConsumerOffsets, Self::Meta];
}

/// The spaces of one app.
pub(crate) enum KeyValues {
    Disk(disk::Disk),
    #[cfg(feature = "memory")]
    Memory(memory::MemoryDisk),
}

/// Writes that become visible together.
pub(crate) enum Batch {
    Disk(disk::DiskBatch),
    #[cfg(feature = "memory")]
    Memory(memory::MemoryBatch),
}

/// A consistent view of all spaces; holds back the clean-up, so it must not be kept for long.
pub(crate) enum KeySnapshot {
    Disk(disk::DiskSnapshot),
    #[cfg(feature = "memory")]
    Memory(memory::MemorySnapshot),
}

impl KeyValues {
    /// Opens or makes the files in `dir`, with a block cache of `cache_bytes` and so many threads for tables.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, threads: usize) -> Result<Self, EngineError> {
        Ok(Self::Disk(disk::Disk::open(dir, cache_bytes, threads)?))
    }

    pub(crate) fn get(&self, space: Space, key: impl AsRef<[u8]>) -> Result<Option<Value>, EngineError> {
        match self {
            Self::Disk(disk) => disk.get(space, key.as_ref()),
            #[cfg(feature = "memory")]
            Self::Memory(memory) => Ok(memory.get(space, key.as_ref())),
        }
    }

    pub(crate) fn batch(&self, capacity: usize) -> Batch {
        match self {
            Self::Disk(disk) => Batch::Disk(disk.batch(capacity)),
            #[cfg(feature = "memory")]
            Self::Memory(memory) => Batch::Memory(memory.batch()),
        }
    }

    pub(crate) fn insert(
        &self,
        space: Space,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), EngineError> {
        let mut batch = self.batch(1);
        batch.insert(space, key.as_ref(), value.as_ref());
        batch.commit()
    }

    pub(crate) fn remove(&self, space: Space, key: impl AsRef<[u8]>) -> Result<(), EngineError> {
        let mut batch = self.batch(1);
        batch.remove(space, key.as_ref());
        batch.commit()
    }

    /// Entries whose keys begin with `prefix`.
    pub(crate) fn prefix(&self, space: Space, prefix: impl AsRef<[u8]>) -> Entries {
        self.snapshot().prefix(space, prefix.as_ref())
    }

    pub(crate) fn snapshot(&self) -> KeySnapshot {
        match self {
            Self::Disk(disk) => KeySnapshot::Disk(disk.snapshot()),
            #[cfg(feature = "memory")]
            Self::Memory(memory) => KeySnapshot::Memory(memory.snapshot()),
        }
    }

    /// Makes everything written so far durable.
    pub(crate) fn persist(&self) -> Result<(), EngineError> {
        match self {
            Self::Disk(disk) => disk.persist(),
            #[cfg(feature = "memory")]
            Self::Memory(memory) => {
                memory.persist();
                Ok(())
            }
        }
    }

    /// As [`KeyValues::persist`], and so that the next opening has nothing to replay.
    pub(crate) fn flush(&self) -> Result<(), EngineError> {
        match self {
            Self::Disk(disk) => disk.flush(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => self.persist(),
        }
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        match self {
            Self::Disk(disk) => disk.disk_bytes(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => 0,
        }
    }
}

impl Batch {
    pub(crate) fn insert(&mut self, space: Space, key: impl Into<Key>, value: impl Into<Value>) {
        match self {
            Self::Disk(batch) => batch.insert(space, key.into(), value.into()),
            #[cfg(feature = "memory")]
            Self::Memory(batch) => batch.insert(space, key.into(), value.into()),
        }
    }

    pub(crate) fn remove(&mut self, space: Space, key: impl Into<Key>) {
        match self {
            Self::Disk(batch) => batch.remove(space, key.into()),
            #[cfg(feature = "memory")]
            Self::Memory(batch) => batch.remove(space, key.into()),
        }
    }

    /// Writes it. A kill may lose it until the next [`Batch::commit_to_system`] or [`KeyValues::persist`].
    pub(crate) fn commit(self) -> Result<(), EngineError> {
        match self {
            Self::Disk(batch) => batch.commit(),
            #[cfg(feature = "memory")]
            Self::Memory(batch) => {
                batch.commit(false);
                Ok(())
            }
        }
    }

    /// Writes it, and hands it and all before it to the operating system: it outlives the process, though not a loss of power.
    pub(crate) fn commit_to_system(self) -> Result<(), EngineError> {
        match self {
            Self::Disk(batch) => batch.commit_to_system(),
            #[cfg(feature = "memory")]
            Self::Memory(batch) => {
                batch.commit(true);
                Ok(())
            }
        }
    }
}

impl KeySnapshot {
    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Value>, EngineError> {
        match self {
            Self::Disk(snapshot) => snapshot.get(space, key),
            #[cfg(feature = "memory")]
            Self::Memory(snapshot) => Ok(snapshot.get(space, key)),
        }
    }

    /// The entries of that range.
    pub(crate) fn range(&self, space: Space, range: KeyRange) -> Entries {
        match self {
            Self::Disk(snapshot) => snapshot.range(space, range),
            #[cfg(feature = "memory")]
            Self::Memory(snapshot) => snapshot.range(space, range),
        }
    }

    /// Entries whose keys begin with `prefix`.
    pub(crate) fn prefix(&self, space: Space, prefix: &[u8]) -> Entries {
        let mut end = prefix.to_vec();
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        let end = match end.last_mut() {
            Some(last) => {
                *last += 1;
                Bound::Excluded(end)
            }
            None => Bound::Unbounded,
        };
        self.range(space, (Bound::Included(prefix.to_vec()), end))
    }
}

#[cfg(all(test, feature = "memory"))]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_prefix_is_scanned_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = KeyValues::open(dir.path(), 1 << 20, 1).unwrap();
        let keys: [&[u8]; 7] = [b"a", b"b", b"b\x00", b"b\xff", b"b\xff\xff\x01", b"c", b"\xff\xff"];
        for key in keys {
            store.insert(Space::Meta, key, b"value").unwrap();
        }
        let found = |prefix: &[u8]| -> Vec<Vec<u8>> {
            store.prefix(Space::Meta, prefix).map(|entry| entry.unwrap().0.to_vec()).collect()
        };
        assert_eq!(found(b""), keys);
        assert_eq!(found(b"b"), [&b"b"[..], b"b\x00", b"b\xff", b"b\xff\xff\x01"]);
        assert_eq!(found(b"b\xff"), [&b"b\xff"[..], b"b\xff\xff\x01"]);
        assert_eq!(found(b"\xff"), [b"\xff\xff"]);
        assert_eq!(found(b"d"), [b""; 0]);
    }

    /// Every space, from and to everywhere.
    fn content(snapshot: &KeySnapshot) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let entries = Space::ALL.into_iter().flat_map(|space| snapshot.range(space, all.clone()));
        entries.map(Result::unwrap).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        let key = || vec(0..3u8, 0..3);
        prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded)]
    }

    // The law of the copies is tried on the one in memory most of the time: it must do what the one on disk does.
    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn in_memory_it_is_as_on_disk(
            batches in vec(vec((0..5usize, vec(0..3u8, 1..3), prop::option::of(any::<u8>())), 0..6), 0..12),
            looks in vec((0..5usize, bound(), bound(), vec(0..3u8, 0..3)), 1..6),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let stores = [KeyValues::open(dir.path(), 1 << 20, 1).unwrap(), KeyValues::Memory(memory::MemoryDisk::default())];
            let snapshots = stores.each_ref().map(|store| {
                let before = batches.iter().map(|changes| {
                    let before = store.snapshot();
                    let mut batch = store.batch(changes.len());
                    for (space, key, value) in changes {
                        match value {
                            Some(value) => batch.insert(Space::ALL[*space], &key[..], vec![*value]),
                            None => batch.remove(Space::ALL[*space], &key[..]),
                        }
                    }
                    batch.commit().unwrap();
                    before
                });
                before.collect::<Vec<_>>()
            });
            for (on_disk, in_memory) in snapshots[0].iter().zip(&snapshots[1]) {
                prop_assert_eq!(content(on_disk), content(in_memory));
            }
            for (space, from, to, key) in looks {
                let space = Space::ALL[space];
                let [on_disk, in_memory] = stores.each_ref().map(|store| {
                    let snapshot = store.snapshot();
                    let entries = |entries: Entries| entries.map(Result::unwrap).collect::<Vec<_>>();
                    let range = entries(snapshot.range(space, (from.clone(), to.clone())));
                    let found = (store.get(space, &key).unwrap(), snapshot.get(space, &key).unwrap());
                    (range, entries(snapshot.prefix(space, &key)), found)
                });
                prop_assert_eq!(on_disk, in_memory);
            }
        }
    }
}
