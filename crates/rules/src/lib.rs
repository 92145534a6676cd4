//! What a write means: (documents, changeset) to (changed documents, events).
//!
//! It runs at commit, at replay and in `verify`, and will run inside small peers. At commit a
//! changeset may carry queries and conditions; what comes of them is journaled as decisions
//! ([`Applied`]), so that a replay evaluates no query and looks at no bound: nothing that a later
//! program does otherwise can make it differ.
//!
//! Invariants: pure, with no I/O, clock, randomness, threads or hash-map order; the same changesets
//! in the same order give the same bytes; a changeset that is refused leaves no trace.
//! Not here: the order of changesets, durability (crate `store`).

mod conditions;
mod deltas;
mod events;
mod given;
mod group;
mod key;
mod merged;
mod outcome;
mod returned;
mod transaction;
mod version;

pub mod limits;

pub use deltas::EventDelta;
pub use given::Given;
pub use group::{Applied, ApplyError, Context, Documents, Group, GroupResult, LargeDocument, Place, Stored};
pub use key::{document_key, raw_document_key, split_document_key};
pub use limits::Limits;
pub use outcome::{Outcome, PushFault, PushFaultReason, Refusal, Returned, Returning};
pub use transaction::ChangedDocument;
pub use version::RulesVersion;
