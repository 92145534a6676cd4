//! Changesets: operations on named documents, applied as one transaction.
//!
//! Not here: applying them to documents (`document`), deciding conditions and giving out stamps
//! (`store`).

mod stored;
mod tokens;

use crate::{CollectionName, Document, DocumentId, FieldType, Map, Path, SiteId, Stamp, Value};

/// Operations that are committed together, in order, or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Changeset {
    /// At least one.
    pub operations: Vec<Operation>,
    /// What the operations' conditions ask, each question once: many operations may share one.
    pub queries: Vec<ConditionQuery>,
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
    /// The peer's site, where a small peer wrote.
    pub site: Option<SiteId>,
    /// Which of the site's transactions this is, where a peer pushed it. Only beside a site.
    pub pushed: Option<Pushed>,
}

/// Which of a peer's own transactions a changeset is: by that it is taken once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its number at the peer, from 1.
    pub seq: u64,
    /// A digest of what was pushed: something else under the number shows a copied peer.
    pub hash: [u8; 16],
    /// Who the site belongs to; empty where nobody needs a key.
    pub subject: String,
}

/// A query that conditions of a changeset ask.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionQuery {
    /// Which language it is in; what the text means never changes after that.
    pub dialect: Dialect,
    /// The query's text.
    pub text: String,
    /// Its arguments.
    pub args: Map,
}

/// A query language, and its version where a text's meaning changed. Stored; never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Dialect {
    /// The legacy query language.
    Legacy = 1,
    /// DQL, version 1. As a changeset's query the text is a whole statement, and its arguments hold
    /// the statement's constants too; as a live query's it is a condition.
    Dql = 2,
}

/// One action on one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The document's collection.
    pub collection: CollectionName,
    /// The document's id.
    pub id: DocumentId,
    /// What must hold when it is applied; where it does not, the operation does nothing, but for
    /// [`Condition::Absent`].
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
    /// The document is there and matches a query.
    Matches {
        /// Which of the changeset's queries, from 0.
        query: usize,
    },
    /// Nobody has written the document since its newest write had this stamp
    /// ([`crate::Document::stamp_max`]); [`Stamp::ZERO`]: nobody ever has.
    Unchanged {
        /// That stamp.
        since: Stamp,
    },
    /// The document is not there. Where it is, the whole changeset is refused.
    Absent,
    /// The document is not there. Where it is, the operation does nothing.
    Vacant,
}

/// What an operation does to its document.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Merges `value` in: named fields change, others stay, nested objects merge, arrays and
    /// scalars replace. An object where a scalar, a counter, an attachment or a register with an
    /// object stands becomes a new object there: what stood there is not merged in.
    Upsert {
        /// The fields, without `_id`.
        value: Map,
        /// Fields of another type than their value alone says: a number that starts a counter, an
        /// object that is one value (a register) or an attachment's token. What cannot be of its
        /// type is written as if nothing were said.
        types: Vec<(Path, FieldType)>,
    },
    /// As an upsert, but stamped [`Stamp::INITIAL`]: below everything else. For documents that
    /// nobody has written ([`Condition::Unchanged`] since [`Stamp::ZERO`]).
    UpsertInitial {
        /// The fields, without `_id`.
        value: Map,
        /// As of an upsert.
        types: Vec<(Path, FieldType)>,
    },
    /// As an upsert of what differs from what is there; where nothing does, nothing happens.
    /// Decided when it is applied: a frame has the upsert that came of it.
    UpsertDifference {
        /// The fields, without `_id`.
        value: Map,
        /// As of an upsert.
        types: Vec<(Path, FieldType)>,
    },
    /// What one of the changeset's queries, an UPDATE of DQL, makes of the document. Decided when it
    /// is applied: a frame has the commands that came of it. Where it cannot be done, the whole
    /// changeset is refused.
    Computed {
        /// Which of the changeset's queries, from 0.
        query: usize,
    },
    /// Runs commands in order; if one fails the document stays as it was.
    Update(Vec<UpdateCommand>),
    /// Leaves a tombstone.
    Remove,
    /// Takes over what a small peer wrote, with the peer's own stamps ([`Document::check_delta`]).
    Merge {
        /// What it wrote.
        delta: Document,
        /// Whether it removed the document.
        removed: bool,
        /// The transaction at which the peer last had the document or its removal; 0: it was made
        /// there.
        base: u64,
    },
}

impl Action {
    /// An upsert whose values say their types.
    pub fn upsert(value: Map) -> Self {
        Action::Upsert { value, types: Vec::new() }
    }
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
    /// Adds a number ([`Value::Int`], [`Value::Uint`] or [`Value::Float`]) to the counter there.
    /// Nothing there: a counter without a start. A number register there: a counter that starts at
    /// it. Concurrent increments all count. Anything else, and an integer (the counter's value or
    /// what one site added to it) beyond 64 bits: an [`crate::UpdateError`].
    Increment(Value),
    /// Makes it a counter that starts at the value if that is a number, else at the number that
    /// stood there, else at 0.
    ReplaceWithCounter(Value),
    /// Puts an attachment's token there: `{"id":text,"len":integer,"metadata":{texts}}`, nothing
    /// else in it.
    SetAttachment(Map),
    /// Replaces what stands there with one value, an object too ([`FieldType::Register`]).
    SetRegister(Value),
    /// Merges an object in, as an upsert does; what stands there and is none is replaced.
    Merge {
        /// Its fields.
        value: Map,
        /// As of an upsert; their paths begin at the object.
        types: Vec<(Path, FieldType)>,
    },
    /// Takes the field away, with what is in it. Where nothing stands, nothing happens.
    Unset,
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
