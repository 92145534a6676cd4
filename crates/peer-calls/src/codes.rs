//! The codes of errors, one list for all languages. Made of `sdks/calls.json` by
//! `cargo xtask sdk generate`.

/// Why a call was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Code {
    /// The peer is closed.
    Closed = 1,
    /// A message is none: its bytes, a name, a type, what is missing or too much.
    InvalidMessage = 2,
    /// This library does not know the call, the option or the list of calls.
    Unsupported = 3,
    /// Another process has the folder open.
    InUse = 4,
    /// The folder cannot be opened or made.
    OpenFailed = 5,
    /// What is stored is damaged, or a newer program's.
    Damaged = 6,
    /// The store cannot be read or written: a full disk or quota, say; nothing of the write is there.
    StoreFailed = 7,
    /// A statement, a query or its arguments are none.
    InvalidQuery = 8,
    /// A query would take too long or too much memory.
    TooExpensive = 9,
    /// A value can be no document, id, path, name or change.
    InvalidValue = 10,
    /// An INSERT of a document that is there.
    Exists = 11,
    /// What a peer does not do: write a system collection, make an index.
    NotAllowed = 12,
    /// A document or transaction that would not fit into a frame.
    TooLarge = 13,
    /// Too much waits for the server: sync first.
    PendingFull = 14,
    /// More observers or subscriptions than there may be.
    TooMany = 15,
    /// Sync or a login was asked for, and no server is named.
    NoServer = 16,
    /// The URL of the server, its app or a certificate is none.
    InvalidServer = 17,
    /// The server refused the write, which is among the rejected ones, or the login.
    Rejected = 18,
    /// Nothing came within the time; it may still come.
    TimedOut = 19,
    /// A call within a transaction that would wait for itself.
    InTransaction = 20,
    /// There is no such transaction, or it was ended because nothing came of it.
    NoTransaction = 21,
    /// A fault of the library; what was durable is there.
    Internal = 22,
    /// The browser's tab that had the store went away; whether a write is there is not known.
    Interrupted = 23,
    /// The server has no such attachment, or not for this user.
    NotFound = 24,
}

impl Code {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 24] = [
        Self::Closed,
        Self::InvalidMessage,
        Self::Unsupported,
        Self::InUse,
        Self::OpenFailed,
        Self::Damaged,
        Self::StoreFailed,
        Self::InvalidQuery,
        Self::TooExpensive,
        Self::InvalidValue,
        Self::Exists,
        Self::NotAllowed,
        Self::TooLarge,
        Self::PendingFull,
        Self::TooMany,
        Self::NoServer,
        Self::InvalidServer,
        Self::Rejected,
        Self::TimedOut,
        Self::InTransaction,
        Self::NoTransaction,
        Self::Internal,
        Self::Interrupted,
        Self::NotFound,
    ];

    /// As messages name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::InvalidMessage => "invalid_message",
            Self::Unsupported => "unsupported",
            Self::InUse => "in_use",
            Self::OpenFailed => "open_failed",
            Self::Damaged => "damaged",
            Self::StoreFailed => "store_failed",
            Self::InvalidQuery => "invalid_query",
            Self::TooExpensive => "too_expensive",
            Self::InvalidValue => "invalid_value",
            Self::Exists => "exists",
            Self::NotAllowed => "not_allowed",
            Self::TooLarge => "too_large",
            Self::PendingFull => "pending_full",
            Self::TooMany => "too_many",
            Self::NoServer => "no_server",
            Self::InvalidServer => "invalid_server",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::InTransaction => "in_transaction",
            Self::NoTransaction => "no_transaction",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
            Self::NotFound => "not_found",
        }
    }

    /// As the functions of the C ABI return it; 0 is none of them.
    pub const fn number(self) -> i32 {
        self as i32
    }
}
