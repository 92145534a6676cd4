//! Changesets: operations on named documents, applied as one transaction.
//!
//! Not here: applying them to documents (`document`), deciding conditions and giving out stamps (`store`).

mod stored;

use crate::{CollectionName, DocumentId, Map, Path, Stamp, Value};

/// Operations that are committed together, in order, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Changeset {
    /// At least one.
    pub operations: Vec<Operation>,
    /// Where it comes from; carried into the events' headers.
    pub origin: Origin,
}

/// Who wrote.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// The writer's name, as the `peer` header shows it: `http`, or the API key's name.
    pub peer: String,
    /// W3C trace context that the write carried, if any.
    pub traceparent: Option<String>,
    /// The transaction whose event made somebody write this, if they said so.
    pub cause: Option<u64>,
}

/// One action on one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The document's collection.
    pub collection: CollectionName,
    /// The document's id.
    pub id: DocumentId,
    /// What must hold when it is applied; where it does not, the operation does nothing, but for [`Condition::Absent`].
    pub condition: Condition,
    /// What to do.
    pub action: Action,
}

/// Decided when the changeset is applied, on the state that the operations before it left.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// The document is there.
    Exists,
    /// The document is there and matches a query in the legacy language.
    Matches {
        /// The query's text.
        query: String,
        /// Its `$args`.
        args: Map,
    },
    /// Nobody has written the document since its newest write had this stamp ([`crate::Document::stamp_max`]); [`Stamp::ZERO`]: nobody ever has.
    Unchanged {
        /// That stamp.
        since: Stamp,
    },
    /// The document is not there. Where it is, the whole changeset is refused.
    Absent,
}

/// What an operation does to its document.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Merges `value` in: named fields change, others stay, nested objects merge, arrays and scalars replace.
    Upsert {
        /// The fields, without `_id`.
        value: Map,
        /// Fields whose number starts a counter instead of a register.
        counters: Vec<Path>,
    },
    /// Runs commands in order; if one fails the document stays as it was.
    Update(Vec<UpdateCommand>),
    /// Leaves a tombstone.
    Remove,
}

/// One command of an update.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateCommand {
    /// The field; never `_id`.
    pub path: Path,
    /// What happens to it.
    pub kind: UpdateKind,
}

/// What an update command does at its path.
#[derive(Debug, Clone, PartialEq)]
pub enum UpdateKind {
    /// Replaces what stands there, objects as a whole.
    Set(Value),
    /// Adds a number ([`Value::Int`], [`Value::Uint`] or [`Value::Float`]) to the counter there. Nothing there: a counter that starts at 0.
    /// A number register there: becomes a counter that starts at it. Anything else, and an integer beyond 64 bits: an
    /// [`crate::UpdateError`].
    Increment(Value),
    /// Makes it a counter that starts at the value if that is a number, else at the number that stood there, else at 0.
    ReplaceWithCounter(Value),
}

/// Why stored bytes are no changeset.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a changeset cannot be read: {message} at byte {at}")]
pub struct ChangesetDecodeError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: usize,
}
