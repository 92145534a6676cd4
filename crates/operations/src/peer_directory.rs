//! What operations ask of the endpoint of small peers, which they do not know: who is connected and
//! who was.
//!
//! Not here: sites that pushed, which are the store's; who is revoked (`credentials`).

use std::{fmt, net::IpAddr};

use document::SiteId;
use store::TxnId;

/// Who the small peers are.
pub trait PeerDirectory: Send + Sync + fmt::Debug {
    /// At most `count_max` of the app's peers that are connected or were seen, by their sites, those
    /// behind `after`.
    fn of_app(&self, app: &str, after: Option<SiteId>, count_max: usize) -> Vec<SeenPeer>;

    /// One of them.
    fn of_site(&self, app: &str, site: SiteId) -> Option<SeenPeer>;

    /// How many of the app's peers are connected.
    fn connected(&self, app: &str) -> usize;

    /// Ends the session of a peer that is revoked, if it has one.
    fn shut_out(&self, app: &str, site: SiteId);

    /// Ends every session in an app that is deleted, and forgets its peers that have none.
    fn forget_app(&self, app: &str);
}

/// A peer that is connected or was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPeer {
    /// Its site.
    pub site: SiteId,
    /// Who it belongs to, as [`store::Site::subject`] says it.
    pub subject: String,
    /// What its SDK calls itself.
    pub sdk: String,
    /// Where it connects from, or did last.
    pub address: IpAddr,
    /// Its session, if it has one.
    pub connection: Option<PeerConnection>,
    /// When it was connected last, ms since the epoch.
    pub seen_ms: u64,
    /// Transactions of its own that had no verdict then, as far as it told.
    pub pending: u64,
    /// The transaction up to which it has everything.
    pub through: TxnId,
}

/// A session of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConnection {
    /// Since when, ms since the epoch.
    pub since_ms: u64,
    /// Whether it has everything that was there when it came.
    pub is_caught_up: bool,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// Bytes of frames that came from it after its hello.
    pub received_bytes: u64,
    /// Bytes of frames that were sent.
    pub sent_bytes: u64,
}
