//! The server's clock jumps or is set back while peers push: they are told to come back, and what
//! they wrote is there once the clock is right.

use sync_protocol::PeerState;

use crate::{
    peer::{Peer, subscription},
    world::{START_MS, World},
};

const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn pushes_wait_while_the_clock_is_not_believed() {
    let world = World::new();
    let mut peer = Peer::new(42, None, Vec::new());
    peer.connect(&world);
    peer.upsert("people", "before", "{}");
    peer.until_settled().await;

    world.clock.set(START_MS + 400 * 24 * HOUR_MS);
    for n in 0..10 {
        peer.upsert("people", &format!("p{n}"), "{}");
    }
    peer.until("it is sent away", |peer| matches!(peer.machine.state(), PeerState::Backoff { .. })).await;
    assert_eq!((peer.pending.len(), peer.acked.len()), (10, 1), "nothing is acked, and nothing refused");
    assert!(peer.rejected.is_empty());
    assert!(world.metrics().contains("headwater_sync_pushes_total{result=\"unanswered\"}"), "{}", world.metrics());
    peer.connect(&world);
    peer.until("again", |peer| matches!(peer.machine.state(), PeerState::Backoff { .. })).await;
    assert_eq!(world.app.newest_txn().0, 1, "nothing is stored");

    // It is set right.
    world.clock.set(START_MS + 1);
    peer.connect(&world);
    peer.until_settled().await;
    assert_eq!((peer.acked.len(), world.events().await.len()), (11, 11));
    assert!(peer.rejected.is_empty());
}

#[tokio::test]
async fn a_clock_that_is_set_back_loses_nothing() {
    let world = World::new();
    let mut peer = Peer::new(42, None, Vec::new());
    peer.connect(&world);
    for n in 0..5 {
        peer.upsert("people", "a", &format!("{{\"n\":{n}}}"));
    }
    peer.until_settled().await;
    world.clock.set(START_MS - 24 * HOUR_MS);
    // By what it knows of the server's clock, its stamps are a day ahead of it now.
    for n in 5..10 {
        peer.upsert("people", "a", &format!("{{\"n\":{n}}}"));
    }
    peer.until_settled().await;
    assert!(peer.rejected.is_empty(), "commit times do not fall: {:?}", peer.rejected);
    assert_eq!(world.events().await.len(), 10);
    // What the server itself writes then is above all that it saw.
    world.upsert("people", "a", "{\"n\":99}").await;
    assert_eq!(world.events().await.len(), 11);
    let mut reader = Peer::new(43, None, vec![subscription(1, "people", "true")]);
    reader.connect(&world);
    let is_last = |it: &Peer| it.shows().len() == 1 && it.shows().values().all(|json| json.contains("99"));
    reader.until("it has the server's write, which came last", is_last).await;
}
