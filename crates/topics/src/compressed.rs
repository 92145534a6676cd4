//! A live query's events as compressed batches, which its readers have in common.
//!
//! ```text
//! offsets      0           256           512           768    high watermark
//!              |   a cell   |   a cell    |   a cell    |   ...   |
//!              | batch      | batch batch | batch       | made each time
//! ```
//! A full cell always gives the same batches, wherever a reader stands in it, so they are made once
//! and kept. What lies behind the last full cell is made for each reader, from its offset on.
//!
//! Invariants: no batch holds an event of two cells; what is kept was read while nothing was
//! trimmed, and is given only while all of it is kept in the journal too; at most
//! [`COMPRESSED_BYTES_KEPT_MAX`] are kept. Blocks on disk.
//! Not here: the codecs (`kafka_wire::compression`), gaps and offsets of older versions, which are
//! not compressed.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use kafka_wire::{
    compression::{self, Codec},
    record_batch,
};
use store::Piece;
use uuid::Uuid;

use crate::{
    limits::{CELL_OFFSETS, CELLS_AT_ONCE, COMPRESSED_BYTES_KEPT_MAX},
    reading::Reading,
    topic::{TopicError, failed},
};

/// What a kept batch takes beside its bytes.
const KEPT_OVERHEAD_BYTES: usize = 256;

/// Readers of different places that may be served at a time.
const TURNS: usize = 64;

/// The compressed batches of an app.
#[derive(Debug, Default)]
pub(crate) struct Compressed {
    kept: Arc<KeptBatches>,
    /// Batches that were compressed.
    pub(crate) made: AtomicU64,
    /// Batches that were given and had been made before.
    pub(crate) reused: AtomicU64,
}

/// Those of all apps that are kept.
#[derive(Debug)]
pub(crate) struct KeptBatches {
    kept: Mutex<Kept>,
    /// Whoever makes batches has one of these, so that others who want the same wait for them.
    turns: [Mutex<()>; TURNS],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Kept {
    batches: BTreeMap<Key, KeptBatch>,
    /// By when they were last used.
    by_use: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct KeptBatch {
    piece: Piece,
    used: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    topic: Uuid,
    partition: u16,
    codec: Codec,
    /// Of the first event.
    offset: u64,
}

/// Reads a partition of a live query with its events compressed.
pub(crate) struct Compressing<'a> {
    pub(crate) reading: Reading<'a>,
    pub(crate) codec: Codec,
    /// The offset of the oldest event that is kept.
    pub(crate) first_kept: u64,
}

/// What a reader gets.
struct Given {
    pieces: Vec<Piece>,
    bytes: usize,
    next_offset: u64,
}

impl Compressing<'_> {
    /// As [`Reading::events`]; `bytes_max` counts compressed bytes.
    pub(crate) fn read(&self, offset: u64, bytes_max: usize) -> Result<Vec<Piece>, TopicError> {
        let Reading { view, partition, .. } = self.reading;
        if offset < view.numbering(partition).older_end {
            return self.reading.events(offset, bytes_max);
        }
        let end = view.high_watermark(partition);
        let full_to = end - end % CELL_OFFSETS;
        let mut given = Given { pieces: Vec::new(), bytes: 0, next_offset: offset };
        while given.next_offset < full_to && given.bytes < bytes_max {
            if self.reuse(&mut given) {
                continue;
            }
            let compressed = self.compressed();
            let _turn = compressed.kept.turn(&self.key(given.next_offset / (CELL_OFFSETS * CELLS_AT_ONCE)));
            let before = given.next_offset;
            if !self.reuse(&mut given) {
                self.make(&mut given, full_to, bytes_max)?;
            }
            if given.next_offset == before {
                break; // an event cannot be read
            }
        }
        // Behind the full cells, or before what cannot be read.
        if given.next_offset < end && given.bytes < bytes_max {
            match self.reading.events(given.next_offset, bytes_max - given.bytes) {
                Ok(rest) => rest.iter().for_each(|piece| given.push(self.compress(piece))),
                Err(error) if given.pieces.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(given.pieces)
    }

    /// Gives the batch that comes next if it is kept.
    fn reuse(&self, given: &mut Given) -> bool {
        let compressed = self.compressed();
        let Some(piece) = compressed.kept.find(&self.key(given.next_offset), self.first_kept) else { return false };
        compressed.reused.fetch_add(1, Relaxed);
        given.push(piece);
        true
    }

    /// Makes the batches of full cells from that of the next offset on, a few cells at most, and keeps
    /// them. Where an event cannot be read, those before.
    fn make(&self, given: &mut Given, full_to: u64, bytes_max: usize) -> Result<(), TopicError> {
        let Reading { app, view, partition } = self.reading;
        let start = given.next_offset - given.next_offset % CELL_OFFSETS;
        let begin = start.max(self.first_kept).max(view.numbering(partition).older_end);
        let at_once = CELL_OFFSETS * CELLS_AT_ONCE;
        let to = full_to.min((start / at_once + 1) * at_once);
        let journal_start = app.events().log_start();
        let mut failure = None;
        let made = self.reading.collect(begin, |found| {
            if found.next_offset() % CELL_OFFSETS == 0 {
                found.close();
            }
            for piece in found.take_closed() {
                let (piece, base_offset) = match record_batch::decode_header(&piece) {
                    Ok(header) => (self.compress(&piece), header.base_offset as u64),
                    Err(error) => {
                        failure = Some(failed(error));
                        return false;
                    }
                };
                // Of a cell that begins before what is kept, other readers could get more.
                let is_of_whole_cell = base_offset - base_offset % CELL_OFFSETS >= begin;
                if is_of_whole_cell && app.events().log_start() == journal_start {
                    self.compressed().kept.keep(self.key(base_offset), piece.clone());
                }
                if piece.next_offset > given.next_offset {
                    given.push(piece);
                }
            }
            found.next_offset() < to && given.bytes < bytes_max
        });
        // What cannot be read is told when it is read uncompressed.
        drop(made);
        failure.map_or(Ok(()), Err)
    }

    /// The batch compressed, or as it is where that is less.
    fn compress(&self, piece: &Piece) -> Piece {
        self.compressed().made.fetch_add(1, Relaxed);
        let compressed = compression::compress(piece, self.codec);
        let bytes = if compressed.len() < piece.len() { Bytes::from(compressed) } else { piece.bytes.clone() };
        Piece { bytes, next_offset: piece.next_offset }
    }

    fn key(&self, offset: u64) -> Key {
        let Reading { view, partition, .. } = self.reading;
        Key { topic: view.id, partition, codec: self.codec, offset }
    }

    fn compressed(&self) -> &Compressed {
        &self.reading.view.progress.compressed
    }
}

impl Given {
    fn push(&mut self, piece: Piece) {
        self.bytes += piece.len();
        self.next_offset = piece.next_offset;
        self.pieces.push(piece);
    }
}

impl Compressed {
    pub(crate) fn new(kept: Arc<KeptBatches>) -> Self {
        Self { kept, ..Self::default() }
    }
}

impl Default for KeptBatches {
    fn default() -> Self {
        Self { kept: Mutex::default(), turns: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl KeptBatches {
    /// The batch that holds the key's offset, if it begins at `offset_min` or behind.
    fn find(&self, wanted: &Key, offset_min: u64) -> Option<Piece> {
        let mut kept = self.kept.lock().expect("not poisoned");
        let (key, batch) = kept.batches.range(Key { offset: offset_min, ..*wanted }..=*wanted).next_back()?;
        let (key, used) = (*key, batch.used);
        let piece = Some(batch.piece.clone()).filter(|piece| piece.next_offset > wanted.offset)?;
        kept.uses += 1;
        let now = kept.uses;
        kept.by_use.remove(&used);
        kept.by_use.insert(now, key);
        kept.batches.get_mut(&key)?.used = now;
        Some(piece)
    }

    fn keep(&self, key: Key, piece: Piece) {
        let mut kept = self.kept.lock().expect("not poisoned");
        kept.forget(&key);
        kept.bytes += piece.len() + KEPT_OVERHEAD_BYTES;
        kept.uses += 1;
        let used = kept.uses;
        kept.by_use.insert(used, key);
        kept.batches.insert(key, KeptBatch { piece, used });
        while kept.bytes > COMPRESSED_BYTES_KEPT_MAX
            && let Some((_, oldest)) = kept.by_use.first_key_value()
        {
            let oldest = *oldest;
            kept.forget(&oldest);
        }
    }

    fn turn(&self, key: &Key) -> MutexGuard<'_, ()> {
        let number = self.hasher.hash_one(key) as usize % TURNS;
        // Who panicked has left nothing half done.
        self.turns[number].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, key: &Key) {
        if let Some(batch) = self.batches.remove(key) {
            self.by_use.remove(&batch.used);
            self.bytes -= batch.piece.len() + KEPT_OVERHEAD_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(offset: u64) -> Key {
        Key { topic: Uuid::nil(), partition: 1, codec: Codec::Lz4, offset }
    }

    fn piece(next_offset: u64, bytes: usize) -> Piece {
        Piece { bytes: vec![0; bytes].into(), next_offset }
    }

    #[test]
    fn a_batch_is_found_at_each_of_its_offsets() {
        let kept = KeptBatches::default();
        kept.keep(key(256), piece(512, 10));
        kept.keep(key(512), piece(700, 10));
        let found = |offset, offset_min| kept.find(&key(offset), offset_min).map(|piece| piece.next_offset);
        assert_eq!(
            [255, 256, 511, 512, 699, 700].map(|offset| found(offset, 0)),
            [None, Some(512), Some(512), Some(700), Some(700), None]
        );
        assert_eq!(found(300, 257), None, "a part of it was trimmed");
        assert!(kept.find(&Key { codec: Codec::Zstd, ..key(300) }, 0).is_none());
        assert!(kept.find(&Key { partition: 2, ..key(300) }, 0).is_none());
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let kept = KeptBatches::default();
        let bytes = COMPRESSED_BYTES_KEPT_MAX / 3 - KEPT_OVERHEAD_BYTES;
        (0..3).for_each(|n| kept.keep(key(n), piece(n + 1, bytes)));
        kept.keep(key(2), piece(3, bytes));
        assert!(kept.find(&key(0), 0).is_some());
        kept.keep(key(3), piece(4, bytes));
        assert_eq!([0, 1, 2, 3].map(|n| kept.find(&key(n), 0).is_some()), [true, false, true, true]);
        let inside = kept.kept.lock().unwrap();
        assert_eq!(
            (inside.batches.len(), inside.by_use.len(), inside.bytes),
            (3, 3, COMPRESSED_BYTES_KEPT_MAX / 3 * 3)
        );
    }
}
