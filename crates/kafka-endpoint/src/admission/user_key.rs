//! Whose a connection is.

/// An app's user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct UserKey {
    pub(super) app: String,
    pub(super) user: String,
}
