//! What came of a peer's writes to one document, for the headers of its event.
//!
//! Not here: merging (`document`), writing headers (`events`).

use document::{Document, Shown, Stamp};

/// What a transaction merged into a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merged {
    shown: Shown,
    /// The greatest stamp in it.
    stamp: Stamp,
}

impl Merged {
    /// Of `delta`, which `document` holds now.
    pub(crate) fn of(delta: &Document, document: &Document) -> Self {
        Self { shown: document.shown_of(delta), stamp: delta.stamp_max() }
    }

    pub(crate) fn and(self, earlier: Option<Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        Self { shown: self.shown.plus(earlier.shown), stamp: self.stamp.max(earlier.stamp) }
    }

    /// Whether nothing of it shows.
    pub(crate) fn is_lost(&self) -> bool {
        self.shown.shown == 0
    }

    /// `won` if all of it shows, `lost` if nothing does.
    pub(crate) fn word(&self) -> &'static str {
        match self.shown {
            Shown { hidden: 0, .. } => "won",
            Shown { shown: 0, .. } => "lost",
            _ => "part",
        }
    }

    /// Milliseconds since the epoch, a dot, and the counter within them.
    pub(crate) fn stamp(&self) -> String {
        format!("{}.{}", self.stamp.wall_ms(), self.stamp.time & 0xffff)
    }
}
