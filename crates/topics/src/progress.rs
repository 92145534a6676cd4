//! What the readers of an app's live queries and their evaluator tell each other: that somebody waits, and that
//! events were looked at.

use std::sync::{Arc, atomic::AtomicU64};

use tokio::sync::{Notify, watch};

use crate::{compressed::Compressed, leaves::LastLeaves};

/// One for all live queries of an app.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    wanted: Notify,
    evaluated: watch::Sender<()>,
    /// By which event each document left which of them last.
    pub(crate) leaves: LastLeaves,
    /// Filters that were too expensive on a document.
    pub(crate) given_up: Arc<AtomicU64>,
    /// Batches that readers have in common.
    pub(crate) compressed: Compressed,
    /// So many looks fail by a panic.
    #[cfg(test)]
    pub(crate) panics: AtomicU64,
}

impl Progress {
    pub(crate) fn new(compressed: Compressed) -> Self {
        Self { compressed, ..Self::default() }
    }

    /// Has the evaluator look at once.
    pub(crate) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Ends at the next [`Progress::want`], or at once if there was one that nobody has seen.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Changes whenever events were looked at; the evaluator does not dally while somebody has it.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        let evaluated = self.evaluated.subscribe();
        self.want();
        evaluated
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.evaluated.receiver_count() > 0
    }

    /// Events were looked at, or could not be.
    pub(crate) fn note_evaluated(&self) {
        self.evaluated.send_replace(());
    }

    #[cfg(test)]
    pub(crate) fn panic_if_told(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        let told = self.panics.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        assert!(told.is_err(), "a test wants it");
    }
}
