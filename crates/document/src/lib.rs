//! Documents as conflict-free replicated data: values, ids, stamps, fields, changesets and their
//! merge.
//!
//! Invariants: every function here is pure (no I/O, clock, randomness, threads or hash-map order);
//! merging is commutative, associative and idempotent down to the encoded bytes.
//! Not here: query languages (`query`), public JSON envelopes (`wire`), files (`store`).

mod changeset;
mod document;
mod id;
mod json;
mod path;
mod stamp;
mod stored;
mod value;

pub mod limits;

pub use changeset::{
    Action, Changeset, ChangesetDecodeError, Condition, ConditionQuery, Dialect, Operation, Origin, Pushed,
    UpdateCommand, UpdateKind,
};
pub use document::{
    Additions, DeltaError, Document, DocumentDecodeError, FieldState, FieldType, Shown, UpdateError, WriteRules,
    token_problem,
};
pub use id::{CollectionName, CollectionNameError, DocumentId, DocumentIdError};
pub use json::{JsonError, find_oversized_integer, write_json_string};
pub use path::{Path, PathError, PathSegment};
pub use stamp::{SiteId, Stamp, StampClock, StampError};
pub use value::{Map, Value};
