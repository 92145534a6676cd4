//! Why something cannot be done.

use std::path::PathBuf;

use document::{CollectionNameError, DocumentIdError, PathError};
use peer_core::{PeerError, QueryError, SubscribeError, WriteError};

/// Why something was not done.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the folder open.
    #[error("cannot open the peer in {}: another process has it open", dir.display())]
    InUse {
        /// Which.
        dir: PathBuf,
    },
    /// The folder cannot be opened: it cannot be made or read, or it is damaged.
    #[error("cannot open the peer in {}: {why}", dir.display())]
    Open {
        /// Which.
        dir: PathBuf,
        /// Why.
        why: String,
    },
    /// The URL of the server can be none.
    #[error("cannot sync with {url}: {why}")]
    Server {
        /// What was given.
        url: String,
        /// Why.
        why: &'static str,
    },
    /// Sync or a login was asked for, and no server is named.
    #[error("no server is named")]
    NoServer,
    /// A write; nothing of it was done.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A query.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A subscription.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// The peer's store: a full disk, say. Whatever was durable before is there. Of a write that ends
    /// so nothing is there, unless the disk failed at the very end of it.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A collection's name can be none.
    #[error(transparent)]
    Collection(#[from] CollectionNameError),
    /// An id can be none.
    #[error(transparent)]
    Id(#[from] DocumentIdError),
    /// A path can be none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A value can be no document, or arguments are no object.
    #[error("cannot take the value: {why}")]
    Value {
        /// Why.
        why: String,
    },
    /// The server refused the write; it is among the rejected ones.
    #[error("the server refused transaction {sequence}: {why}")]
    Rejected {
        /// Its number.
        sequence: u64,
        /// What the server says of it.
        why: String,
    },
    /// A user could not log in.
    #[error("cannot log in: {why}")]
    Login {
        /// Whether the server says no; else it did not answer, or could not ask.
        is_refused: bool,
        /// What the server says, or why it does not.
        why: String,
    },
    /// The server has no such attachment, or not for this user.
    #[error("there is no attachment {id}")]
    AttachmentNotFound {
        /// Its id.
        id: String,
    },
    /// An attachment did not come; it may come another time.
    #[error("{why}")]
    AttachmentFetch {
        /// Why.
        why: String,
    },
    /// An attachment's file could not be read or written.
    #[error("cannot keep the attachment: {why}")]
    AttachmentFile {
        /// Why.
        why: String,
    },
    /// The peer was asked to wait for itself: within a transaction its own handle is to be used.
    #[error("within a transaction only its own handle may be used")]
    InTransaction,
    /// It took longer than the caller waits. What was waited for may still come.
    #[error("nothing came within the time")]
    TimedOut,
    /// The peer is closed.
    #[error("the peer is closed")]
    Closed,
}

impl Error {
    /// If the store's files could not be read or written.
    pub(crate) fn of_the_store(&self) -> Option<&PeerError> {
        let peer = match self {
            Self::Peer(error)
            | Self::Query(QueryError::Peer(error))
            | Self::Write(WriteError::Query(QueryError::Peer(error)))
            | Self::Subscribe(SubscribeError::Peer(error))
            | Self::Subscribe(SubscribeError::Query(QueryError::Peer(error))) => error,
            _ => return None,
        };
        matches!(peer, PeerError::Store(_)).then_some(peer)
    }
}
