//! Why something cannot be done.

use document::{CollectionNameError, UpdateError};
use key_values::KeyValuesError;
use query::dql::{DecideError, RowsError, SyntaxError};
use query::{BindError, ParseError, TooExpensive};

use crate::limits;

/// Why the peer's store cannot be read or written, or sync cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PeerError {
    /// The engine says so; a full disk, say. Nothing of the batch was written.
    #[error("the peer's store: {0}")]
    Store(#[from] KeyValuesError),
    /// Bytes that nobody wrote so.
    #[error("{what} in the peer's store is damaged")]
    Damaged {
        /// What it should be.
        what: &'static str,
    },
    /// The server sent what is no document, or a newer program's.
    #[error("the server sent a document that cannot be read here")]
    BadDocument,
    /// Written by a newer program.
    #[error("{what} in the peer's store has format version {version}, which this program does not know")]
    NewerFormat {
        /// What it is.
        what: &'static str,
        /// Its version.
        version: u8,
    },
}

/// Why a query has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The store.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// It is no legacy query.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It is no statement.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// An argument is missing or cannot stand where it does.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It would take too long.
    #[error(transparent)]
    TooExpensive(#[from] TooExpensive),
    /// Its rows cannot be made.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// Its collection can be none.
    #[error(transparent)]
    Collection(#[from] CollectionNameError),
    /// There is no such system collection at a peer.
    #[error("there is no system collection {name:?} at a peer; there are system:collections and system:pending")]
    NoSystemCollection {
        /// Its name.
        name: String,
    },
    /// Only a SELECT can be read or observed.
    #[error("only a SELECT can be read or observed")]
    NoSelect,
    /// There are too many observers.
    #[error("more than {} observers", limits::OBSERVERS_MAX)]
    TooManyObservers,
}

/// Why a write was not done; nothing of its transaction was.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Its query, or the store.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A command cannot be done.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// An UPDATE of DQL cannot be done.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// A value nests too deep.
    #[error("a document may nest {} deep", document::limits::DEPTH_MAX)]
    TooDeep,
    /// `__…` is the system's.
    #[error("{name:?} is the system's: it can only be read")]
    SystemCollection {
        /// Its name.
        name: String,
    },
    /// An INSERT of a document that is there.
    #[error("{id} is in {collection} already")]
    Exists {
        /// Where.
        collection: String,
        /// Which, as JSON.
        id: String,
    },
    /// An id that can be none.
    #[error(transparent)]
    Id(#[from] document::DocumentIdError),
    /// The transaction would not fit into a frame.
    #[error(
        "a transaction may write {} documents and {} bytes",
        limits::TRANSACTION_DOCUMENTS_MAX,
        limits::TRANSACTION_BYTES_MAX
    )]
    TooLarge,
    /// Too much is pending.
    #[error(
        "{} transactions or {} bytes are pending: sync first",
        limits::PENDING_TRANSACTIONS_MAX,
        limits::PENDING_BYTES_MAX
    )]
    PendingFull,
    /// A transaction that was put aside cannot go on.
    #[error(transparent)]
    Overtaken(#[from] Overtaken),
    /// A statement that a peer does not run.
    #[error("{what} is not run at a peer")]
    NotHere {
        /// Which.
        what: &'static str,
    },
}

/// Something else was committed while a transaction was put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("something else was written while the transaction was open")]
pub struct Overtaken;

macro_rules! through_query {
    ($($error:ty),*) => {
        $(impl From<$error> for WriteError {
            fn from(error: $error) -> Self {
                Self::Query(error.into())
            }
        })*
    };
}

through_query!(PeerError, ParseError, SyntaxError, BindError, TooExpensive, RowsError, CollectionNameError);

/// Why there is no subscription.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubscribeError {
    /// The store.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Its query is none.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Its query is more than a condition.
    #[error("a subscription is SELECT * FROM one collection, with WHERE or without")]
    NoCondition,
    /// Its query or arguments are too long.
    #[error("a subscription's query and arguments may have {} bytes", limits::SUBSCRIPTION_TEXT_BYTES_MAX)]
    TooLong,
    /// There are too many.
    #[error("more than {} subscriptions", limits::SUBSCRIPTIONS_MAX)]
    TooMany,
}
