//! What becomes of what peers push.
//!
//! Not here: which pushes were taken before (`site`), the way they go (`pipeline`).

use rules::Refusal;

use crate::position::TxnId;

/// What became of one push.
#[derive(Debug, Clone, PartialEq)]
pub enum PushOutcome {
    /// It is durable, as this transaction.
    Taken(TxnId),
    /// It was taken before, and nothing was written now. `None`: its transaction is not known any
    /// more.
    Known(Option<TxnId>),
    /// It is refused, and left no trace.
    Refused {
        /// Why.
        reason: PushRefusal,
        /// The transaction after which that was decided.
        at: TxnId,
    },
    /// The site is somebody else's, or its store was copied. Nothing after it was looked at.
    SiteReused,
}

/// Why a push is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PushRefusal {
    /// It may not be done.
    #[error(transparent)]
    Rules(#[from] Refusal),
    /// An earlier one that it needs was not taken.
    #[error("its transaction {seq}, which this one needs, was not taken")]
    Needs {
        /// Which.
        seq: u64,
    },
    /// It would change more entries of indexes than one transaction may.
    #[error("the transaction may change {entries} entries of indexes, one may change {entries_max}")]
    TooManyIndexEntries {
        /// How many.
        entries: usize,
        /// How many one may change.
        entries_max: usize,
    },
}
