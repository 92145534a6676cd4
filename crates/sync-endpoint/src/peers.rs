//! Who the peers of an app are: what each session shows of its peer, and what is remembered of
//! those that left.
//!
//! Invariants: what a session notes costs it a few atomic numbers and no lock; what a peer says of
//! itself is cut, and shows nothing that a terminal obeys; a list is bounded by whoever asks for it.
//! Not here: sites that pushed and of which nothing else is known (`store`), who is shut out
//! (`credentials`), keeping what is remembered (`remembered`).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

use document::SiteId;
use store::{TxnId, WallClock};
use sync_protocol::{Hello, Seq};

use crate::{
    SyncEndpoint, limits::SDK_SHOWN_CHARACTERS, live::LiveFeed, live_sites::LiveSite, remembered::RememberedPeer,
};

/// What is known here of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// Its site.
    pub site: SiteId,
    /// Who it belongs to, as [`store::Site::subject`] says it.
    pub subject: String,
    /// What its SDK calls itself.
    pub sdk: String,
    /// Where it connects from, or did last.
    pub address: IpAddr,
    /// Its session; `None` if it has none.
    pub connection: Option<Connection>,
    /// When there was a session last, ms since the epoch.
    pub seen_ms: u64,
    /// Transactions of its own that have no verdict, as far as it told.
    pub pending: u64,
    /// The transaction up to which it has everything.
    pub through: TxnId,
}

/// A session of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// When it was let in, ms since the epoch.
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

/// What a session notes of its peer.
#[derive(Debug)]
pub(crate) struct LivePeer {
    clock: Arc<dyn WallClock>,
    sdk: String,
    address: IpAddr,
    since_ms: u64,
    is_caught_up: AtomicBool,
    subscriptions: AtomicUsize,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    /// The last transaction that it made, the last that it pushed or needs not push, and how many
    /// have no answer.
    last_seq: AtomicU64,
    pushed_seq: AtomicU64,
    unanswered: AtomicU64,
    /// Up to which transaction it has stored everything; up to which changes were read; up to which
    /// some of them concerned it.
    applied: AtomicU64,
    read: AtomicU64,
    sent: AtomicU64,
}

impl LivePeer {
    /// What a hello shows. A cursor of another life of the data says nothing.
    pub(crate) fn new(clock: Arc<dyn WallClock>, address: IpAddr, hello: &Hello, incarnation: [u8; 16]) -> Self {
        let cursor = hello.cursor.as_ref().filter(|cursor| cursor.incarnation == incarnation);
        Self {
            since_ms: clock.now_ms(),
            clock,
            sdk: shown(&hello.sdk),
            address,
            is_caught_up: AtomicBool::new(false),
            subscriptions: AtomicUsize::new(hello.subs.len()),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            last_seq: AtomicU64::new(hello.last_seq.0),
            pushed_seq: AtomicU64::new(hello.settled.0),
            unanswered: AtomicU64::new(0),
            applied: AtomicU64::new(cursor.map_or(0, |cursor| cursor.txn.0)),
            read: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// How the session stands.
    pub(crate) fn stands(&self, subscriptions: usize, is_caught_up: bool) {
        self.subscriptions.store(subscriptions, Relaxed);
        self.is_caught_up.store(is_caught_up, Relaxed);
    }

    /// A push came. Those before it came before, or need no answer.
    pub(crate) fn pushed(&self, seq: Seq) {
        self.last_seq.fetch_max(seq.0, Relaxed);
        self.pushed_seq.fetch_max(seq.0, Relaxed);
        self.unanswered.fetch_add(1, Relaxed);
    }

    /// A push has its verdict.
    pub(crate) fn answered(&self) {
        let _ = self.unanswered.fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1));
    }

    /// The changes up to a transaction were read, and some of them, or none, are sent.
    pub(crate) fn read(&self, through: TxnId, are_some: bool) {
        self.read.fetch_max(through.0, Relaxed);
        if are_some {
            self.sent.fetch_max(through.0, Relaxed);
        }
    }

    /// The peer has stored everything up to a transaction.
    pub(crate) fn applied(&self, through: sync_protocol::TxnId) {
        self.applied.fetch_max(through.0, Relaxed);
    }

    fn pending(&self) -> u64 {
        let not_pushed = self.last_seq.load(Relaxed).saturating_sub(self.pushed_seq.load(Relaxed));
        not_pushed.saturating_add(self.unanswered.load(Relaxed))
    }

    /// Where everything that was sent is stored, what was read and did not concern the peer counts.
    fn through(&self) -> TxnId {
        let applied = self.applied.load(Relaxed);
        let is_all_stored = self.sent.load(Relaxed) <= applied;
        TxnId(if is_all_stored { applied.max(self.read.load(Relaxed)) } else { applied })
    }

    /// What is remembered of it when its session ends, or now.
    pub(crate) fn as_it_leaves(&self, subject: &str) -> RememberedPeer {
        RememberedPeer {
            subject: subject.to_owned(),
            sdk: self.sdk.clone(),
            address: self.address,
            seen_ms: self.clock.now_ms(),
            pending: self.pending(),
            through: self.through().0,
        }
    }
}

impl LiveSite {
    /// `feed` knows of a session that has everything, and is not woken by what does not concern it.
    fn known(&self, site: SiteId, feed: Option<&LiveFeed>) -> KnownPeer {
        let peer = self.peer();
        if let Some(told) = feed.and_then(|feed| feed.told(self.opening.session)) {
            peer.read(told, false);
        }
        let connection = Connection {
            since_ms: peer.since_ms,
            is_caught_up: peer.is_caught_up.load(Relaxed),
            subscriptions: peer.subscriptions.load(Relaxed),
            received_bytes: peer.received_bytes.load(Relaxed),
            sent_bytes: peer.sent_bytes.load(Relaxed),
        };
        let leaving = peer.as_it_leaves(&self.opening.subject);
        KnownPeer { connection: Some(connection), ..leaving.known(site) }
    }
}

impl RememberedPeer {
    fn known(self, site: SiteId) -> KnownPeer {
        let Self { subject, sdk, address, seen_ms, pending, through } = self;
        KnownPeer { site, subject, sdk, address, connection: None, seen_ms, pending, through: TxnId(through) }
    }
}

impl SyncEndpoint {
    /// At most `count_max` of the app's peers that have a session or are remembered, by their sites,
    /// those behind `after`.
    pub fn known_peers(&self, app: &str, after: Option<SiteId>, count_max: usize) -> Vec<KnownPeer> {
        let sites = &self.0.live_sites;
        let remembered = sites.remembered.of_app(app, after, count_max);
        let mut known: BTreeMap<SiteId, KnownPeer> =
            remembered.into_iter().map(|(site, peer)| (site, peer.known(site))).collect();
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let feed = self.0.live_feeds.of_app(app);
        for (site, live) in sites.of_app(app) {
            if std::ops::RangeBounds::contains(&behind, &site) {
                known.insert(site, live.known(site, feed.as_deref()));
            }
        }
        known.into_values().take(count_max).collect()
    }

    /// What is known of one peer.
    pub fn known_peer(&self, app: &str, site: SiteId) -> Option<KnownPeer> {
        let sites = &self.0.live_sites;
        let feed = self.0.live_feeds.of_app(app);
        let live = sites.of_site(app, site).map(|live| live.known(site, feed.as_deref()));
        live.or_else(|| sites.remembered.of_site(app, site).map(|peer| peer.known(site)))
    }

    /// How many of the app's peers have a session.
    pub fn connected(&self, app: &str) -> usize {
        self.0.live_sites.of_app(app).len()
    }

    /// Ends the session of a peer that is shut out, if it has one.
    pub fn shut_out(&self, app: &str, site: SiteId) {
        if let Some(live) = self.0.live_sites.of_site(app, site) {
            live.revoked.notify_one();
        }
    }

    /// Ends every session in an app that is deleted, and forgets its peers that have none.
    pub fn forget_app(&self, app: &str) {
        for (_, live) in self.0.live_sites.of_app(app) {
            live.revoked.notify_one();
        }
        self.0.live_sites.remembered.forget_app(app);
    }
}

/// What a peer says of itself, as it may be shown anywhere.
fn shown(text: &str) -> String {
    let shown =
        text.chars().map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character });
    shown.take(SDK_SHOWN_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Noon;

    impl WallClock for Noon {
        fn now_ms(&self) -> u64 {
            12
        }
    }

    fn hello(settled: u64, last_seq: u64) -> Hello {
        Hello {
            proto: 1,
            site: SiteId(42),
            instance: [1; 16],
            token: None,
            wall_ms: 0,
            sdk: "rust \u{1b}[31m".to_owned() + &"x".repeat(1000),
            codecs: Vec::new(),
            cursor: None,
            subs: Vec::new(),
            last_seq: Seq(last_seq),
            settled: Seq(settled),
            lineage: None,
            former: None,
            rest: sync_protocol::Rest::default(),
        }
    }

    fn peer(settled: u64, last_seq: u64) -> LivePeer {
        LivePeer::new(Arc::new(Noon), IpAddr::from([127, 0, 0, 1]), &hello(settled, last_seq), [0; 16])
    }

    #[test]
    fn pending_is_what_has_no_verdict() {
        let peer = peer(5, 8);
        assert_eq!(peer.pending(), 3);
        for seq in [6, 7] {
            peer.pushed(Seq(seq));
        }
        assert_eq!(peer.pending(), 3);
        peer.answered();
        peer.answered();
        assert_eq!(peer.pending(), 1);
        peer.pushed(Seq(8));
        peer.pushed(Seq(9));
        assert_eq!(peer.pending(), 2);
        for _ in 0..3 {
            peer.answered();
        }
        assert_eq!(peer.pending(), 0, "an answer too many counts nothing");
    }

    #[test]
    fn what_does_not_concern_a_peer_leaves_it_not_behind() {
        let peer = peer(0, 0);
        peer.read(TxnId(5), false);
        assert_eq!(peer.through(), TxnId(5));
        peer.read(TxnId(7), true);
        assert_eq!(peer.through(), TxnId(0), "nothing that was sent is stored");
        peer.applied(sync_protocol::TxnId(6));
        assert_eq!(peer.through(), TxnId(6));
        peer.applied(sync_protocol::TxnId(7));
        peer.read(TxnId(9), false);
        assert_eq!(peer.through(), TxnId(9));
    }

    #[test]
    fn what_a_peer_says_of_itself_is_cut_and_obeyed_by_no_terminal() {
        let sdk = peer(0, 0).sdk;
        assert!(sdk.starts_with("rust \u{fffd}[31m") && sdk.chars().count() == SDK_SHOWN_CHARACTERS, "{sdk}");
    }
}
