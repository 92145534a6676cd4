//! Runs DQL statements (docs/reference/dql.md): a SELECT on a snapshot, an INSERT, UPDATE or DELETE
//! as one transaction.
//!
//! A text is parsed once ([`Statements`]) and bound by its caller. What is bound is planned on a
//! snapshot ([`SelectPlan`]), so that EXPLAIN tells what would happen ([`explain`]), and run within
//! what its caller grants ([`Work`]). What a statement writes ([`PlannedWrite`]) names its
//! documents; whether they still match, and what becomes of each, is decided when it is applied.
//!
//! Invariants: one statement sees one snapshot; memory is bounded by [`limits`], by
//! `query::dql::limits` and by [`Work::make_room`]; what an UPDATE computes is never computed here.
//! Not here: the meaning of expressions (`query`), which documents are looked at (`find`), indexes
//! that are made or dropped (`operations`), who may ask and replies (the edges).

mod explaining;
mod selecting;
mod statements;
mod writing;
mod zone;

pub mod limits;
pub mod system;

use document::CollectionNameError;
use query::{BindError, dql::RowsError};

pub use explaining::{explain, explain_find, explain_select};
pub use selecting::{SelectPlan, SystemDocuments, each_row_of_system, run_on_system};
pub use statements::Statements;
pub use system::SystemCollection;
pub use writing::{PlannedWrite, Source, StatementText, delete, documents_of_rows, insert, selected_ids, update};
pub use zone::zone_offset;

/// What somebody grants to a statement.
pub trait Work: find::Work<Error: From<RowsError> + From<ExecuteError>> {
    /// Is asked when the result has grown to `bytes`.
    ///
    /// # Errors
    /// Any: the statement ends with it.
    fn make_room(&mut self, bytes: usize) -> Result<(), Self::Error>;
}

/// Why a statement that means something cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExecuteError {
    /// Its collection can be none.
    #[error(transparent)]
    Collection(#[from] CollectionNameError),
    /// There is no such system collection.
    #[error("there is no system collection {name:?}; there are {}", system::NAMES.join(", "))]
    NoSystemCollection {
        /// Its name, with `system:`.
        name: String,
    },
    /// A row of an INSERT's SELECT can be no document.
    #[error(transparent)]
    Row(#[from] BindError),
    /// An INSERT names an id twice.
    #[error("Expected unique document identifiers: {id} comes twice")]
    SameId {
        /// As JSON.
        id: String,
    },
    /// A transaction may not be as large.
    #[error(
        "the statement would write more than {} documents or {} bytes of them; write fewer at once: repeat a DELETE \
         with LIMIT {0} until it finds none, narrow an UPDATE's WHERE, split an INSERT",
        limits::DOCUMENTS_MAX,
        limits::WRITE_BYTES_MAX
    )]
    TooLarge,
}
