//! What the HTTP API asks of the portal, which it does not know: links that sign in.

use std::fmt;

use wire::admin::SignInLinkReply;

/// Makes one-time links by which the holder of the admin key opens the portal in a browser.
pub trait SignInLinks: Send + Sync + fmt::Debug {
    /// A fresh link.
    fn make(&self) -> SignInLinkReply;
}
