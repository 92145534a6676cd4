//! What a writer gets back.

use rules::{Applied, Outcome, Refusal, Returned};

use crate::{clock_guard::ClockRefusal, position::TxnId};

/// What became of one changeset.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// Its transaction; where nothing was touched, the newest one.
    pub txn_id: TxnId,
    /// One for each operation, in order.
    pub outcomes: Vec<Outcome>,
    /// What was asked for with [`crate::Write::returning`], in the order of the operations.
    pub returned: Vec<Returned>,
}

impl Committed {
    /// Takes what came of the operations out of `applied`.
    pub(crate) fn of(applied: &mut Applied, txn_id: TxnId) -> Self {
        let (outcomes, returned) = (std::mem::take(&mut applied.outcomes), std::mem::take(&mut applied.returned));
        Self { txn_id, outcomes, returned }
    }
}

/// Why a changeset was not committed. But for [`CommitError::Unknown`], nothing of it happened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// No room on disk. Reads and consumers go on; writes resume when there is space.
    #[error(
        "the disk is full: {free_bytes} bytes are free, {needed_bytes} are kept in reserve; writes resume when there is space"
    )]
    DiskFull {
        /// Free bytes now.
        free_bytes: u64,
        /// What must be free.
        needed_bytes: u64,
    },
    /// The machine's clock is not believed. Reads, consumers and their offsets go on; writes resume
    /// when it is set right or accepted.
    #[error(transparent)]
    ClockRefused(ClockRefusal),
    /// It may not be done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It would change more entries of indexes than one transaction may.
    #[error(
        "the transaction may change {entries} entries of indexes, one may change {entries_max}: split it, or drop an index of the collection"
    )]
    TooManyIndexEntries {
        /// How many.
        entries: usize,
        /// How many one may change.
        entries_max: usize,
    },
    /// No segment of the journal can be made, for another reason than a full disk. It is tried
    /// again with the next write.
    #[error("no new journal segment can be made: {reason}; writes resume when one can")]
    NoSegment {
        /// Why not.
        reason: String,
    },
    /// A write before could not be made durable or visible; the app takes no more until the server
    /// is restarted.
    #[error("the app takes no writes since one failed, restart the server: {reason}")]
    Halted {
        /// What failed.
        reason: String,
    },
    /// The write itself could not be made durable or visible: the journal may hold it or not, which
    /// shows after a restart. The app takes no more until then.
    #[error(
        "it is not known whether the write was done, since it failed on the way to the disk; restart the server: {reason}"
    )]
    Unknown {
        /// What failed.
        reason: String,
    },
    /// The caller has sent another body under this request id.
    #[error("the request id {id:?} was used for a request with another body")]
    RequestReused {
        /// The id.
        id: String,
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

/// Why what an older version kept in a setting was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// It could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It was, and the setting could not be removed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
