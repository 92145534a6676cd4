//! The document engine: what is kept of documents, and beside them, in sorted key-value spaces ([`crate::key_values`]).
//!
//! | space | key | value |
//! |---|---|---|
//! | `documents` | collection, 0, id as canonical JSON | version 1, last txnId u64 LE, offset of the last event u64 LE (all ones: none), the encoded document |
//! | `last_changes` | offset u64 BE | version 1, the documents key: of documents whose last event has it |
//! | `consumer_offsets` | group, 0, topic, 0, partition u32 BE | version 1, offset i64 LE, leader epoch i32 LE, metadata |
//! | `meta` | `position` | version 1, five u64 LE: the next frame, txnId and offset, commit time, stamp clock |
//! | `departures` | view, 0, 0, offset u64 BE | the documents key: of documents that left the view by a trimmed event, the newest for each |
//! | `departures` | view, 0, 1, the documents key | that offset u64 BE |
//! | `meta` | `view:` and a name | what a view of the events remembers (crate `topics`, which versions it) |
//! | `meta` | `indexed_to` | version 1, u64 LE: `last_changes` covers the offsets below it |
//! | `meta` | `journal` | version 1, the app's instance (16 bytes), three u64 LE: frame, txnId and offset that its journal begins with, u64 LE: the commit time before |
//! | `meta` | `setting:` and a name | version 1, then 0 or 1 and a CRC-32C u32 LE, of each text that `<name>.json` may have; 0: it may be missing |
//! | `meta` | `tombstone_floor` | version 1, u64 LE: below it tombstones were dropped |
//!
//! Only trimmed events need an index, so it is made when they are about to be trimmed (`retention`), and a write costs one entry, not
//! three.
//!
//! Invariants: a group is written in one atomic batch with its position, so the documents are always those of one frame; nothing
//! is synced here but by [`Engine::persist`], since the journal can replay what is lost.

pub(crate) mod requests;

use std::{
    ops::Bound,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use document::{CollectionName, Document, DocumentId};

use crate::{
    CommittedOffset, KeptTombstones, StoredDocument, TxnId,
    apply::ChangedDocument,
    journal::{
        Position,
        segment::{SegmentEnd, SegmentHeader},
    },
    key_values::{Batch, KeySnapshot, KeyValues, Space},
};

pub(crate) use crate::key_values::{EngineError, KeyValue};

/// First byte of every value.
const VALUE_VERSION: u8 = 1;
const POSITION_KEY: &[u8] = b"position";
const INDEXED_TO_KEY: &[u8] = b"indexed_to";
const TOMBSTONE_FLOOR_KEY: &[u8] = b"tombstone_floor";
const JOURNAL_KEY: &[u8] = b"journal";
const VIEW_PREFIX: &str = "view:";
const SETTING_PREFIX: &str = "setting:";
/// Stands for the offset of a document that never had an event.
const NO_EVENT: u64 = u64::MAX;

/// Entries of the last-change index that are made, or dropped, at once.
pub(crate) const ENTRIES_AT_ONCE: usize = 512;

/// The checksums of the texts that a setting may have; `None`: it may be missing.
pub(crate) type SettingNote = Vec<Option<u32>>;

/// An entry of the last-change index: offset and documents key.
pub(crate) type IndexEntry = (u64, Vec<u8>);

/// Which journal the documents are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalNote {
    /// The app's random number for life.
    pub(crate) instance: [u8; 16],
    /// Its first segment begins there: what was before was trimmed.
    pub(crate) start: SegmentEnd,
}

impl JournalNote {
    /// The note on a journal whose first segment has this header.
    pub(crate) fn of(first: &SegmentHeader) -> Self {
        Self { instance: first.instance, start: first.start() }
    }

    fn encode(&self) -> Vec<u8> {
        let SegmentEnd { next_frame, next_txn, next_offset, commit_time_ms } = self.start;
        let mut out = vec![VALUE_VERSION];
        out.extend_from_slice(&self.instance);
        for number in [next_frame, next_txn, next_offset, commit_time_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out
    }

    fn decode(value: &[u8]) -> Result<Self, EngineError> {
        let decoded = value.strip_prefix(&[VALUE_VERSION]).and_then(|rest| {
            let (instance, rest) = rest.split_first_chunk::<16>()?;
            let numbers: [[u8; 8]; 4] = rest.as_chunks().0.try_into().ok().filter(|_| rest.len() == 32)?;
            let [next_frame, next_txn, next_offset, commit_time_ms] = numbers.map(u64::from_le_bytes);
            let start = SegmentEnd { next_frame, next_txn, next_offset, commit_time_ms };
            Some(Self { instance: *instance, start })
        });
        decoded.ok_or_else(|| EngineError("the note on the journal cannot be read".into()))
    }
}

/// One app's documents, last-change index, consumer offsets and position.
pub(crate) struct Engine {
    store: KeyValues,
    /// The index covers the offsets below it; only grows. Held while a group is written, so that each group is written before it grows,
    /// and its documents are then indexed, or behind it, and takes their entries out.
    indexed_to: Mutex<u64>,
    /// Every dropped tombstone's event was below it; only grows.
    tombstone_floor: AtomicU64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// What is kept in `store`.
    pub(crate) fn open(store: KeyValues) -> Result<Self, EngineError> {
        let offset = |key: &[u8]| store.get(Space::Meta, key)?.map_or(Ok(0), |value| decode_offset_of(key, &value));
        let (indexed_to, tombstone_floor) = (offset(INDEXED_TO_KEY)?.into(), offset(TOMBSTONE_FLOOR_KEY)?.into());
        Ok(Self { store, indexed_to, tombstone_floor })
    }

    /// Where the documents are; `None` before the first frame.
    pub(crate) fn position(&self) -> Result<Option<Position>, EngineError> {
        self.store.get(Space::Meta, POSITION_KEY)?.map(|value| decode_position(&value)).transpose()
    }

    /// Which journal the documents are of, and where it begins; `None` before that was noted the first time.
    pub(crate) fn journal(&self) -> Result<Option<JournalNote>, EngineError> {
        self.store.get(Space::Meta, JOURNAL_KEY)?.map(|value| JournalNote::decode(&value)).transpose()
    }

    /// Notes that, durably.
    pub(crate) fn note_journal(&self, note: &JournalNote) -> Result<(), EngineError> {
        self.store.insert(Space::Meta, JOURNAL_KEY, note.encode())?;
        self.persist()
    }

    pub(crate) fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot(self.store.snapshot())
    }

    pub(crate) fn batch(&self, capacity: usize) -> EngineBatch<'_> {
        let indexed_to = self.indexed_to.lock().expect("not poisoned");
        EngineBatch { batch: self.store.batch(capacity), indexed_to }
    }

    /// Makes everything written so far durable.
    pub(crate) fn persist(&self) -> Result<(), EngineError> {
        self.store.persist()
    }

    /// Writes the memtables out, so that the next start has nothing to replay.
    pub(crate) fn flush(&self) -> Result<(), EngineError> {
        self.store.flush()
    }

    /// Every committed offset: (group, topic, partition, offset).
    pub(crate) fn consumer_offsets(&self) -> Result<Vec<(String, String, i32, CommittedOffset)>, EngineError> {
        let mut all = Vec::new();
        for entry in self.store.prefix(Space::ConsumerOffsets, []) {
            let (key, value) = entry?;
            let entry = decode_offset(&key, &value);
            all.push(entry.ok_or_else(|| EngineError(format!("the committed offset {key:02x?} cannot be read")))?);
        }
        Ok(all)
    }

    /// From here on the index covers the offsets below `to`: whoever writes takes the entry of what was the document's last event out. The
    /// entries themselves are then made by [`Engine::index`].
    pub(crate) fn begin_index(&self, to: u64) -> Result<(), EngineError> {
        let mut indexed_to = self.indexed_to.lock().expect("not poisoned");
        if to > *indexed_to {
            self.store.insert(Space::Meta, INDEXED_TO_KEY, encode_offset_of(to))?;
            *indexed_to = to;
        }
        Ok(())
    }

    /// Takes out the entries at or behind `log_start`. They are of a trim that came to no end: a crash, or a full disk, may have kept it from
    /// taking those out again that [`Engine::index`] made though a writer was faster.
    pub(crate) fn forget_index_from(&self, log_start: u64) -> Result<(), EngineError> {
        let snapshot = self.snapshot();
        let mut left = snapshot.last_changes(log_start).peekable();
        while left.peek().is_some() {
            let mut batch = self.store.batch(ENTRIES_AT_ONCE);
            for entry in left.by_ref().take(ENTRIES_AT_ONCE) {
                batch.remove(Space::LastChanges, entry?.0.to_be_bytes());
            }
            batch.commit()?;
        }
        Ok(())
    }

    /// Makes the entries of those (offset, documents key) that are still the document's last event. Writers go on meanwhile.
    pub(crate) fn index(&self, events: &[(u64, Vec<u8>)]) -> Result<(), EngineError> {
        let mut made = Vec::new();
        let mut batch = self.store.batch(events.len());
        for (offset, key) in events {
            if self.last_event(key)? == Some(*offset) {
                let mut value = vec![VALUE_VERSION];
                value.extend_from_slice(key);
                batch.insert(Space::LastChanges, offset.to_be_bytes(), value);
                made.push((offset, key));
            }
        }
        batch.commit()?;
        // One that was written meanwhile may have taken its entry out before it was there.
        for (offset, key) in made {
            if self.last_event(key)? != Some(*offset) {
                self.store.remove(Space::LastChanges, offset.to_be_bytes())?;
            }
        }
        Ok(())
    }

    /// Offsets below it may have been the last event of a document whose tombstone was dropped. It is raised before a tombstone goes: whoever
    /// takes a snapshot and then looks here knows whether the snapshot may lack one.
    pub(crate) fn tombstone_floor(&self) -> u64 {
        self.tombstone_floor.load(SeqCst)
    }

    /// Drops the tombstones of those entries of the last-change index that are still the document's last event, and raises the floor above all of
    /// them. Gives how many went, and the entries that stay because of `needed`. Writers wait meanwhile.
    pub(crate) fn drop_tombstones(
        &self,
        entries: &[IndexEntry],
        needed: &KeptTombstones,
    ) -> Result<(u64, Vec<IndexEntry>), EngineError> {
        let views = self.views()?;
        let _writers_wait = self.indexed_to.lock().expect("not poisoned");
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for (offset, key) in entries {
            let Some(value) = self.store.get(Space::Documents, key)? else { continue };
            let stored = decode_stored(key, &value)?;
            if stored.last_event != Some(*offset) || stored.document.exists() {
                continue;
            }
            let departures = self.departures_of(key, &views)?;
            let is_needed = |offset: &u64| *offset >= needed.from || needed.at.contains(offset);
            if is_needed(offset) || departures.iter().any(|(_, offset)| is_needed(offset)) {
                kept.push((*offset, key.clone()));
            } else {
                gone.push((*offset, key, departures));
            }
        }
        if let Some(last) = gone.iter().map(|(offset, ..)| *offset).max() {
            self.tombstone_floor.fetch_max(last + 1, SeqCst);
            let mut batch = self.store.batch(2 * gone.len() + 1);
            batch.insert(Space::Meta, TOMBSTONE_FLOOR_KEY, encode_offset_of(self.tombstone_floor()));
            for (offset, key, departures) in &gone {
                batch.remove(Space::Documents, key.as_slice());
                batch.remove(Space::LastChanges, offset.to_be_bytes());
                for (view, at) in departures {
                    batch.remove(Space::Departures, departure_at(view, &at.to_be_bytes()));
                    batch.remove(Space::Departures, departure_of(view, key));
                }
            }
            batch.commit()?;
        }
        Ok((gone.len() as u64, kept))
    }

    /// The views that the document left by a trimmed event, and the offset of it.
    fn departures_of<'v>(&self, key: &[u8], views: &'v [String]) -> Result<Vec<(&'v str, u64)>, EngineError> {
        let mut departures = Vec::new();
        for view in views {
            if let Some(offset) = self.store.get(Space::Departures, departure_of(view, key))? {
                let offset =
                    (*offset).try_into().map_err(|_| damaged(key, "left a view at an offset that cannot be read"))?;
                departures.push((view.as_str(), u64::from_be_bytes(offset)));
            }
        }
        Ok(departures)
    }

    /// What the texts beside the documents may be, by their names: of each the checksums of those that may be there, `None` for none.
    pub(crate) fn settings(&self) -> Result<Vec<(String, SettingNote)>, EngineError> {
        let notes = self.store.prefix(Space::Meta, SETTING_PREFIX).map(|entry| {
            let (key, value) = entry?;
            let name = String::from_utf8_lossy(&key[SETTING_PREFIX.len()..]).into_owned();
            let note = decode_setting(&value)
                .ok_or_else(|| EngineError(format!("the note on the setting {name:?} cannot be read")))?;
            Ok((name, note))
        });
        notes.collect()
    }

    /// Notes that; durable with the next [`Engine::persist`].
    pub(crate) fn note_setting(&self, name: &str, note: &[Option<u32>]) -> Result<(), EngineError> {
        let mut value = vec![VALUE_VERSION];
        for crc in note {
            value.push(u8::from(crc.is_some()));
            value.extend_from_slice(&crc.unwrap_or_default().to_le_bytes());
        }
        self.store.insert(Space::Meta, format!("{SETTING_PREFIX}{name}"), value)
    }

    /// The names of the views that something is noted of.
    fn views(&self) -> Result<Vec<String>, EngineError> {
        let names = self.store.prefix(Space::Meta, VIEW_PREFIX).map(|entry| {
            let (key, _) = entry?;
            Ok(String::from_utf8_lossy(&key[VIEW_PREFIX.len()..]).into_owned())
        });
        names.collect()
    }

    /// The offset of the document's last event.
    pub(crate) fn last_event(&self, key: &[u8]) -> Result<Option<u64>, EngineError> {
        let Some(value) = self.store.get(Space::Documents, key)? else { return Ok(None) };
        Ok(stored_parts(key, &value)?.last_event)
    }

    pub(crate) fn view(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.store.get(Space::Meta, view_key(name))?.map(|value| value.to_vec()))
    }

    pub(crate) fn note_view(&self, name: &str, state: Option<&[u8]>) -> Result<(), EngineError> {
        match state {
            Some(state) => self.store.insert(Space::Meta, view_key(name), state),
            None => {
                self.store.remove(Space::Meta, view_key(name))?;
                self.forget_departures(name)
            }
        }
    }

    /// See [`crate::App::note_departures`].
    pub(crate) fn note_departures(&self, view: &str, departures: &[(u64, String, String)]) -> Result<(), EngineError> {
        let mut batch = self.store.batch(2 * departures.len());
        for (offset, collection, id) in departures {
            let key = raw_document_key(collection, id);
            let by_document = departure_of(view, &key);
            if let Some(before) = self.store.get(Space::Departures, &by_document)? {
                batch.remove(Space::Departures, departure_at(view, &before));
            }
            let offset = offset.to_be_bytes();
            batch.insert(Space::Departures, by_document, offset);
            batch.insert(Space::Departures, departure_at(view, &offset), key);
        }
        batch.commit()
    }

    /// Forgets every departure from the view.
    pub(crate) fn forget_departures(&self, view: &str) -> Result<(), EngineError> {
        let mut batch = self.store.batch(0);
        for tag in [BY_OFFSET, BY_DOCUMENT] {
            for entry in self.store.prefix(Space::Departures, departure_prefix(view, tag)) {
                batch.remove(Space::Departures, entry?.0);
            }
        }
        batch.commit()
    }

    /// Reads every departure and every note: a departure must be found by its offset and by its document.
    pub(crate) fn check_departures(&self) -> Result<(), EngineError> {
        for entry in self.store.prefix(Space::Meta, []) {
            entry?;
        }
        for entry in self.store.prefix(Space::Departures, []) {
            let (key, value) = entry?;
            let counterpart = counterpart_of_departure(&key, &value)
                .ok_or_else(|| EngineError(format!("the departure {key:02x?} cannot be read")))?;
            let (other, expected) = counterpart;
            if self.store.get(Space::Departures, other)?.is_none_or(|found| *found != expected) {
                return Err(EngineError(format!("the departure {key:02x?} is not found both ways")));
            }
        }
        Ok(())
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.store.disk_bytes()
    }
}

impl crate::apply::DocumentReader for Engine {
    fn stored(&self, key: &[u8]) -> Result<Option<(Option<u64>, Document)>, EngineError> {
        let Some(value) = self.store.get(Space::Documents, key)? else { return Ok(None) };
        decode_stored(key, &value).map(|stored| Some((stored.last_event, stored.document)))
    }
}

/// Writes of one group; atomic.
pub(crate) struct EngineBatch<'a> {
    batch: Batch,
    indexed_to: MutexGuard<'a, u64>,
}

impl EngineBatch<'_> {
    /// Replaces a document's state.
    pub(crate) fn put_document(&mut self, key: &[u8], changed: &ChangedDocument) {
        let mut value = Vec::with_capacity(17 + changed.encoded.len());
        value.push(VALUE_VERSION);
        value.extend_from_slice(&changed.txn.to_le_bytes());
        value.extend_from_slice(&changed.event.unwrap_or(NO_EVENT).to_le_bytes());
        value.extend_from_slice(&changed.encoded);
        self.batch.insert(Space::Documents, key, value);
        // What leaves no event (made and removed at once) leaves the last one where it was.
        let moved = changed.event_before.filter(|&before| changed.event != Some(before));
        if let Some(before) = moved.filter(|&before| before < *self.indexed_to) {
            self.batch.remove(Space::LastChanges, before.to_be_bytes());
        }
    }

    /// Sets a group's offset; `None` forgets it.
    pub(crate) fn put_offset(&mut self, group: &str, topic: &str, partition: i32, offset: Option<&CommittedOffset>) {
        let key = offset_key(group, topic, partition);
        match offset {
            Some(offset) => self.batch.insert(Space::ConsumerOffsets, key, encode_offset(offset)),
            None => self.batch.remove(Space::ConsumerOffsets, key),
        }
    }

    /// Writes it all with the position it leads to.
    pub(crate) fn commit(mut self, position: &Position) -> Result<(), EngineError> {
        self.batch.insert(Space::Meta, POSITION_KEY, encode_position(position));
        // Handed to the operating system at once: after a kill the documents know every frame that was acknowledged, so that damage
        // to the journal's last frame is not taken for a torn tail.
        self.batch.commit_to_system()
    }
}

/// A consistent view; holds back the engine's clean-up, so it must not be kept for long.
pub(crate) struct EngineSnapshot(KeySnapshot);

impl std::fmt::Debug for EngineSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineSnapshot").finish_non_exhaustive()
    }
}

impl EngineSnapshot {
    pub(crate) fn position(&self) -> Result<Option<Position>, EngineError> {
        self.0.get(Space::Meta, POSITION_KEY)?.map(|value| decode_position(&value)).transpose()
    }

    pub(crate) fn document(&self, key: &[u8]) -> Result<Option<StoredDocument>, EngineError> {
        self.0.get(Space::Documents, key)?.map(|value| decode_stored(key, &value)).transpose()
    }

    /// Documents whose keys begin with `prefix`, in the order of their keys.
    pub(crate) fn documents(&self, prefix: &[u8]) -> impl Iterator<Item = Result<KeyValue, EngineError>> + use<> {
        self.0.prefix(Space::Documents, prefix)
    }

    /// As [`EngineSnapshot::documents`], from the first key behind `after` on.
    pub(crate) fn documents_after(
        &self,
        prefix: &[u8],
        after: &[u8],
    ) -> impl Iterator<Item = Result<KeyValue, EngineError>> + use<> {
        let mut end = prefix.to_vec();
        let last = end.last_mut().expect("a collection's prefix ends with a 0");
        *last += 1;
        let range = (Bound::Excluded(after.to_vec()), Bound::Excluded(end));
        self.0.range(Space::Documents, range)
    }

    /// The first document key at or after `from`.
    pub(crate) fn first_key_from(&self, from: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let mut keys = self.0.range(Space::Documents, (Bound::Included(from.to_vec()), Bound::Unbounded));
        keys.next().map(|entry| Ok(entry?.0.to_vec())).transpose()
    }

    /// The departures from a view by events from `offset` on, in order: the event's offset and the documents key.
    pub(crate) fn departures(
        &self,
        view: &str,
        from: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<u8>), EngineError>> + use<> {
        let (first, end) = (departure_at(view, &from.to_be_bytes()), departure_prefix(view, BY_DOCUMENT));
        self.0.range(Space::Departures, (Bound::Included(first), Bound::Excluded(end))).map(|entry| {
            let (key, document_key) = entry?;
            let offset = key.split_last_chunk::<8>().map(|(_, offset)| u64::from_be_bytes(*offset));
            let offset = offset.ok_or_else(|| EngineError(format!("the departure {key:02x?} cannot be read")))?;
            Ok((offset, document_key.to_vec()))
        })
    }

    /// The last-change index from `offset` on, in order.
    pub(crate) fn last_changes(&self, from: u64) -> impl Iterator<Item = Result<(u64, Vec<u8>), EngineError>> + use<> {
        let from = Bound::Included(from.to_be_bytes().to_vec());
        self.0.range(Space::LastChanges, (from, Bound::Unbounded)).map(|entry| {
            let (key, value) = entry?;
            decode_last_change(&key, &value)
                .ok_or_else(|| EngineError(format!("the last-change entry {key:02x?} cannot be read")))
        })
    }
}

/// The documents key: collection, 0, id. Names have no control characters, so the 0 ends them.
pub(crate) fn document_key(collection: &CollectionName, id: &DocumentId) -> Vec<u8> {
    raw_document_key(collection.as_str(), id.as_json())
}

/// The same, of a collection and a canonical id that were a document's before.
pub(crate) fn raw_document_key(collection: &str, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(collection.len() + 1 + id.len());
    key.extend_from_slice(collection.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key
}

/// Takes a documents key apart.
pub(crate) fn split_document_key(key: &[u8]) -> Option<(&str, &str)> {
    let at = key.iter().position(|&b| b == 0)?;
    Some((std::str::from_utf8(&key[..at]).ok()?, std::str::from_utf8(&key[at + 1..]).ok()?))
}

fn decode_last_change(key: &[u8], value: &[u8]) -> Option<(u64, Vec<u8>)> {
    let offset = u64::from_be_bytes(key.try_into().ok()?);
    let [VALUE_VERSION, document_key @ ..] = value else { return None };
    Some((offset, document_key.to_vec()))
}

fn encode_offset_of(offset: u64) -> Vec<u8> {
    let mut value = vec![VALUE_VERSION];
    value.extend_from_slice(&offset.to_le_bytes());
    value
}

/// An offset that stands alone in `meta`.
fn decode_offset_of(key: &[u8], value: &[u8]) -> Result<u64, EngineError> {
    match value {
        [VALUE_VERSION, rest @ ..] if rest.len() == 8 => Ok(u64::from_le_bytes(rest.try_into().expect("eight bytes"))),
        _ => Err(EngineError(format!("the offset {} cannot be read", String::from_utf8_lossy(key)))),
    }
}

pub(crate) fn decode_stored(key: &[u8], value: &[u8]) -> Result<StoredDocument, EngineError> {
    let StoredParts { txn, last_event, encoded } = stored_parts(key, value)?;
    let document = Document::decode(encoded).map_err(|e| damaged(key, &e.to_string()))?;
    Ok(StoredDocument { txn_id: TxnId(txn), last_event, document })
}

/// A stored value, taken apart.
pub(crate) struct StoredParts<'v> {
    pub(crate) txn: u64,
    pub(crate) last_event: Option<u64>,
    pub(crate) encoded: &'v [u8],
}

pub(crate) fn stored_parts<'v>(key: &[u8], value: &'v [u8]) -> Result<StoredParts<'v>, EngineError> {
    let (numbers, encoded) = match value {
        [VALUE_VERSION, rest @ ..] => rest.split_first_chunk::<16>().ok_or_else(|| damaged(key, "is cut short"))?,
        [version, ..] => {
            return Err(damaged(key, &format!("has version {version}; this server reads up to {VALUE_VERSION}")));
        }
        [] => return Err(damaged(key, "is empty")),
    };
    let number = |at: usize| u64::from_le_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
    let last_event = Some(number(8)).filter(|&offset| offset != NO_EVENT);
    Ok(StoredParts { txn: number(0), last_event, encoded })
}

fn damaged(key: &[u8], why: &str) -> EngineError {
    EngineError(format!("the document {} {why}", String::from_utf8_lossy(key)))
}

/// Second part of a departure's key: found by the event's offset, or by the document.
const BY_OFFSET: u8 = 0;
const BY_DOCUMENT: u8 = 1;

fn departure_prefix(view: &str, tag: u8) -> Vec<u8> {
    let mut prefix = view.as_bytes().to_vec();
    prefix.extend_from_slice(&[0, tag]);
    prefix
}

fn departure_at(view: &str, offset_be: &[u8]) -> Vec<u8> {
    let mut key = departure_prefix(view, BY_OFFSET);
    key.extend_from_slice(offset_be);
    key
}

fn departure_of(view: &str, document_key: &[u8]) -> Vec<u8> {
    let mut key = departure_prefix(view, BY_DOCUMENT);
    key.extend_from_slice(document_key);
    key
}

fn decode_setting(value: &[u8]) -> Option<SettingNote> {
    let rest = value.strip_prefix(&[VALUE_VERSION])?;
    let (entries, []) = rest.as_chunks::<5>() else { return None };
    let decode = |[tag, crc @ ..]: &[u8; 5]| match tag {
        0 => Some(None),
        1 => Some(Some(u32::from_le_bytes(*crc))),
        _ => None,
    };
    entries.iter().map(decode).collect()
}

/// The other entry of a departure, and what it must say.
fn counterpart_of_departure(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = key.iter().position(|&byte| byte == 0)?;
    let view = std::str::from_utf8(&key[..at]).ok()?;
    let (tag, rest) = key[at + 1..].split_first()?;
    match *tag {
        BY_OFFSET => Some((departure_of(view, value), rest.to_vec())),
        BY_DOCUMENT => Some((departure_at(view, value), rest.to_vec())),
        _ => None,
    }
}

fn view_key(name: &str) -> String {
    format!("{VIEW_PREFIX}{name}")
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

fn offset_key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut key = Vec::with_capacity(group.len() + topic.len() + 6);
    key.extend_from_slice(group.as_bytes());
    key.push(0);
    key.extend_from_slice(topic.as_bytes());
    key.push(0);
    key.extend_from_slice(&(partition as u32).to_be_bytes());
    key
}

fn encode_offset(offset: &CommittedOffset) -> Vec<u8> {
    let mut out = vec![VALUE_VERSION];
    out.extend_from_slice(&offset.offset.to_le_bytes());
    out.extend_from_slice(&offset.leader_epoch.to_le_bytes());
    out.extend_from_slice(offset.metadata.as_bytes());
    out
}

fn decode_offset(key: &[u8], value: &[u8]) -> Option<(String, String, i32, CommittedOffset)> {
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    let (names, partition) = key.split_last_chunk::<4>()?;
    let mut names = names.split(|&b| b == 0);
    let (group, topic) = (text(names.next()?)?, text(names.next()?)?);
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (leader_epoch, metadata) = rest.split_first_chunk::<4>()?;
    let offset = CommittedOffset {
        offset: i64::from_le_bytes(*offset),
        leader_epoch: i32::from_le_bytes(*leader_epoch),
        metadata: text(metadata)?,
    };
    Some((group, topic, u32::from_be_bytes(*partition) as i32, offset))
}
