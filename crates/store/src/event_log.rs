//! The events of one app as record batches, by dense offsets: the newest from memory, the rest from
//! the journal.
//!
//! Invariants: readers see an event only after it is durable and its document can be read; bytes
//! never change.
//! Not here: topics and partitions (views of these events), Kafka requests (`kafka-endpoint`).

use std::{
    collections::VecDeque,
    sync::{Arc, RwLock},
};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    incarnation::{self, Seam},
    journal::{Journal, OffsetAndTimestamp, Piece, frame::FrameHeader, segment::SegmentError, take_batches},
    limits::TAIL_BYTES_MAX,
    position::TxnId,
};

/// Why events cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("events from offset {offset} cannot be read: {message}")]
pub struct ReadError {
    /// Where.
    pub offset: u64,
    /// Why.
    pub message: String,
}

/// The events of one app: a Kafka partition's worth.
#[derive(Debug)]
pub struct EventLog {
    journal: Arc<Journal>,
    high_watermark: watch::Sender<u64>,
    tail: RwLock<Tail>,
    /// In order.
    seams: Vec<Seam>,
}

/// The newest batches, at most [`TAIL_BYTES_MAX`]; the oldest leave first.
#[derive(Debug, Default)]
struct Tail {
    frames: VecDeque<TailFrame>,
    bytes: usize,
    /// The newest event's time, also when no frame is in memory; `None` until it is known.
    newest: Option<OffsetAndTimestamp>,
}

#[derive(Debug, Clone)]
struct TailFrame {
    first_offset: u64,
    /// With the buffer's spare room.
    memory_bytes: usize,
    batches: Bytes,
}

impl EventLog {
    pub(crate) fn new(journal: Arc<Journal>, high_watermark: u64, seams: Vec<Seam>) -> Self {
        Self { journal, high_watermark: watch::Sender::new(high_watermark), tail: RwLock::default(), seams }
    }

    /// Where restored data goes on, in order; empty if it never was restored.
    pub fn seams(&self) -> &[Seam] {
        &self.seams
    }

    /// The first offset at or behind `offset` that was not skipped by a restore.
    pub fn behind_seams(&self, offset: u64) -> u64 {
        incarnation::behind_seams(&self.seams, offset)
    }

    /// Lets readers see a frame's events; without `batches` they read them, and those before, from
    /// the journal.
    pub(crate) fn publish(&self, header: &FrameHeader, mut batches: Vec<u8>) {
        if header.events == 0 {
            return;
        }
        let mut tail = self.tail.write().expect("not poisoned");
        if batches.is_empty() {
            // What is in memory has no hole.
            (tail.frames, tail.bytes) = (VecDeque::new(), 0);
        }
        if batches.capacity() > 2 * batches.len() {
            batches.shrink_to_fit();
        }
        let memory_bytes = batches.capacity();
        tail.bytes += memory_bytes;
        let batches = Bytes::from(batches);
        if !batches.is_empty() {
            tail.frames.push_back(TailFrame { first_offset: header.first_offset, memory_bytes, batches });
        }
        tail.newest =
            Some(OffsetAndTimestamp { offset: header.next_offset() - 1, timestamp_ms: header.commit_time_ms });
        while tail.bytes > TAIL_BYTES_MAX
            && let Some(oldest) = tail.frames.pop_front()
        {
            tail.bytes -= oldest.memory_bytes;
        }
        drop(tail);
        self.high_watermark.send_replace(header.next_offset());
    }

    /// Behind the last event before `end`, which may lie where a restore skipped offsets.
    pub fn before_seams(&self, end: u64) -> u64 {
        incarnation::before_seams(&self.seams, end)
    }

    /// How many events there are from `from` to before `to`.
    pub fn count_between(&self, from: u64, to: u64) -> u64 {
        let overlap = |seam: &Seam| seam.first_offset.min(to).saturating_sub(seam.end_offset.max(from));
        to.saturating_sub(from).saturating_sub(self.seams.iter().map(overlap).sum())
    }

    /// The offset after the last event.
    pub fn high_watermark(&self) -> u64 {
        *self.high_watermark.borrow()
    }

    /// The offset of the oldest event that is kept; retention raises it.
    pub fn log_start(&self) -> u64 {
        self.journal.start().first_offset
    }

    /// The commit time of the newest event that was trimmed, or of one just before it, in ms since
    /// the epoch; 0 if none was.
    pub fn trimmed_to_ms(&self) -> u64 {
        self.journal.start().commit_time_ms
    }

    /// Follows [`EventLog::high_watermark`]; changes only after the events can be read.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.high_watermark.subscribe()
    }

    /// Whole record batches (stored bytes, as committed) from the one that holds `offset` (or,
    /// where that was trimmed, the oldest), in order: as many as fit in `max_bytes`, but at least
    /// one. Empty at the high watermark. The first batch may begin before `offset`. Each piece
    /// holds one or more whole batches. Recent events come from memory; older ones are read from
    /// their segment, on a blocking thread unless the system has them in memory.
    ///
    /// Where the journal is damaged, what lies before the damage; an error if that is nothing
    /// ([`crate::App::damage`]).
    pub async fn read(&self, offset: u64, max_bytes: usize) -> Result<Vec<Piece>, ReadError> {
        let offset = self.behind_seams(offset.max(self.log_start()));
        let high_watermark = self.high_watermark();
        // There may be nothing behind what was trimmed: the last segment need not hold an event.
        if offset >= high_watermark {
            return Ok(Vec::new());
        }
        if let Some(batches) = self.read_tail(offset, max_bytes) {
            return Ok(below(batches, high_watermark));
        }
        if self.journal.reads_without_waiting(offset, max_bytes) {
            // On this thread what was read is sent from the processor's cache: a quarter of the
            // cost of reading a topic from its beginning.
            let found = self.journal.read_batches(offset, max_bytes).map_err(failed_at(offset))?;
            return self.found(offset, below(found, high_watermark));
        }
        let journal = self.journal.clone();
        let found = on_blocking_thread(offset, move || journal.read_batches(offset, max_bytes)).await?;
        self.found(offset, below(found, high_watermark))
    }

    /// [`EventLog::read`] on this thread, which may wait for the disk.
    pub fn read_blocking(&self, offset: u64, max_bytes: usize) -> Result<Vec<Piece>, ReadError> {
        let offset = self.behind_seams(offset.max(self.log_start()));
        let high_watermark = self.high_watermark();
        // There may be nothing behind what was trimmed: the last segment need not hold an event.
        if offset >= high_watermark {
            return Ok(Vec::new());
        }
        if let Some(batches) = self.read_tail(offset, max_bytes) {
            return Ok(below(batches, high_watermark));
        }
        let found = self.journal.read_batches(offset, max_bytes).map_err(failed_at(offset))?;
        self.found(offset, below(found, high_watermark))
    }

    /// As [`EventLog::read`], if all of it is in memory; `None` if not. Never waits.
    pub fn read_recent(&self, offset: u64, max_bytes: usize) -> Option<Vec<Piece>> {
        let (offset, high_watermark) = (self.behind_seams(offset), self.high_watermark());
        if offset >= high_watermark {
            return Some(Vec::new());
        }
        self.read_tail(offset, max_bytes).map(|pieces| below(pieces, high_watermark))
    }

    /// What was read, unless it is nothing though there must be something.
    fn found(&self, offset: u64, batches: Vec<Piece>) -> Result<Vec<Piece>, ReadError> {
        if batches.is_empty() && self.log_start() <= offset {
            return Err(failed_at(offset)(self.journal.events_missing(offset)));
        }
        Ok(batches)
    }

    /// From memory; `None` if what is wanted begins before it.
    fn read_tail(&self, offset: u64, max_bytes: usize) -> Option<Vec<Piece>> {
        let tail = self.tail.read().expect("not poisoned");
        let first = tail.frames.partition_point(|f| f.first_offset <= offset).checked_sub(1)?;
        Some(take_batches(tail.frames.range(first..).map(|f| f.batches.clone()), offset, max_bytes))
    }

    /// An offset with only events of transactions up to `after` before it, of which not many follow;
    /// the end if there are no later ones. Blocks on disk.
    ///
    /// # Errors
    /// Such events cannot be read, or were trimmed.
    pub fn offset_after(&self, after: TxnId) -> Result<u64, ReadError> {
        let high_watermark = self.high_watermark();
        let found = self.journal.offset_after(after.0).map_err(failed_at(0))?;
        Ok(found.unwrap_or(high_watermark))
    }

    /// The first event at or after `timestamp_ms`; `None` if there is none.
    pub async fn offset_for_timestamp(&self, timestamp_ms: u64) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        match self.max_timestamp().await? {
            Some(newest) if newest.timestamp_ms >= timestamp_ms => {}
            _ => return Ok(None),
        }
        let journal = self.journal.clone();
        on_blocking_thread(0, move || journal.offset_for_timestamp(timestamp_ms)).await
    }

    /// When the event at `offset` was committed, ms since the epoch; `None` if it was trimmed. Blocks
    /// on disk.
    pub fn event_time(&self, offset: u64) -> Result<Option<u64>, ReadError> {
        self.journal.event_time(offset).map_err(failed_at(offset))
    }

    /// The newest event with the greatest timestamp; `None` if there are no events. Of one that was
    /// trimmed, the time of [`EventLog::trimmed_to_ms`].
    pub async fn max_timestamp(&self) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        loop {
            let end = incarnation::before_seams(&self.seams, self.high_watermark());
            let Some(offset) = end.checked_sub(1) else { return Ok(None) };
            if offset < self.log_start() {
                return Ok(Some(OffsetAndTimestamp { offset, timestamp_ms: self.trimmed_to_ms() }));
            }
            let newest = self.tail.read().expect("not poisoned").newest;
            if newest.is_some() {
                return Ok(newest);
            }
            // None was committed since the start.
            let journal = self.journal.clone();
            let found = on_blocking_thread(offset, move || journal.event_time(offset)).await?;
            if let Some(timestamp_ms) = found {
                let newest = OffsetAndTimestamp { offset, timestamp_ms };
                return Ok(Some(*self.tail.write().expect("not poisoned").newest.get_or_insert(newest)));
            }
            if offset >= self.log_start() {
                return Err(failed_at(offset)(self.journal.events_missing(offset)));
            }
        }
    }
}

/// What lies below the high watermark: a frame can be read before it is published, and whoever got
/// that would stand behind the end. It is that of a frame's end, and no piece is of two frames.
fn below(mut pieces: Vec<Piece>, high_watermark: u64) -> Vec<Piece> {
    let there = pieces.iter().take_while(|piece| piece.next_offset <= high_watermark).count();
    pieces.truncate(there);
    pieces
}

fn failed_at(offset: u64) -> impl FnOnce(SegmentError) -> ReadError {
    move |error| ReadError { offset, message: error.to_string() }
}

async fn on_blocking_thread<T: Send + 'static>(
    offset: u64,
    read: impl FnOnce() -> Result<T, SegmentError> + Send + 'static,
) -> Result<T, ReadError> {
    let failed = |message: String| ReadError { offset, message };
    tokio::task::spawn_blocking(read).await.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_published_yet_is_not_given() {
        let piece = |next_offset| Piece { bytes: Bytes::new(), next_offset };
        let pieces = vec![piece(3), piece(5), piece(7)];
        assert_eq!(below(pieces.clone(), 5), pieces[..2]);
        assert_eq!(below(pieces.clone(), 7), pieces);
    }
}
