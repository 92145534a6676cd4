//! Sorted key-value spaces with atomic batches and snapshots: what a store of documents is written
//! on.
//!
//! [`KeyValues`] names no engine's types. Behind it stand [`FjallDisk`] (cargo feature `fjall`),
//! which keeps the spaces of a server in a folder, [`RedbDisk`] (cargo feature `redb`), which keeps
//! those of a small peer in one file, [`LoggedMemory`] (cargo feature `logged`), which keeps
//! them in memory with a log that the host keeps, and [`MemoryDisk`] (cargo feature `memory`), which a test can
//! crash as a disk would.
//!
//! Invariants: a batch is visible, and after a crash there, as a whole or not at all; batches are
//! applied in the order in which they were written; a snapshot never changes.
//! Not here: what the keys and values mean.

#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "logged")]
mod logged;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "redb")]
mod redb;

mod bytes;

use std::ops::Bound;

pub use bytes::Bytes;
#[cfg(feature = "fjall")]
pub use fjall::{DiskOptions, FjallDisk};
#[cfg(feature = "logged")]
pub use logged::LoggedMemory;
#[cfg(feature = "memory")]
pub use memory::{Crash, Crashed, MemoryDisk};
#[cfg(feature = "redb")]
pub use redb::{IN_USE, RedbDisk};

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
    /// The process, with every batch before it; not a loss of power. With [`RedbDisk`] only after the
    /// next [`KeyValues::persist`].
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

/// Whether nothing lies between them. Maps and engines differ in what they do then.
#[cfg(any(feature = "logged", feature = "memory", feature = "redb"))]
fn is_empty((from, to): &(Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}

#[cfg(all(test, feature = "logged", feature = "memory", feature = "fjall", feature = "redb"))]
mod tests;
