//! What is known of a group from before a restart, and who of it may still come.
//!
//! Not here: how they are taken in (`adoption`).

use std::collections::BTreeSet;

/// What was noted of a group before the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Its last epoch.
    pub(crate) epoch: i32,
    /// Its members, each under the name that the note has for it.
    pub(crate) members: BTreeSet<String>,
}

/// A group that survivors of a restart may still come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) until_ms: u64,
    /// Those who have not come yet, under their names in the note.
    pub(super) missing: BTreeSet<String>,
}
