//! A place in an app's order: what the next frame follows on.

/// What the next frame follows on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// The number of the next frame.
    pub(crate) next_frame: u64,
    /// The transaction of the next changeset; the first is 1.
    pub(crate) next_txn: u64,
    /// The offset of the next event.
    pub(crate) next_offset: u64,
    /// The commit time of the last frame; the next is not below it.
    pub(crate) commit_time_ms: u64,
    /// The stamp clock.
    pub(crate) stamp_last: u64,
}

impl Position {
    /// Before the first frame of an app.
    pub(crate) fn first() -> Self {
        Self { next_txn: 1, ..Self::default() }
    }

    /// Where a group that follows on it begins.
    pub(crate) fn place(&self) -> rules::Place {
        rules::Place { next_txn: self.next_txn, next_offset: self.next_offset, stamp_last: self.stamp_last }
    }

    /// Behind a frame of that number that led to `place`.
    pub(crate) fn after(frame_number: u64, commit_time_ms: u64, place: rules::Place) -> Self {
        let rules::Place { next_txn, next_offset, stamp_last } = place;
        Self { next_frame: frame_number + 1, next_txn, next_offset, commit_time_ms, stamp_last }
    }
}

/// A transaction's position in its app. Only grows; 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TxnId(pub u64);
