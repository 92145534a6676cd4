//! Which law was broken, and how.

use std::fmt;

/// A law that does not hold. Their numbers are those of docs/internals/simulation.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its number; 0: the product panicked, or something failed that nobody planned.
    pub law: u8,
    /// How.
    pub how: String,
}

pub(crate) type Held<T = ()> = Result<T, Broken>;

/// Ends the history unless `holds`.
pub(crate) fn law(number: u8, holds: bool, how: impl FnOnce() -> String) -> Held {
    if holds { Ok(()) } else { Err(Broken { law: number, how: how() }) }
}

/// Something failed that nobody planned.
pub(crate) fn unplanned(what: &str, error: impl fmt::Display) -> Broken {
    Broken { law: 0, how: format!("{what}: {error}") }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.law {
            0 => "nothing fails that nobody planned",
            1 => "convergence, byte for byte",
            2 => "nobody gets what its key does not allow",
            3 => "an acknowledged transaction is one transaction, and one event a document",
            4 => "nothing pending is lost",
            5 => "a kill leaves what would have been without",
            6 => "nobody sees half a transaction",
            7 => "a peer that was away ends as one that never was",
            8 => "only who knew of a removal, or made the document, brings it back",
            9 => "the counter has every increment once",
            10 => "nothing is stamped more than five minutes ahead",
            11 => "of two copies of a peer none loses a write",
            12 => "what is committed can be read",
            13 => "what a party costs is bounded",
            14 => "what was evicted stays out",
            _ => "?",
        };
        write!(f, "law {} ({name}) is broken: {}", self.law, self.how)
    }
}
