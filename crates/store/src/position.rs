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
