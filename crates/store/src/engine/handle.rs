//! The documents of one app as a whole: opened, written in groups, looked at.
//!
//! Invariants: a group is written in one atomic batch with its position, so the documents are
//! always those of one frame; nothing is synced here but by [`Engine::persist`], since the journal
//! can replay what is lost.

use std::sync::{Mutex, MutexGuard, RwLock};

use key_values::{Batch, Bytes, Durability, KeyRange, KeyValue, KeyValues, KeyValuesError, Snapshot, Space};

use super::{
    catalog::{Catalog, ReadyIndexes},
    spaces::{EngineError, META, VALUE_VERSION, decode_floor, decode_number},
};
use crate::position::{Position, TxnId};

const POSITION_KEY: &[u8] = b"position";
pub(crate) const INDEXED_TO_KEY: &[u8] = b"indexed_to";
pub(crate) const TOMBSTONE_FLOOR_KEY: &[u8] = b"tombstone_floor";

/// One app's documents, last-change index, consumer offsets and position.
pub(crate) struct Engine {
    pub(super) store: Box<dyn KeyValues>,
    /// The index covers the offsets below it; only grows. Held while a group is written, so that
    /// each group is written before it grows, and its documents are then indexed, or behind it, and
    /// takes their entries out.
    pub(super) indexed_to: Mutex<u64>,
    /// Held by whoever changes what is noted of leaves, from what it reads to what it writes.
    pub(super) leaves: Mutex<()>,
    /// Every dropped tombstone's event was below it; only grows. And the transaction of the last.
    pub(super) tombstone_floor: Mutex<(u64, TxnId)>,
    /// Held while a group is written, behind `indexed_to`, and while an index is built.
    pub(super) catalog: Mutex<Catalog>,
    pub(super) ready_indexes: RwLock<ReadyIndexes>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// What is kept in `store`.
    pub(crate) fn open(store: Box<dyn KeyValues>) -> Result<Self, EngineError> {
        let number = |key: &[u8]| store.get(META, key)?.map_or(Ok(0), |value| decode_number(key, &value));
        let indexed_to = number(INDEXED_TO_KEY)?.into();
        let tombstone_floor =
            store.get(META, TOMBSTONE_FLOOR_KEY)?.map(|value| decode_floor(TOMBSTONE_FLOOR_KEY, &value)).transpose()?;
        let tombstone_floor = tombstone_floor.unwrap_or((0, TxnId(0))).into();
        let get = |key: &[u8]| Ok(store.get(META, key)?);
        let position = store.get(META, POSITION_KEY)?.map(|value| decode_position(&value)).transpose()?;
        let applied_frames = position.map_or(0, |position| position.next_frame);
        let prefix =
            |prefix: &[u8]| -> Box<dyn Iterator<Item = Entry>> { Box::new(store.prefix(META, prefix).map(of_engine)) };
        let catalog = Catalog::read(applied_frames, get, prefix)?;
        let ready_indexes = RwLock::new(catalog.ready());
        let (leaves, catalog) = (Mutex::default(), catalog.into());
        Ok(Self { store, indexed_to, leaves, tombstone_floor, catalog, ready_indexes })
    }

    /// Where the documents are; `None` before the first frame.
    pub(crate) fn position(&self) -> Result<Option<Position>, EngineError> {
        self.store.get(META, POSITION_KEY)?.map(|value| decode_position(&value)).transpose()
    }

    /// The documents as they are now.
    pub(crate) fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot(self.store.snapshot())
    }

    /// An empty group, with room for so many changes.
    pub(crate) fn batch(&self, capacity: usize) -> EngineBatch<'_> {
        let indexed_to = self.indexed_to.lock().expect("not poisoned");
        EngineBatch { store: &*self.store, batch: Batch::with_capacity(capacity), indexed_to, leaves: None }
    }

    /// Makes everything written so far durable.
    pub(crate) fn persist(&self) -> Result<(), EngineError> {
        Ok(self.store.persist()?)
    }

    /// Writes the memtables out, so that the next start has nothing to replay.
    pub(crate) fn flush(&self) -> Result<(), EngineError> {
        Ok(self.store.flush()?)
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.store.disk_bytes()
    }

    /// Offsets below it may have been the last event of a document whose tombstone was dropped. It
    /// is raised before a tombstone goes: whoever takes a snapshot and then looks here knows
    /// whether the snapshot may lack one.
    pub(crate) fn tombstone_floor(&self) -> (u64, TxnId) {
        *self.tombstone_floor.lock().expect("not poisoned")
    }

    pub(super) fn raise_tombstone_floor(&self, floor: u64, txn_id: TxnId) -> (u64, TxnId) {
        let mut known = self.tombstone_floor.lock().expect("not poisoned");
        *known = (*known).max((floor, txn_id));
        *known
    }

    pub(super) fn get(&self, space: Space, key: impl AsRef<[u8]>) -> Result<Option<Bytes>, EngineError> {
        Ok(self.store.get(space, key.as_ref())?)
    }

    pub(super) fn insert(
        &self,
        space: Space,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), EngineError> {
        Ok(self.store.insert(space, key.as_ref(), value.as_ref())?)
    }

    pub(super) fn remove(&self, space: Space, key: impl AsRef<[u8]>) -> Result<(), EngineError> {
        Ok(self.store.remove(space, key.as_ref())?)
    }

    /// Entries whose keys begin with `prefix`, as they are now.
    pub(super) fn prefix(&self, space: Space, prefix: &[u8]) -> impl Iterator<Item = Entry> + use<> {
        self.store.prefix(space, prefix).map(of_engine)
    }

    /// Writes `batch` beside the groups. A kill may lose it, with what came after.
    pub(super) fn write(&self, batch: Batch) -> Result<(), EngineError> {
        Ok(self.store.write(batch, Durability::None)?)
    }
}

/// What a scan gives.
pub(super) type Entry = Result<KeyValue, EngineError>;

fn of_engine(entry: Result<KeyValue, KeyValuesError>) -> Entry {
    Ok(entry?)
}

/// Writes of one group; atomic.
pub(crate) struct EngineBatch<'a> {
    store: &'a dyn KeyValues,
    pub(super) batch: Batch,
    pub(super) indexed_to: MutexGuard<'a, u64>,
    pub(super) leaves: Option<MutexGuard<'a, ()>>,
}

impl EngineBatch<'_> {
    /// Writes it all with the position it leads to.
    pub(crate) fn commit(mut self, position: &Position) -> Result<(), EngineError> {
        self.batch.insert(META, POSITION_KEY, encode_position(position));
        // Handed to the operating system at once: after a kill the documents know every frame that
        // was acknowledged, so that damage to the journal's last frame is not taken for a torn
        // tail.
        Ok(self.store.write(self.batch, Durability::Process)?)
    }
}

/// A consistent view; holds back the engine's clean-up, so it must not be kept for long.
pub(crate) struct EngineSnapshot(pub(super) Box<dyn Snapshot>);

impl std::fmt::Debug for EngineSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineSnapshot").finish_non_exhaustive()
    }
}

impl EngineSnapshot {
    pub(super) fn prefix(&self, space: Space, prefix: &[u8]) -> impl Iterator<Item = Entry> + use<> {
        self.0.prefix(space, prefix).map(of_engine)
    }

    pub(super) fn range(&self, space: Space, range: KeyRange) -> impl Iterator<Item = Entry> + use<> {
        self.0.range(space, range).map(of_engine)
    }

    /// Every entry of that range.
    pub(crate) fn entries(
        &self,
        space: Space,
        range: KeyRange,
    ) -> impl Iterator<Item = Result<KeyValue, EngineError>> + use<> {
        self.range(space, range)
    }

    pub(super) fn get_meta(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.0.get(META, key)?)
    }

    /// Where the documents were; `None` before the first frame.
    pub(crate) fn position(&self) -> Result<Option<Position>, EngineError> {
        self.0.get(META, POSITION_KEY)?.map(|value| decode_position(&value)).transpose()
    }
}

fn encode_position(position: &Position) -> Vec<u8> {
    let Position { next_frame, next_txn, next_offset, commit_time_ms, stamp_last } = *position;
    let mut out = vec![VALUE_VERSION];
    for number in [next_frame, next_txn, next_offset, commit_time_ms, stamp_last] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out
}

fn decode_position(value: &[u8]) -> Result<Position, EngineError> {
    let numbers: Option<Vec<u64>> = match value {
        [VALUE_VERSION, rest @ ..] if rest.len() == 40 => {
            Some(rest.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().expect("eight bytes"))).collect())
        }
        _ => None,
    };
    let Some(&[next_frame, next_txn, next_offset, commit_time_ms, stamp_last]) = numbers.as_deref() else {
        return Err(EngineError("the applied position cannot be read".into()));
    };
    Ok(Position { next_frame, next_txn, next_offset, commit_time_ms, stamp_last })
}
