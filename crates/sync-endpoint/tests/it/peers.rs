//! Who the peers are: those that are connected, those that left, and one that is shut out.

use sync_protocol::PeerState;

use crate::{
    peer::{Peer, subscription},
    world::{START_MS, World, wait_for},
};

fn known(world: &World, site: u64) -> sync_endpoint::KnownPeer {
    world.endpoint.known_peer("shop", document::SiteId(site)).unwrap()
}

#[tokio::test]
async fn a_peer_is_shown_while_it_is_there_and_after_it_left() {
    let world = World::new();
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "age >= 18")]);
    peer.upsert("people", "a", r#"{"age":20}"#);
    peer.connect(&world);
    peer.until_settled().await;
    peer.until_live().await;
    let newest = || world.app.newest_txn();
    peer.until("it has all", |_| known(&world, 42).through == newest()).await;
    let shown = known(&world, 42);
    assert_eq!((shown.sdk.as_str(), shown.subject.as_str(), shown.pending), ("test", "", 0));
    let connection = shown.connection.unwrap();
    assert!(connection.is_caught_up && connection.received_bytes > 0 && connection.sent_bytes > 0, "{connection:?}");
    assert_eq!((connection.since_ms, connection.subscriptions), (START_MS, 1));
    // What does not concern it leaves it not behind; what it does not take does.
    world.upsert("orders", "o", "{}").await;
    peer.until("it is told", |_| known(&world, 42).through == newest()).await;
    peer.is_slow = true;
    world.upsert("people", "b", r#"{"age":30}"#).await;
    let behind = newest();
    peer.until("it is sent", |peer| peer.changes_messages > 0 && known(&world, 42).through < behind).await;
    peer.cut();
    wait_for("it left", || world.endpoint.connected("shop") == 0).await;
    let left = known(&world, 42);
    assert!(left.connection.is_none() && left.seen_ms == START_MS && left.through < behind, "{left:?}");
}

#[tokio::test]
async fn lists_have_pages_and_are_an_apps_own() {
    let world = World::new();
    let mut peers: Vec<_> = [7, 3, 5].map(|site| Peer::new(site, None, Vec::new())).into();
    for peer in &mut peers {
        peer.connect(&world);
        peer.until_live().await;
    }
    peers[2].cut();
    wait_for("one left", || world.endpoint.connected("shop") == 2).await;
    let sites = |after: Option<u64>, count_max| {
        let page = world.endpoint.known_peers("shop", after.map(document::SiteId), count_max);
        page.iter().map(|peer| (peer.site.0, peer.connection.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(sites(None, 9), [(3, true), (5, false), (7, true)]);
    assert_eq!(sites(None, 2), [(3, true), (5, false)]);
    assert_eq!(sites(Some(5), 2), [(7, true)]);
    assert!(world.endpoint.known_peers("bakery", None, 9).is_empty());
}

#[tokio::test]
async fn a_revoked_peer_is_told_at_once_and_whenever_it_comes_and_may_be_let_in_again() {
    let world = World::new();
    let subs = || vec![subscription(1, "people", "true")];
    let mut peer = Peer::new(42, None, subs());
    peer.connect(&world);
    peer.until_live().await;
    world.credentials.revoke_peer("shop", 42, START_MS).unwrap();
    world.endpoint.shut_out("shop", document::SiteId(42));
    let denied = |peer: &Peer| peer.machine.state() == PeerState::NeedsAuth;
    peer.until("it is told", denied).await;
    // What it wrote stays with it.
    peer.upsert("people", "a", "{}");
    peer.connect(&world);
    peer.until("it is told again", denied).await;
    assert!(world.events().await.is_empty() && !peer.pending.is_empty());
    // Others are not concerned, nor is the same site elsewhere.
    assert!(!world.credentials.is_peer_revoked("bakery", 42));
    let mut other = Peer::new(43, None, subs());
    other.connect(&world);
    other.until_live().await;
    world.credentials.allow_peer("shop", 42).unwrap();
    peer.connect(&world);
    peer.until_settled().await;
    other.until("it has what was written meanwhile", |other| other.shows().contains_key("a")).await;
}
