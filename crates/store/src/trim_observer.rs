//! What retention and those who read the events tell each other before events, or tombstones, go.
//!
//! Not here: retention itself (`retention`).

use std::{collections::HashSet, ops::Range};

use crate::{snapshot::SnapshotError, views::ViewId};

/// Sees what is about to be trimmed; see [`crate::App::observe_trims`].
pub trait TrimObserver: Send + Sync {
    /// A step of a trim begins.
    fn begin(&self) -> Box<dyn ObservedTrim>;

    /// Calls `drop` with the tombstones that must stay; no more of them until it returns. It waits
    /// for a commit: nobody but who would need more may wait for it.
    fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones));
}

/// One step of a trim, as its observer sees it.
pub trait ObservedTrim {
    /// The events of `offsets`, those of the oldest segment that was not shown yet, are about to be
    /// trimmed. They can still be read; what is noted now is durable when they are gone. If it
    /// fails they stay for now. Takes as long as it takes: nobody waits for it.
    fn about_to_trim(&mut self, offsets: Range<u64>) -> Result<(), SnapshotError>;

    /// All were shown, and go next. From here on, until it is dropped, the oldest events that are
    /// kept stay the same for whoever is about to become a reader; what those who became one
    /// meanwhile have to note is noted here.
    fn last_look(&mut self) -> Result<(), SnapshotError>;
}

/// Tombstones that readers need, by the offsets of their events.
#[derive(Debug, Clone)]
pub struct KeptTombstones {
    /// All from here on: not every view has looked at the events yet.
    pub from: u64,
    /// These, since a reader's end lies right behind: it must find something there, or it would
    /// never come to its end.
    pub at: HashSet<u64>,
    /// Those that are the last of a view's partition, by their offsets there.
    pub ends: HashSet<(ViewId, u16, u64)>,
}

impl Default for KeptTombstones {
    /// None.
    fn default() -> Self {
        Self { from: u64::MAX, at: HashSet::new(), ends: HashSet::new() }
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

    fn last_look(&mut self) -> Result<(), SnapshotError> {
        Ok(())
    }
}
