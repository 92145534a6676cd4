//! What the threads of one app share: its parts, and why it takes no writes.
//!
//! Locks are held for a moment, and none is taken while another is held.
//! Not here: who writes to it (`pipeline`, `retention`), what edges call (`app`).

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, RwLock, atomic::AtomicU64},
};

use attachments::Blobs;
use document::SiteId;
use tokio::sync::watch;

use crate::{
    app_name::AppName, commit::CommitError, consumer_offsets::ConsumerOffsets, definition::Definitions, deltas::Deltas,
    engine::Engine, event_log::EventLog, journal::Journal, options::StoreOptions, request::RequestKey,
    retention_waker::RetentionWaker, stats::Counters, trim_observer::TrimObserver, trusted_clock::TrustedClock,
};

/// What the sequencer writes and everyone reads.
pub(crate) struct Shared {
    pub(crate) name: AppName,
    pub(crate) dir: PathBuf,
    pub(crate) instance: [u8; 16],
    pub(crate) site: SiteId,
    pub(crate) options: StoreOptions,
    pub(crate) clock: Arc<TrustedClock>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) engine: Engine,
    pub(crate) events: EventLog,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) deltas: Arc<Deltas>,
    pub(crate) newest_txn: watch::Sender<u64>,
    /// Counts the indexes that became ready, or were made or dropped.
    pub(crate) index_changes: watch::Sender<u64>,
    pub(crate) offsets: RwLock<ConsumerOffsets>,
    pub(crate) definitions: RwLock<Definitions>,
    pub(crate) obstacle: RwLock<Option<CommitError>>,
    /// What shows that somebody knows more than the data: an older copy was put back.
    pub(crate) ahead: OnceLock<String>,
    /// Requests of which nobody knows whether they were done.
    pub(crate) unknown_requests: Mutex<HashSet<RequestKey>>,
    pub(crate) counters: Counters,
    /// Frames whose documents are in the engine.
    pub(crate) committed_frames: AtomicU64,
    /// `None` without a limit, and once the app stops.
    pub(crate) retention: Mutex<Option<RetentionWaker>>,
    pub(crate) trim_observer: RwLock<Option<Box<dyn TrimObserver>>>,
    /// Every snapshot has a handle of it.
    pub(crate) snapshots: Arc<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shared {
    /// Why the app takes no more writes, if so.
    pub(crate) fn halted(&self) -> Option<CommitError> {
        let obstacle = self.obstacle.read().expect("not poisoned");
        obstacle.clone().filter(|error| matches!(error, CommitError::Halted { .. }))
    }

    /// Why writes are refused for now, if so.
    pub(crate) fn obstacle(&self) -> Option<CommitError> {
        self.obstacle.read().expect("not poisoned").clone()
    }

    /// Takes no more writes from here on; gives what writers are told.
    pub(crate) fn halt(&self, reason: String) -> CommitError {
        tracing::error!(app = self.name.as_str(), reason, "the app takes no more writes");
        let error = CommitError::Halted { reason };
        *self.obstacle.write().expect("not poisoned") = Some(error.clone());
        error
    }

    /// Notes why writes are refused for now, and logs it when it changes. What has halted the app
    /// stays.
    pub(crate) fn set_obstacle(&self, obstacle: Option<CommitError>) {
        let mut known = self.obstacle.write().expect("not poisoned");
        match (&*known, &obstacle) {
            (Some(CommitError::Halted { .. }), _) => return,
            (None, Some(error)) => tracing::warn!(app = self.name.as_str(), %error, "writes are refused"),
            (Some(_), None) => tracing::info!(app = self.name.as_str(), "writes are taken again"),
            _ => {}
        }
        *known = obstacle;
    }
}
