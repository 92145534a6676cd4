//! A peer's disk in memory, whose writes fail from a planned batch on: a full disk, or a kill.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use key_values::{Batch, Bytes, Crash, Durability, KeyValues, KeyValuesError, MemoryDisk, Snapshot, Space};

/// Places of `peer_core::SPACES`, which never change.
const SYNCED: Space = Space(1);
const VIEW: Space = Space(2);
const MEMBER: Space = Space(5);
const STAGED: Space = Space(9);

#[derive(Debug, Clone)]
pub(crate) struct Disk {
    memory: MemoryDisk,
    /// How many batches may still be written.
    left: Arc<AtomicI64>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self::on(MemoryDisk::default())
    }

    fn on(memory: MemoryDisk) -> Self {
        Self { memory, left: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    /// After so many batches writing fails.
    pub(crate) fn fail_after(&self, batches: u32) {
        self.left.store(batches.into(), Relaxed);
    }

    pub(crate) fn heal(&self) {
        self.left.store(i64::MAX, Relaxed);
    }

    /// What is left after a crash, on a disk that takes writes.
    pub(crate) fn after(&self, crash: Crash) -> Self {
        Self::on(self.memory.after(crash))
    }

    /// What waits to be shown, and parts of transactions: nothing once everything is in.
    pub(crate) fn leftovers(&self) -> usize {
        self.memory.prefix(VIEW, &[]).count() + self.memory.prefix(STAGED, &[]).count()
    }

    /// What the server has, as far as the peer knows, of evicted documents too: state by key.
    pub(crate) fn synced(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let entries = self.memory.prefix(SYNCED, &[]).map(|entry| entry.expect("memory is read"));
        entries.map(|(key, record)| (key.to_vec(), state(&record).to_vec())).collect()
    }

    /// Of one document.
    pub(crate) fn synced_state(&self, key: &[u8]) -> Option<Vec<u8>> {
        let record = self.memory.get(SYNCED, key).expect("memory is read");
        record.map(|record| state(&record).to_vec())
    }

    /// Whether something of the document is pending.
    pub(crate) fn has_view(&self, key: &[u8]) -> bool {
        self.memory.get(VIEW, key).expect("memory is read").is_some()
    }

    /// The documents that a subscription has.
    pub(crate) fn members(&self, sub: u64) -> BTreeSet<Vec<u8>> {
        let entries = self.memory.prefix(MEMBER, &sub.to_be_bytes());
        entries.map(|entry| entry.expect("memory is read").0[8..].to_vec()).collect()
    }
}

/// Behind the version, the flags, the base, and by when it was taken if the flags say that.
fn state(record: &[u8]) -> &[u8] {
    let numbers = if record[1] & 4 == 0 { 1 } else { 2 };
    let after = |bytes: &[u8]| bytes.iter().position(|byte| *byte < 0x80).expect("a number ends") + 1;
    (0..numbers).fold(&record[2..], |rest, _| &rest[after(rest)..])
}

impl KeyValues for Disk {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, KeyValuesError> {
        self.memory.get(space, key)
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), KeyValuesError> {
        if self.left.fetch_sub(1, Relaxed) <= 0 {
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
