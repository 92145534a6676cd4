//! Who asks.
//!
//! Not here: who is let in (`gate`).

use std::net::SocketAddr;

use crate::secret::SecretDigest;

/// Who a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// `None` on the sign-in page.
    pub(crate) session: Option<SecretDigest>,
    /// What their forms carry.
    pub(crate) csrf: String,
    /// What the sign-in form of this browser carries, from before or after signing in.
    pub(crate) form_csrf: Option<String>,
    /// Whether they came by HTTPS.
    pub(crate) secure: bool,
    /// Their address, for the log.
    pub(crate) peer: Option<SocketAddr>,
}
