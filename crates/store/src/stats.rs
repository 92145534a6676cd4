//! Counters of one app, written by its sequencer and read by `/metrics`.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the commit histogram, in microseconds.
const BUCKETS_MICROS: [u64; 14] =
    [250, 500, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 20_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// Numbers of one app since its start, and sizes now.
#[derive(Debug, Clone, Default)]
pub struct AppStats {
    /// Changesets committed since the start.
    pub transactions: u64,
    /// Events made since the start.
    pub events: u64,
    /// Journal frames (one fsync each) since the start.
    pub frames: u64,
    /// Microseconds spent writing and syncing the journal since the start.
    pub sync_micros: u64,
    /// Microseconds spent writing the documents to the engine since the start.
    pub documents_micros: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Segments of the journal.
    pub journal_segments: u64,
    /// The offset of the oldest event that is kept; what was before it is told from the documents.
    pub log_start: u64,
    /// Bytes of events and changesets trimmed since the start.
    pub trimmed_bytes: u64,
    /// Tombstones dropped since the start.
    pub tombstones_dropped: u64,
    /// Requests that were forgotten before their time since the start, as there were too many.
    pub requests_forgotten_early: u64,
    /// Documents of all collections, tombstones not counted.
    pub documents: u64,
    /// Indexes that queries use.
    pub indexes_ready: u64,
    /// Indexes that are being built.
    pub indexes_building: u64,
    /// Entries of all indexes.
    pub index_entries: u64,
    /// Bytes of the document engine on disk.
    pub documents_bytes: u64,
    /// Free bytes on the data directory's file system.
    pub disk_free_bytes: u64,
    /// How long commits took from queueing to visible.
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

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) transactions: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) sync_micros: AtomicU64,
    pub(crate) documents_micros: AtomicU64,
    pub(crate) trimmed_bytes: AtomicU64,
    pub(crate) tombstones_dropped: AtomicU64,
    pub(crate) requests_forgotten_early: AtomicU64,
    commits: [AtomicU64; BUCKETS_MICROS.len() + 1],
    commit_micros: AtomicU64,
}

impl Counters {
    pub(crate) fn observe_commit(&self, took: Duration) {
        let micros = took.as_micros() as u64;
        let bucket = BUCKETS_MICROS.partition_point(|&bound| bound < micros);
        self.commits[bucket].fetch_add(1, Relaxed);
        self.commit_micros.fetch_add(micros, Relaxed);
    }

    pub(crate) fn commit_histogram(&self) -> CommitHistogram {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(BUCKETS_MICROS.len());
        for (n, bucket) in self.commits.iter().enumerate() {
            count += bucket.load(Relaxed);
            if let Some(&bound) = BUCKETS_MICROS.get(n) {
                buckets.push((bound as f64 / 1e6, count));
            }
        }
        CommitHistogram { buckets, sum_seconds: self.commit_micros.load(Relaxed) as f64 / 1e6, count }
    }
}
