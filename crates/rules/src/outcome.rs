//! What becomes of operations and changesets.

use document::{DeltaError, Operation, StampError, UpdateError};

/// What became of one operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The document was written or removed.
    Applied,
    /// The condition did not hold, or there was nothing to remove: nothing happened.
    Skipped,
    /// The update could not be done: the document stays as it was.
    Failed(UpdateError),
}

/// Which states of the documents that operations wrote are handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returning {
    /// Those before the operation, else those after it.
    pub before: bool,
    /// What all of them may come to, in bytes as [`document::Map::memory_bytes`] counts. More: the
    /// changeset is refused.
    pub bytes_max: usize,
}

/// A document's state that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// By which operation it was written, from 0.
    pub operation: usize,
    /// Its fields, without `_id`.
    pub fields: document::Map,
}

/// Why a changeset is refused. Nothing of it happened.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A document would grow beyond [`crate::limits::DOCUMENT_BYTES_MAX`].
    #[error("document {id} of {collection:?} would be {bytes} bytes, more than the {bytes_max} allowed")]
    DocumentTooLarge {
        /// Its collection.
        collection: String,
        /// Its id as JSON.
        id: String,
        /// Its size.
        bytes: usize,
        /// The largest that is taken.
        bytes_max: usize,
    },
    /// Deciding its conditions, and changing a document again and again, would take more than
    /// [`crate::limits::CHANGESET_STEPS_MAX`].
    #[error(
        "too expensive: to decide what the write changes would take more than {steps_max} steps; nothing was written \
         (use simpler queries and regular expressions, or several writes)"
    )]
    TooExpensive {
        /// How many steps there were.
        steps_max: u64,
    },
    /// A document that was to be new is there ([`document::Condition::Absent`]).
    #[error("the document {id} of {collection:?} exists already; nothing was written")]
    DocumentExists {
        /// Its collection.
        collection: String,
        /// Its id as JSON.
        id: String,
    },
    /// A transaction would touch more than [`crate::limits::TRANSACTION_DOCUMENTS_MAX`] or
    /// [`crate::limits::TRANSACTION_BYTES_MAX`].
    #[error(
        "the transaction would touch {documents} documents and {bytes} bytes of them or more; at most {documents_max} \
         documents and {bytes_max} bytes go in one: write fewer at once"
    )]
    TransactionTooLarge {
        /// Documents up to where it was given up.
        documents: usize,
        /// Their bytes.
        bytes: usize,
        /// How many documents may go in one.
        documents_max: usize,
        /// How many bytes.
        bytes_max: usize,
    },
    /// A query of the changeset cannot be read, or is not there. Only of one that did not come with
    /// its filters.
    #[error("a condition of the write cannot be read: {message}")]
    Query {
        /// Why not.
        message: String,
    },
    /// What a statement makes of a document cannot be written ([`document::Action::Computed`]).
    #[error("document {id} of {collection:?}: {message}; nothing was written")]
    Statement {
        /// Its collection.
        collection: String,
        /// Its id as JSON.
        id: String,
        /// Why not; names the path.
        message: String,
    },
    /// What [`Returning`] asks for comes to more than it allows.
    #[error(
        "what is returned would be more than {bytes_max} bytes; nothing was written (return less, or write less at once)"
    )]
    ReturnedTooMuch {
        /// The bound.
        bytes_max: usize,
    },
    /// Operations of what a peer pushed may not be done.
    #[error("{}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Push {
        /// All of them that fail, ascending.
        faults: Vec<PushFault>,
    },
}

/// Why an operation that a peer pushed is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("operation {operation}: {reason}")]
pub struct PushFault {
    /// Which, from 0.
    pub operation: usize,
    /// Why.
    pub reason: PushFaultReason,
}

/// See [`PushFault`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PushFaultReason {
    /// A stamp lies too far ahead of the commit time.
    #[error(transparent)]
    StampAhead(#[from] StampError),
    /// It bears stamps that its peer may not give.
    #[error(transparent)]
    Delta(#[from] DeltaError),
    /// It is said to be a removal and leaves a document, or the other way round.
    #[error("{}", if *.removed { "a removal leaves a document" } else { "it leaves no document, and is no removal" })]
    Kind {
        /// Whether it is said to be one.
        removed: bool,
    },
    /// The document was removed since the peer last had it.
    #[error("the document was removed by transaction {txn} or before it, which its writer did not know of")]
    Removed {
        /// The removal or, where that is forgotten, the last one that is.
        txn: u64,
    },
    /// The document would grow beyond [`crate::limits::DOCUMENT_BYTES_MAX`].
    #[error("the document would be {bytes} bytes, more than the {bytes_max} allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest that is taken.
        bytes_max: usize,
    },
}

impl Refusal {
    pub(crate) fn of_statement(operation: &Operation, message: String) -> Self {
        let (collection, id) = (operation.collection.as_str().to_owned(), operation.id.as_json().to_owned());
        Self::Statement { collection, id, message }
    }
}
