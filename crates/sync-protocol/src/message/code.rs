//! Words and numbers that say why or what.

use super::field::Field;
use crate::cbor::{DecodeError, Reader, Writer};

/// An enum of words. One that a later version says is kept.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$word_meta])* $variant,)*
            /// A word of a later version.
            Other(String),
        }

        impl $name {
            /// The word as it is sent.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }

            /// The meaning of a word that was sent.
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl Field for $name {
            fn write(&self, out: &mut Writer) {
                out.text(self.as_str());
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                from.text().map(Self::from_word)
            }
        }
    };
}

/// An enum of numbers. Another number is an error: what it stands for could not be done.
macro_rules! numbers {
    ($(#[$meta:meta])* $name:ident { $($(#[$number_meta:meta])* $variant:ident $number:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$number_meta])* $variant = $number,)*
        }

        impl Field for $name {
            fn write(&self, out: &mut Writer) {
                out.unsigned(*self as u64);
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let at = from.at();
                match from.unsigned()? {
                    $($number => Ok(Self::$variant),)*
                    other => Err(DecodeError { at, what: format!("{other} is not known here") }),
                }
            }
        }
    };
}

numbers! {
    /// What an item or an operation brings. Never renumber.
    ItemKind {
        /// A part of a document that the peer has.
        Delta 0,
        /// A whole document.
        State 1,
        /// Nothing: the document is no longer the peer's to have.
        Leave 2,
        /// A removed document: its tombstone.
        Removed 3,
    }
}

numbers! {
    /// The language of a subscription's query. Never renumber.
    Language {
        /// The legacy query language: a condition.
        Legacy 0,
        /// DQL: `SELECT * FROM … [WHERE …]`.
        Dql 1,
    }
}

words! {
    /// Why an operation of a push was refused.
    NackCode {
        /// The peer may not write this.
        Denied "denied",
        /// The document was removed, and the writer had not seen it.
        Removed "removed",
        /// The document or the transaction would be too large.
        TooLarge "too_large",
        /// A stamp lies too far ahead: stamp again by the welcome's clock.
        Skew "skew",
        /// Bytes that are no delta of this peer.
        Invalid "invalid",
        /// Nothing is wrong with it: another operation of its transaction failed.
        Transaction "transaction",
        /// An earlier transaction that it needs was not taken.
        Needs "needs",
    }
}

words! {
    /// Why a peer begins again.
    ResyncReason {
        /// Its cursor lies before what the server can tell.
        Trimmed "trimmed",
        /// The server's data have a new life, and the cursor lies beyond where it began.
        Incarnation "incarnation",
        /// What it may read changed.
        Permission "permission",
        /// The query's meaning changed.
        Query "query",
        /// The subscription is not taken at all: no snapshot follows.
        Refused "refused",
    }
}

words! {
    /// Why a connection ends.
    ByeCode {
        /// The other side broke the protocol.
        Protocol "protocol",
        /// The protocol's version is not spoken here.
        Version "version",
        /// The token or key is missing, wrong or over.
        Denied "denied",
        /// The site is somebody else's, or this store was copied.
        SiteReused "site_reused",
        /// Come back later, by `retry_after_ms`.
        Busy "busy",
        /// This server stops.
        Draining "draining",
        /// The peer stops.
        Stopped "stopped",
    }
}
