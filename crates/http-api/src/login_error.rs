//! Why nobody is logged in, as they are told.
//!
//! Not here: why the log says so (`login`), the status of each (`failure`).

use crate::limits::LOGINS_PER_SECOND;

/// Why nobody is logged in. Whether it is the user, the hook or the server is for the log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginRefused {
    #[error("the login is refused")]
    Refused,
    #[error("too many logins from this address: at most {LOGINS_PER_SECOND} a second")]
    TooManyAttempts,
    #[error("too many logins are under way; try again")]
    Busy,
}

/// What is wrong with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error(
        "a login is a form (application/x-www-form-urlencoded) with appId, provider, token and siteId; {0} is missing"
    )]
    Missing(&'static str),
    #[error("{0} is there twice")]
    Twice(&'static str),
}
