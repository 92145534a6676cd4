//! The events of one app as record batches, by dense offsets.

use bytes::Bytes;
use tokio::sync::watch;

/// A consumer group's position in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch the consumer saw, -1 if none.
    pub leader_epoch: i32,
    /// What the consumer stored beside it; at most 4096 bytes.
    pub metadata: String,
}

/// A record's place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// Its offset.
    pub offset: u64,
    /// Its commit time, ms since the epoch; never falls from one event to the next.
    pub timestamp_ms: u64,
}

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
pub struct EventLog {}

impl EventLog {
    /// The offset after the last event.
    pub fn high_watermark(&self) -> u64 {
        todo!()
    }

    /// Follows [`EventLog::high_watermark`]; changes only after the events can be read.
    pub fn watch(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Whole record batches (stored bytes, as committed) from the one that holds `offset` (or, where that is a hole, the next), in order:
    /// as many as fit in `max_bytes`, but at least one. Empty at the high watermark. The first batch may begin before
    /// `offset`. Recent events come from memory; older ones are read on a blocking thread.
    pub async fn read(&self, _offset: u64, _max_bytes: usize) -> Result<Vec<Bytes>, ReadError> {
        todo!()
    }

    /// The first event at or after `timestamp_ms`; `None` if there is none.
    pub async fn offset_for_timestamp(&self, _timestamp_ms: u64) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        todo!()
    }

    /// The newest event with the greatest timestamp; `None` if there are no events.
    pub fn max_timestamp(&self) -> Option<OffsetAndTimestamp> {
        todo!()
    }
}
