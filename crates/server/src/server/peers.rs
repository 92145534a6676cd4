//! The endpoint of small peers, as others know it: the HTTP API, which hands connections over, and
//! operations, which ask who the peers are.

use document::SiteId;
use http_api::{PeerConnection, PeerSessions};
use operations::{PeerDirectory, SeenPeer};
use sync_endpoint::{Arrival, Connection, KnownPeer, SyncEndpoint};

/// Takes connections over.
#[derive(Debug)]
pub(super) struct Peers(pub(super) SyncEndpoint);

impl PeerSessions for Peers {
    fn take_over(&self, connection: PeerConnection) -> bool {
        let PeerConnection { app, address, is_open, stream } = connection;
        let Some(place) = self.0.admit(address) else { return false };
        let peers = self.0.clone();
        tokio::spawn(async move {
            match stream.await {
                Ok(stream) => peers.run(place, Arrival { app, address, is_open }, stream).await,
                Err(error) => tracing::debug!(%error, "a peer's connection was not upgraded"),
            }
        });
        true
    }
}

/// Says who the peers are.
#[derive(Debug)]
pub(super) struct Directory(pub(super) SyncEndpoint);

impl PeerDirectory for Directory {
    fn of_app(&self, app: &str, after: Option<SiteId>, count_max: usize) -> Vec<SeenPeer> {
        self.0.known_peers(app, after, count_max).into_iter().map(seen).collect()
    }

    fn of_site(&self, app: &str, site: SiteId) -> Option<SeenPeer> {
        self.0.known_peer(app, site).map(seen)
    }

    fn connected(&self, app: &str) -> usize {
        self.0.connected(app)
    }

    fn shut_out(&self, app: &str, site: SiteId) {
        self.0.shut_out(app, site);
    }

    fn forget_app(&self, app: &str) {
        self.0.forget_app(app);
    }
}

fn seen(peer: KnownPeer) -> SeenPeer {
    let KnownPeer { site, subject, sdk, address, connection, seen_ms, pending, through } = peer;
    let connection = connection.map(session);
    SeenPeer { site, subject, sdk, address, connection, seen_ms, pending, through }
}

fn session(connection: Connection) -> operations::PeerConnection {
    let Connection { since_ms, is_caught_up, subscriptions, received_bytes, sent_bytes } = connection;
    operations::PeerConnection { since_ms, is_caught_up, subscriptions, received_bytes, sent_bytes }
}
