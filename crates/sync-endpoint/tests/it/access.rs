//! Tokens: who is let in, what each sees and writes, and what a revoked key ends.

use credentials::Permission::{Read, Write};
use sync_protocol::{NackCode, PeerState, ResyncReason};

use crate::{
    peer::{Peer, subscription},
    world::World,
};

#[tokio::test]
async fn where_keys_exist_a_token_decides() {
    let world = World::new();
    world.upsert("people", "a", "{}").await;
    world.upsert("secrets", "s", "{}").await;
    let key = world.key("till", Some("people"), &[Read, Write]);
    for token in [None, Some("wrong")] {
        let mut peer = Peer::new(42, token, vec![subscription(1, "people", "true")]);
        peer.connect(&world);
        peer.until("it needs a token", |peer| peer.machine.state() == PeerState::NeedsAuth).await;
        assert!(peer.shows().is_empty());
    }
    let subs = vec![subscription(1, "people", "true"), subscription(2, "secrets", "true")];
    let mut peer = Peer::new(42, Some(&key), subs);
    let denied = peer.upsert("secrets", "t", "{}");
    let taken = peer.upsert("people", "b", "{}");
    peer.connect(&world);
    peer.until_settled().await;
    peer.until("it has both", |peer| peer.shows().keys().eq(["a", "b"])).await;
    assert_eq!(peer.resyncs, [ResyncReason::Refused]);
    assert_eq!(peer.rejected[&denied][0].code, NackCode::Denied);
    assert!(world.metrics().contains("headwater_sync_not_admitted_total 2"), "{}", world.metrics());
    assert!(peer.acked.contains_key(&taken));
    let headers = world.events().await.pop().unwrap().1;
    assert!(headers.contains("peer=till"), "{headers}");
    // The site is the key's.
    let other = world.key("other", None, &[Read, Write]);
    let mut stranger = Peer::new(42, Some(&other), Vec::new());
    stranger.connect(&world);
    stranger.until("it is told", |peer| peer.is_site_reused).await;
    peer.upsert("people", "c", "{}");
    peer.until_settled().await;
}

#[tokio::test]
async fn a_key_that_is_made_or_revoked_ends_the_sessions_before() {
    let world = World::new();
    let mut anyone = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    anyone.connect(&world);
    anyone.until_live().await;
    let key = world.key("till", None, &[Read, Write]);
    anyone.upsert("people", "a", "{}");
    anyone.until("it needs a token", |peer| peer.machine.state() == PeerState::NeedsAuth).await;
    assert!(world.events().await.is_empty());
    let mut holder = Peer::new(43, Some(&key), vec![subscription(1, "people", "true")]);
    holder.connect(&world);
    holder.until_live().await;
    world.credentials.revoke_key("till").unwrap();
    world.upsert("people", "b", "{}").await;
    holder.until("it needs a token", |peer| peer.machine.state() == PeerState::NeedsAuth).await;
    assert!(holder.shows().is_empty());
}

#[tokio::test]
async fn a_site_has_one_session_and_the_same_opening_takes_its_place() {
    let world = World::new();
    let mut peer = Peer::new(42, None, Vec::new());
    peer.connect(&world);
    peer.until_live().await;
    // Connects again without a word on the old connection.
    peer.connect(&world);
    peer.until_live().await;
    // Another opening of the store while this one answers.
    let mut copy = Peer::new(42, None, Vec::new());
    copy.machine.renew_site(document::SiteId(42), [8; 16], sync_protocol::Moment::default());
    copy.connect(&world);
    let answering = async {
        loop {
            peer.live_on(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = answering => {}
        () = copy.until("it is told", |copy| copy.is_site_reused) => {}
    }
    peer.until_live().await;
}
