//! Which files of attachments a host keeps, and which of them the server is known to have.
//!
//! In memory alone: a host says what it keeps when it opens, and of the server nothing is believed from one
//! connection to the next, since it removes what no document holds for long.

use std::collections::BTreeSet;

/// Files by the ids in tokens.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    /// The host keeps them.
    here: BTreeSet<String>,
    /// The server said so on this connection.
    at_server: BTreeSet<String>,
    /// The host was asked to upload them on this connection.
    asked: BTreeSet<String>,
}

impl Attachments {
    /// Another connection begins.
    pub(crate) fn begin_connection(&mut self) {
        self.at_server.clear();
        self.asked.clear();
    }

    pub(crate) fn put(&mut self, id: String) {
        self.here.insert(id);
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.here.remove(id);
    }

    pub(crate) fn note_at_server(&mut self, id: &str) {
        self.at_server.insert(id.to_owned());
    }

    /// Whether nothing needs to be looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_empty()
    }

    /// Whether a token of it may not be pushed yet.
    pub(crate) fn is_to_be_uploaded(&self, id: &str) -> bool {
        self.here.contains(id) && !self.at_server.contains(id)
    }

    /// Whether this is the first time that it is asked for.
    pub(crate) fn ask(&mut self, id: &str) -> bool {
        self.asked.insert(id.to_owned())
    }

    /// Another token of it may be written, and then it is asked for again.
    pub(crate) fn ask_again(&mut self, id: &str) {
        self.asked.remove(id);
    }
}
