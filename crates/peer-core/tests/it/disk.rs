//! A disk in memory whose writes fail from a planned batch on, as for a full disk or a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use key_values::{Batch, Bytes, Crash, Durability, KeyValues, KeyValuesError, MemoryDisk, Snapshot, Space};

#[derive(Clone)]
pub(crate) struct Disk {
    memory: MemoryDisk,
    /// How many batches may still be written.
    left: Arc<AtomicI64>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { memory: MemoryDisk::default(), left: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    /// After so many batches writing fails.
    pub(crate) fn fail_after(&self, batches: i64) {
        self.left.store(batches, Ordering::Relaxed);
    }

    pub(crate) fn heal(&self) {
        self.fail_after(i64::MAX);
    }

    /// What a kill leaves.
    pub(crate) fn after(&self, crash: Crash) -> Self {
        Self { memory: self.memory.after(crash), left: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    pub(crate) fn len(&self, space: usize) -> usize {
        self.memory.prefix(Space(space), &[]).count()
    }

    /// What the server has, as far as the peer knows: state by key, of evicted documents too.
    pub(crate) fn synced(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let entries = self.memory.prefix(Space(1), &[]).map(Result::unwrap);
        entries.map(|(key, record)| (key.to_vec(), state(&record).to_vec())).collect()
    }

    /// The documents that a subscription has.
    pub(crate) fn members(&self, sub: u64) -> BTreeSet<Vec<u8>> {
        self.memory.prefix(Space(5), &sub.to_be_bytes()).map(|entry| entry.unwrap().0[8..].to_vec()).collect()
    }
}

/// Behind the version, the flags and the base.
fn state(record: &[u8]) -> &[u8] {
    let numbers = if record[1] & 4 == 0 { 1 } else { 2 };
    let after = |bytes: &[u8]| bytes.iter().position(|byte| *byte < 0x80).unwrap() + 1;
    (0..numbers).fold(&record[2..], |rest, _| &rest[after(rest)..])
}

impl KeyValues for Disk {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        self.memory.get(space, key)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), KeyValuesError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 0 {
            return Err(KeyValuesError("the disk is full".to_owned()));
        }
        self.memory.write(batch, durability)
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.memory.snapshot()
    }

    fn persist(&self) -> Result<(), KeyValuesError> {
        self.memory.persist()
    }

    fn flush(&self) -> Result<(), KeyValuesError> {
        self.memory.flush()
    }

    fn disk_bytes(&self) -> u64 {
        0
    }
}
