//! One app: its sequencer, documents and events.

use std::time::Duration;

use document::{Changeset, UpdateError};

use crate::{CommittedOffset, EventLog, Snapshot, SnapshotError};

/// A transaction's position in its app. Only grows; 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TxnId(pub u64);

/// An app's id: `[a-z0-9-]+`, at most 64 bytes; also part of its topic's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppName(String);

/// Why text is no app name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an app's name is 1 to 64 of a-z, 0-9 and '-', not {name:?}")]
pub struct AppNameError {
    /// What was given.
    pub name: String,
}

impl AppName {
    /// Checks the name.
    pub fn new(name: &str) -> Result<Self, AppNameError> {
        let fits = (1..=crate::limits::APP_NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(name.to_owned())) } else { Err(AppNameError { name: name.to_owned() }) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic, and the default consumer group, of the app's main feed.
    pub fn main_topic(&self) -> String {
        format!("user-consumable-{}", self.0)
    }
}

/// What became of one changeset.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Its transaction; where nothing was touched, the newest one.
    pub txn_id: TxnId,
    /// One for each operation, in order.
    pub outcomes: Vec<Outcome>,
}

/// What became of one operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The document was written or removed.
    Applied,
    /// The condition did not hold, or there was nothing to remove: nothing happened.
    Skipped,
    /// The update could not be done: the document stays as it was.
    Failed(UpdateError),
}

/// Why a changeset was not committed. Nothing of it happened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// No room on disk. Reads and consumers go on; writes resume when there is space.
    #[error("the disk is full: {free_bytes} bytes are free, {needed_bytes} are kept in reserve; writes resume when there is space")]
    DiskFull {
        /// Free bytes now.
        free_bytes: u64,
        /// What must be free.
        needed_bytes: u64,
    },
    /// A document would grow beyond [`crate::limits::DOCUMENT_BYTES_MAX`].
    #[error("document {id} of {collection:?} would be {bytes} bytes, more than the {} allowed", crate::limits::DOCUMENT_BYTES_MAX)]
    DocumentTooLarge {
        /// Its collection.
        collection: String,
        /// Its id as JSON.
        id: String,
        /// Its size.
        bytes: usize,
    },
    /// An earlier write could not be made durable; the app takes no more until the server is restarted.
    #[error("the app takes no writes since a write failed: {reason}")]
    Halted {
        /// What failed.
        reason: String,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// Why waiting for a transaction ended.
#[derive(Debug, Clone, thiserror::Error)]
#[error("transaction {wanted} has not been applied; the newest is {newest}")]
pub struct WaitError {
    /// What was waited for.
    pub wanted: u64,
    /// What is there.
    pub newest: u64,
}

/// One app of a data directory. Cheap to share behind an `Arc`; every method may be called from any task.
#[derive(Debug)]
pub struct App {}

impl App {
    /// Its name.
    pub fn name(&self) -> &AppName {
        todo!()
    }

    /// A random number that the app keeps for life, restores included; topic ids derive from it.
    pub fn instance(&self) -> [u8; 16] {
        todo!()
    }

    /// Commits `changeset` as one transaction: durable, applied and visible to reads when this returns. Waits for a place in
    /// the queue while it is full. Dropping the future does not undo what was queued.
    pub async fn commit(&self, _changeset: Changeset) -> Result<Committed, CommitError> {
        todo!()
    }

    /// The newest transaction that reads can see.
    pub fn newest_txn(&self) -> TxnId {
        todo!()
    }

    /// Waits until `txn_id` is applied, at most `timeout`.
    pub async fn wait_for(&self, _txn_id: TxnId, _timeout: Duration) -> Result<(), WaitError> {
        todo!()
    }

    /// The documents as they are now; does not change while it is held. Reading blocks on disk: scan on a blocking thread.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        todo!()
    }

    /// The events in offset order.
    pub fn events(&self) -> &EventLog {
        todo!()
    }

    /// Makes a consumer group's offsets durable, all or none. Each is (topic, partition, offset).
    pub async fn commit_offsets(&self, _group: &str, _offsets: Vec<(String, i32, CommittedOffset)>) -> Result<(), CommitError> {
        todo!()
    }

    /// The group's committed offsets: (topic, partition, offset).
    pub fn committed_offsets(&self, _group: &str) -> Vec<(String, i32, CommittedOffset)> {
        todo!()
    }

    /// Every group that has committed an offset, sorted.
    pub fn groups_with_offsets(&self) -> Vec<String> {
        todo!()
    }

    /// Forgets committed offsets: those of `partitions` (topic, partition), or all of the group's if that is `None`.
    pub async fn delete_offsets(&self, _group: &str, _partitions: Option<Vec<(String, i32)>>) -> Result<(), CommitError> {
        todo!()
    }

    /// Why writes are refused at the moment (disk full, halted); `None` while they are taken.
    pub fn write_obstacle(&self) -> Option<CommitError> {
        todo!()
    }

    /// Counters for `/metrics` and health.
    pub fn stats(&self) -> AppStats {
        todo!()
    }
}

/// Numbers of one app since its start, and sizes now.
#[derive(Debug, Clone, Default)]
pub struct AppStats {
    /// Changesets committed since the start.
    pub transactions: u64,
    /// Journal frames (fsyncs) since the start.
    pub frames: u64,
    /// Microseconds spent in fdatasync since the start.
    pub sync_micros: u64,
    /// Bytes of the journal on disk.
    pub journal_bytes: u64,
    /// Segments of the journal.
    pub journal_segments: u64,
    /// Bytes of the document engine on disk.
    pub documents_bytes: u64,
    /// Free bytes on the data directory's file system.
    pub disk_free_bytes: u64,
    /// Commit durations, seconds: upper bounds and cumulative counts, then sum and count.
    pub commit_seconds: CommitHistogram,
}

/// A histogram of how long a commit took from queueing to visible.
#[derive(Debug, Clone, Default)]
pub struct CommitHistogram {
    /// Upper bound in seconds and how many were at or below it.
    pub buckets: Vec<(f64, u64)>,
    /// Sum of all, in seconds.
    pub sum_seconds: f64,
    /// How many.
    pub count: u64,
}
