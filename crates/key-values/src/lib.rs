//! Sorted key-value spaces with atomic batches and snapshots: what a store of documents is written
//! on.
//!
//! [`KeyValues`] names no engine's types. Behind it stand [`FjallDisk`] (cargo feature `fjall`),
//! which keeps the spaces in files, and [`MemoryDisk`] (cargo feature `memory`), which a test can
//! crash as a disk would.
//!
//! Invariants: a batch is visible, and after a crash there, as a whole or not at all; batches are
//! applied in the order in which they were written; a snapshot never changes.
//! Not here: what the keys and values mean.

#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "memory")]
mod memory;

mod bytes;

use std::ops::Bound;

pub use bytes::Bytes;
#[cfg(feature = "fjall")]
pub use fjall::{DiskOptions, FjallDisk};
#[cfg(feature = "memory")]
pub use memory::{Crash, Crashed, MemoryDisk};

/// Why the spaces cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct KeyValuesError(pub String);

/// Key and value.
pub type KeyValue = (Bytes, Bytes);

/// What a scan gives, in the order of the keys.
pub type Entries = Box<dyn Iterator<Item = Result<KeyValue, KeyValuesError>> + Send>;

/// From and to where a scan goes.
pub type KeyRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// One sorted space, by its place in the list of spaces that a store was opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space(pub usize);

/// How a space is kept.
#[derive(Debug, Clone, Copy)]
pub struct SpaceOptions {
    /// Its name, by which it is found again. Never changed.
    pub name: &'static str,
    /// What is written is kept in memory up to this many bytes, then put into a table.
    pub memtable_bytes: u64,
    /// How values are looked for.
    pub access: Access,
}

/// How values of a space are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By key and by scans; values are large, and worth compressing.
    Large,
    /// By key and by scans; values are small.
    Small,
    /// By scans only: a filter of the keys would cost memory for nothing.
    ScansOnly,
}

/// Changes that become visible together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The space, the key, and its new value; `None` removes it. Of one key the last change counts.
    changes: Vec<(Space, Bytes, Option<Bytes>)>,
}

/// What a batch outlives once [`KeyValues::write`] has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: a kill may lose it until the next batch that says [`Durability::Process`], or
    /// [`KeyValues::persist`].
    None,
    /// The process, with every batch before it; not a loss of power.
    Process,
}

/// The spaces of one store.
pub trait KeyValues: Send + Sync {
    /// The value of `key`; `None` if there is none.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError>;

    /// Writes the batch.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), KeyValuesError>;

    /// A view of all spaces as they are now; holds back the clean-up, so it must not be kept for
    /// long.
    fn snapshot(&self) -> Box<dyn Snapshot>;

    /// Makes everything written so far durable.
    fn persist(&self) -> Result<(), KeyValuesError>;

    /// As [`KeyValues::persist`], and so that the next opening has nothing to replay.
    fn flush(&self) -> Result<(), KeyValuesError>;

    /// Bytes on disk.
    fn disk_bytes(&self) -> u64;

    /// Writes one value.
    fn insert(&self, space: Space, key: &[u8], value: &[u8]) -> Result<(), KeyValuesError> {
        let mut batch = Batch::with_capacity(1);
        batch.insert(space, key, value);
        self.write(batch, Durability::None)
    }

    /// Removes one value.
    fn remove(&self, space: Space, key: &[u8]) -> Result<(), KeyValuesError> {
        let mut batch = Batch::with_capacity(1);
        batch.remove(space, key);
        self.write(batch, Durability::None)
    }

    /// Entries whose keys begin with `prefix`, as they are now.
    fn prefix(&self, space: Space, prefix: &[u8]) -> Entries {
        self.snapshot().prefix(space, prefix)
    }
}

/// A view of all spaces that does not change.
pub trait Snapshot: Send + Sync {
    /// The value of `key`; `None` if there was none.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError>;

    /// The entries of that range.
    fn range(&self, space: Space, range: KeyRange) -> Entries;

    /// The entries of that range, the last first.
    fn range_backwards(&self, space: Space, range: KeyRange) -> Entries;

    /// Entries whose keys begin with `prefix`.
    fn prefix(&self, space: Space, prefix: &[u8]) -> Entries {
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

impl Batch {
    /// An empty batch with room for so many changes.
    pub fn with_capacity(changes: usize) -> Self {
        Self { changes: Vec::with_capacity(changes) }
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, space: Space, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.changes.push((space, key.into(), Some(value.into())));
    }

    /// Removes `key`, if it is there.
    pub fn remove(&mut self, space: Space, key: impl Into<Bytes>) {
        self.changes.push((space, key.into(), None));
    }
}

#[cfg(all(test, feature = "memory", feature = "fjall"))]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SPACES: usize = 3;
    const OPTIONS: DiskOptions = DiskOptions {
        cache_bytes: 1 << 20,
        threads: 1,
        spaces: &[
            SpaceOptions { name: "small", memtable_bytes: 4 << 20, access: Access::Small },
            SpaceOptions { name: "large", memtable_bytes: 4 << 20, access: Access::Large },
            SpaceOptions { name: "scanned", memtable_bytes: 4 << 20, access: Access::ScansOnly },
        ],
    };

    #[test]
    fn a_prefix_is_scanned_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = FjallDisk::open(dir.path(), &OPTIONS).unwrap();
        let keys: [&[u8]; 7] = [b"a", b"b", b"b\x00", b"b\xff", b"b\xff\xff\x01", b"c", b"\xff\xff"];
        for key in keys {
            store.insert(Space(0), key, b"value").unwrap();
        }
        let found = |prefix: &[u8]| -> Vec<Vec<u8>> {
            store.prefix(Space(0), prefix).map(|entry| entry.unwrap().0.to_vec()).collect()
        };
        assert_eq!(found(b""), keys);
        assert_eq!(found(b"b"), [&b"b"[..], b"b\x00", b"b\xff", b"b\xff\xff\x01"]);
        assert_eq!(found(b"b\xff"), [&b"b\xff"[..], b"b\xff\xff\x01"]);
        assert_eq!(found(b"\xff"), [b"\xff\xff"]);
        assert_eq!(found(b"d"), [b""; 0]);
    }

    /// Every space, from and to everywhere.
    fn content(snapshot: &dyn Snapshot) -> Vec<(Vec<u8>, Vec<u8>)> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let entries = (0..SPACES).flat_map(|space| snapshot.range(Space(space), all.clone()));
        entries.map(Result::unwrap).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        let key = || vec(0..3u8, 0..3);
        prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded)]
    }

    // The law of the copies is tried on the one in memory most of the time: it must do what the one
    // on disk does.
    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn in_memory_it_is_as_on_disk(
            batches in vec(vec((0..SPACES, vec(0..3u8, 1..3), prop::option::of(any::<u8>())), 0..6), 0..12),
            looks in vec((0..SPACES, bound(), bound(), vec(0..3u8, 0..3)), 1..6),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let on_disk = FjallDisk::open(dir.path(), &OPTIONS).unwrap();
            let stores: [Box<dyn KeyValues>; 2] = [Box::new(on_disk), Box::new(MemoryDisk::default())];
            let snapshots = stores.each_ref().map(|store| {
                let before = batches.iter().map(|changes| {
                    let before = store.snapshot();
                    let mut batch = Batch::with_capacity(changes.len());
                    for (space, key, value) in changes {
                        match value {
                            Some(value) => batch.insert(Space(*space), &key[..], vec![*value]),
                            None => batch.remove(Space(*space), &key[..]),
                        }
                    }
                    store.write(batch, Durability::None).unwrap();
                    before
                });
                before.collect::<Vec<_>>()
            });
            for (on_disk, in_memory) in snapshots[0].iter().zip(&snapshots[1]) {
                prop_assert_eq!(content(&**on_disk), content(&**in_memory));
            }
            for (space, from, to, key) in looks {
                let space = Space(space);
                let [on_disk, in_memory] = stores.each_ref().map(|store| {
                    let snapshot = store.snapshot();
                    let entries = |entries: Entries| entries.map(Result::unwrap).collect::<Vec<_>>();
                    let range = entries(snapshot.range(space, (from.clone(), to.clone())));
                    let mut backwards = entries(snapshot.range_backwards(space, (from.clone(), to.clone())));
                    backwards.reverse();
                    assert_eq!(backwards, range);
                    let found = (store.get(space, &key).unwrap(), snapshot.get(space, &key).unwrap());
                    (range, entries(snapshot.prefix(space, &key)), found)
                });
                prop_assert_eq!(on_disk, in_memory);
            }
        }
    }
}
