//! What a peer wrote offline is one transaction and one event each, and every push gets its verdict.

use std::time::Duration;

use store::TxnId;
use sync_protocol::NackCode;

use crate::{
    peer::{Peer, subscription},
    world::{World, wait_for},
};

#[tokio::test]
async fn what_was_written_offline_is_one_event_each() {
    let world = World::new();
    let mut peer = Peer::new(42, None, Vec::new());
    for n in 0..100 {
        peer.upsert("people", &format!("p{n}"), "{}");
    }
    let two = vec![peer.upserted("people", "a", r#"{"n":1}"#), peer.upserted("people", "b", r#"{"n":1}"#)];
    peer.push(two);
    peer.connect(&world);
    peer.until_settled().await;
    assert!((1..=101).all(|seq| peer.acked[&seq] == Some(seq)), "{:?}", peer.acked);
    let events = world.events().await;
    assert_eq!(events.len(), 102);
    assert!(events[101].1.contains("txnId=101"), "{events:?}");
    assert!(events[0].1.contains("peer=peer site=42 stamp="), "{events:?}");
    assert!(events.iter().all(|(_, headers)| headers.ends_with("merge=won")));
    // Connecting again sends nothing anew.
    peer.connect(&world);
    peer.until_live().await;
    assert_eq!(world.app.newest_txn(), TxnId(101));
}

#[tokio::test]
async fn pushes_whose_answers_were_lost_are_not_taken_twice() {
    let world = World::new();
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    let mut seen = 0;
    for round in 0..20 {
        for n in 0..5 {
            peer.upsert("people", &format!("p{n}"), &format!(r#"{{"round":{round}}}"#));
        }
        peer.connect(&world);
        // Cut at another moment each time.
        peer.live_on(Duration::from_micros(300 * round)).await;
        peer.cut();
        seen = seen.max(peer.acked.len());
    }
    peer.connect(&world);
    peer.until_settled().await;
    assert_eq!(peer.acked.len(), 100);
    assert_eq!(world.events().await.len(), 100, "seen {seen} before the last connection");
    assert!(peer.rejected.is_empty());
    peer.until("it shows all", |peer| peer.shows().values().filter(|json| json.contains("19")).count() == 5).await;
}

#[tokio::test]
async fn a_refusal_names_what_failed_and_what_follows_is_taken() {
    let world = World::new();
    world.upsert("people", "gone", "{}").await;
    world.remove("people", "gone").await;
    let mut peer = Peer::new(42, None, Vec::new());
    let key = ("people".to_owned(), r#""gone""#.to_owned());
    peer.documents.insert(key, (document::Document::new(), 1));
    let mut operations = vec![peer.upserted("people", "a", "{}"), peer.upserted("people", "gone", "{}")];
    operations[0].delta = vec![9, 9];
    let refused = peer.push(operations.clone());
    operations.remove(0);
    operations.insert(0, peer.upserted("people", "b", "{}"));
    let removed = peer.push(operations);
    let system = peer.upsert("__things", "x", "{}");
    let taken = peer.upsert("people", "c", "{}");
    peer.connect(&world);
    peer.until_settled().await;
    let codes = |seq: u64| peer.rejected[&seq].iter().map(|it| (it.operation, it.code.clone())).collect::<Vec<_>>();
    assert_eq!(codes(refused), [(0, NackCode::Invalid), (1, NackCode::Transaction)]);
    assert_eq!(codes(removed), [(0, NackCode::Transaction), (1, NackCode::Removed)]);
    assert_eq!(codes(system), [(0, NackCode::Denied)]);
    assert_eq!(peer.acked[&taken], Some(3));
    let metrics = world.metrics();
    assert!(metrics.contains(r#"headwater_sync_pushes_total{result="refused"} 3"#), "{metrics}");
    assert!(metrics.contains(r#"headwater_sync_pushes_total{result="taken"} 1"#), "{metrics}");
    assert!(metrics.contains("headwater_sync_sessions 1"), "{metrics}");
    drop(peer);
    wait_for("the session ends", || world.metrics().contains("headwater_sync_sessions 0")).await;
}

#[tokio::test]
async fn a_copied_store_is_told_and_the_other_goes_on() {
    let world = World::new();
    let mut peer = Peer::new(42, None, Vec::new());
    peer.upsert("people", "a", r#"{"by":1}"#);
    peer.connect(&world);
    peer.until_settled().await;
    // A copy that wrote something else under the same number.
    let mut copy = Peer::new(42, None, Vec::new());
    copy.upsert("people", "a", r#"{"by":2}"#);
    peer.cut();
    copy.connect(&world);
    copy.until("it is told", |copy| copy.is_site_reused).await;
    peer.upsert("people", "b", "{}");
    peer.connect(&world);
    peer.until_settled().await;
    assert_eq!(world.events().await.len(), 2);
}

#[tokio::test]
async fn a_server_that_stops_answers_what_was_pushed() {
    let world = World::new();
    let mut peer = Peer::new(42, None, Vec::new());
    peer.connect(&world);
    peer.until_live().await;
    for n in 0..50 {
        peer.upsert("people", &format!("p{n}"), "{}");
    }
    peer.live_on(Duration::from_millis(1)).await;
    world.stop.send_replace(true);
    peer.until("it is told to wait", |peer| !peer.machine.state().is_connected()).await;
    assert_eq!(world.events().await.len(), peer.acked.len());
    tokio::time::timeout(Duration::from_secs(10), world.endpoint.drained()).await.unwrap();
    assert!(world.connect().is_none(), "no more are taken");
}
