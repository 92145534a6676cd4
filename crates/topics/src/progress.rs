//! What the readers of an app's live queries and their evaluator tell each other: that somebody waits, and that events were looked at.

use tokio::sync::{Notify, watch};

/// One for all live queries of an app.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    wanted: Notify,
    evaluated: watch::Sender<()>,
}

impl Progress {
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

    /// Events were looked at.
    pub(crate) fn note_evaluated(&self) {
        self.evaluated.send_replace(());
    }
}
