//! What retention and those who read the events tell each other before events, or tombstones, go.
//!
//! Not here: retention itself (`retention`).

use std::{collections::HashSet, ops::Range};

use crate::snapshot::SnapshotError;

/// Sees what is about to be trimmed; see [`crate::App::observe_trims`].
pub trait TrimObserver: Send + Sync {
    /// A trim begins.
    fn begin(&self) -> Box<dyn ObservedTrim>;

    /// Calls `drop` with the tombstones that must stay; no more of them until it returns. It waits
    /// for a commit: nobody but who would need more may wait for it.
    fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones));
}

/// One trim, as its observer sees it.
pub trait ObservedTrim {
    /// The events of `offsets` are about to be trimmed. They can still be read; what is noted now
    /// is durable when they are gone. If it fails they stay for now.
    fn about_to_trim(&mut self, offsets: Range<u64>) -> Result<(), SnapshotError>;

    /// Has `trim`, which is quick, take out all that was shown. `false`: not yet; there is more to
    /// note of it by now, and all of it is to be shown once more.
    fn finish(&mut self, trim: &mut dyn FnMut()) -> bool;
}

/// Tombstones that readers need, by the offsets of their events.
#[derive(Debug, Clone)]
pub struct KeptTombstones {
    /// All from here on: not every view has looked at the events yet.
    pub from: u64,
    /// These, since a reader's end lies right behind: it must find something there, or it would
    /// never come to its end.
    pub at: HashSet<u64>,
}

impl Default for KeptTombstones {
    /// None.
    fn default() -> Self {
        Self { from: u64::MAX, at: HashSet::new() }
    }
}

/// Who reads nothing, so that anything may go.
#[derive(Debug)]
pub struct NoObserver;

impl TrimObserver for NoObserver {
    fn begin(&self) -> Box<dyn ObservedTrim> {
        Box::new(Self)
    }

    fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones)) {
        drop(KeptTombstones::default());
    }
}

impl ObservedTrim for NoObserver {
    fn about_to_trim(&mut self, _: Range<u64>) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn finish(&mut self, trim: &mut dyn FnMut()) -> bool {
        trim();
        true
    }
}
