//! What a session gets: snapshots, and then what its subscriptions see of every transaction.

use std::time::Duration;

use document::Action;
use store::StoreOptions;
use sync_protocol::{ItemKind, ResyncReason};

use crate::{
    deltas::{had, stored},
    peer::{Key, Peer, subscription},
    world::{World, map, operation, wait_for},
};

#[tokio::test]
async fn two_peers_converge() {
    let world = World::new();
    let subs = || vec![subscription(1, "people", "true")];
    let (mut one, mut two) = (Peer::new(42, None, subs()), Peer::new(43, None, subs()));
    one.upsert("people", "a", r#"{"x":1,"y":1}"#);
    two.upsert("people", "a", r#"{"x":2}"#);
    two.upsert("people", "b", r#"{"x":2}"#);
    one.connect(&world);
    two.connect(&world);
    one.until_settled().await;
    two.until_settled().await;
    one.until("it has b", |peer| peer.shows().len() == 2).await;
    two.until("it has a of both", |peer| peer.shows().get("a").is_some_and(|a| a.contains("\"y\""))).await;
    let states =
        |peer: &Peer| peer.documents.iter().map(|(key, (it, _))| (key.clone(), it.clone())).collect::<Vec<_>>();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while states(&one) != states(&two) {
        assert!(std::time::Instant::now() < deadline, "they do not agree");
        one.live_on(Duration::from_millis(5)).await;
        two.live_on(Duration::from_millis(5)).await;
    }
    one.remove("people", "a");
    one.until_settled().await;
    two.until("a is gone", |peer| peer.shows().keys().eq(["b"])).await;
    assert_eq!(two.told.last().unwrap(), &(r#""a""#.to_owned(), ItemKind::Removed));
}

#[tokio::test]
async fn documents_enter_leave_and_are_removed() {
    let world = World::new();
    world.upsert("people", "a", r#"{"age":20}"#).await;
    world.upsert("people", "b", r#"{"age":10}"#).await;
    for query in ["age >= 18", "SELECT * FROM people WHERE age >= 18"] {
        world.upsert("people", "a", r#"{"age":20}"#).await;
        world.upsert("people", "b", r#"{"age":10}"#).await;
        let site = 40 + query.len() as u64;
        let mut peer = Peer::new(site, None, vec![subscription(1, "people", query)]);
        peer.connect(&world);
        peer.until_live().await;
        assert_eq!(peer.shows().into_keys().collect::<Vec<_>>(), ["a"], "{query}");
        world.upsert("people", "b", r#"{"age":18}"#).await;
        peer.until("b enters", |peer| peer.shows().contains_key("b")).await;
        world.upsert("people", "a", r#"{"age":17}"#).await;
        peer.until("a leaves", |peer| !peer.documents.keys().any(|(_, id)| id.contains('a'))).await;
        world.remove("people", "b").await;
        peer.until("b is removed", |peer| peer.shows().is_empty()).await;
        let told: Vec<_> = peer.told.iter().map(|(id, kind)| (id.trim_matches('"'), *kind)).collect();
        let expected = [("b", ItemKind::State), ("a", ItemKind::Leave), ("b", ItemKind::Removed)];
        assert_eq!(told, expected, "{query}");
    }
}

#[tokio::test]
async fn what_happened_while_it_was_away_is_told() {
    let world = World::new();
    for n in 0..10 {
        world.upsert("people", &format!("p{n}"), r#"{"age":20}"#).await;
    }
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "age >= 18")]);
    peer.connect(&world);
    peer.until_live().await;
    peer.until("it has ten", |peer| peer.shows().len() == 10).await;
    peer.cut();
    peer.told.clear();
    for n in 0..3 {
        world.upsert("people", &format!("p{n}"), r#"{"age":1}"#).await;
    }
    world.remove("people", "p3").await;
    world.upsert("people", "p4", r#"{"age":50}"#).await;
    world.upsert("people", "new", r#"{"age":50}"#).await;
    // In and out again: a peer that got a snapshot in between could have it.
    world.upsert("people", "guest", r#"{"age":50}"#).await;
    world.upsert("people", "guest", r#"{"age":1}"#).await;
    peer.connect(&world);
    peer.until_live().await;
    peer.until("it has what is left", |peer| peer.shows().len() == 7).await;
    assert_eq!(peer.shows()["p4"], r#"{"age":50}"#);
    let kinds = |kind| peer.told.iter().filter(|(_, it)| *it == kind).count();
    assert_eq!((kinds(ItemKind::Leave), kinds(ItemKind::Removed), kinds(ItemKind::State)), (4, 1, 2));
    assert!(peer.resyncs.is_empty());
}

#[tokio::test]
async fn large_snapshots_and_transactions_come_in_parts() {
    let world = World::new();
    let text = "x".repeat(1000);
    let all = |age: u64| {
        (0..3000)
            .map(|n| {
                let value = map(&format!(r#"{{"age":{age},"text":"{text}"}}"#));
                operation("people", &format!("p{n:04}"), Action::upsert(value))
            })
            .collect::<Vec<_>>()
    };
    world.commit(all(20)).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    assert_eq!(peer.shows().len(), 3000);
    world.commit(all(21)).await;
    peer.until("all are older", |peer| peer.shows().values().all(|json| json.contains("21"))).await;
    assert!(peer.changes_messages > 20, "{}", peer.changes_messages);
}

#[tokio::test]
async fn a_slow_peer_is_sent_no_more_than_its_credit_and_then_goes_on() {
    let world = World::new();
    let text = "x".repeat(100_000);
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    peer.is_slow = true;
    for n in 0..40 {
        world.upsert("people", &format!("p{n}"), &format!(r#"{{"text":"{text}"}}"#)).await;
    }
    peer.live_on(Duration::from_millis(300)).await;
    assert!(peer.changes_messages < 20, "{}", peer.changes_messages);
    peer.is_slow = false;
    peer.until("it has all", |peer| peer.shows().len() == 40).await;
}

#[tokio::test]
async fn who_was_away_too_long_begins_again() {
    let options =
        StoreOptions { segment_bytes: 64 * 1024, retention_bytes: Some(64 * 1024), ..StoreOptions::default() };
    let world = World::with(options);
    world.app.observe_trims(Box::new(store::NoObserver));
    world.upsert("people", "old", "{}").await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    peer.cut();
    world.remove("people", "old").await;
    let text = "x".repeat(20_000);
    for n in 0..20 {
        world.upsert("people", &format!("p{n}"), &format!(r#"{{"text":"{text}"}}"#)).await;
    }
    wait_for("the journal is trimmed", || world.app.events().log_start() > 2).await;
    peer.upsert("people", "mine", "{}");
    peer.connect(&world);
    peer.until_settled().await;
    peer.until("it has what is there", |peer| peer.shows().len() == 21).await;
    assert_eq!(peer.resyncs, [ResyncReason::Trimmed]);
    assert!(!peer.shows().contains_key("old"));
}

#[tokio::test]
async fn subscriptions_that_cannot_be_kept_are_refused() {
    let world = World::new();
    world.upsert("people", "a", "{}").await;
    let queries = [
        "true",
        "age >=",
        "SELECT * FROM people LIMIT 1",
        "SELECT name FROM people",
        "SELECT * FROM people ORDER BY age",
        "SELECT * FROM people WHERE at > clock()",
        "SELECT * FROM others",
        "SELECT COUNT(*) FROM people",
    ];
    let subs = queries.iter().enumerate().map(|(n, query)| subscription(n as u64, "people", query)).collect();
    let mut peer = Peer::new(42, None, subs);
    peer.connect(&world);
    peer.until_live().await;
    peer.until("it has a", |peer| peer.shows().len() == 1).await;
    assert_eq!(peer.resyncs, vec![ResyncReason::Refused; queries.len() - 1]);
}

/// Every transaction gives two documents one number, greater than those before.
fn no_transaction_is_half(documents: &std::collections::BTreeMap<Key, (document::Document, u64)>) {
    let mut last = std::collections::BTreeMap::new();
    for (document, _) in documents.values() {
        let value = document.value().unwrap();
        let Some(document::Value::Map(seen)) = value.field("with") else { continue };
        for (other, number) in seen.iter() {
            let document::Value::Int(number) = number else { panic!("{number:?}") };
            last.insert(other.to_owned(), last.get(other).copied().unwrap_or(0).max(*number));
        }
    }
    for (name, number) in last {
        let other = &documents.get(&("people".to_owned(), format!("{name:?}"))).expect("it was written").0;
        let Some(document::Value::Int(has)) = other.value().unwrap().field("n").cloned() else { panic!("no number") };
        assert!(has >= number, "{name} is at {has}, a transaction of {number} is shown");
    }
}

#[tokio::test]
async fn who_catches_up_in_pages_is_shown_no_half_of_a_transaction() {
    let world = World::new();
    world.upsert("people", "p0", r#"{"n":0}"#).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    peer.cut();
    peer.watch = Some(no_transaction_is_half);
    let text = "x".repeat(2_000);
    let mut random = 7_u64;
    let mut write = async |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (one, other) = (random >> 40 & 31, random >> 50 & 31);
        let value = |with: u64| map(&format!(r#"{{"n":{n},"text":"{text}","with":{{"p{with}":{n}}}}}"#));
        let one_operation = operation("people", &format!("p{one}"), Action::upsert(value(other)));
        let both = [one_operation, operation("people", &format!("p{other}"), Action::upsert(value(one)))];
        // Now and then it is one document alone.
        world.commit(both.into_iter().take(if one == other || n.is_multiple_of(5) { 0 } else { 2 }).collect()).await;
        world.upsert("people", &format!("p{}", random >> 33 & 31), &format!(r#"{{"n":{n}}}"#)).await;
    };
    for n in 1..400 {
        write(n).await;
    }
    peer.connect(&world);
    // While it catches up there is more.
    for n in 400..600 {
        write(n).await;
        peer.live_on(Duration::from_millis(1)).await;
    }
    peer.until_live().await;
    let name = |n: u64| format!("p{n}");
    world.commit((0..32).map(|n| operation("people", &name(n), Action::upsert(map(r#"{"n":1000}"#)))).collect()).await;
    peer.until("it has all", |peer| had(peer) == stored(&world, "people", |_| true)).await;
    assert!(peer.resyncs.is_empty() && peer.changes_messages > 3, "{}", peer.changes_messages);
}

#[tokio::test]
async fn many_that_come_back_at_once_get_each_what_they_missed() {
    let world = World::new();
    let text = "x".repeat(1_000);
    let mut peers = Vec::new();
    for n in 0..60 {
        world.upsert("people", &format!("p{}", n * 7 % 50), &format!(r#"{{"owner":{},"text":"{text}"}}"#, n % 3)).await;
        let query = ["true", "owner == 0", "owner == 1"][n as usize % 3];
        let mut peer = Peer::new(100 + n, None, vec![subscription(1, "people", query)]);
        peer.connect(&world);
        peer.until_live().await;
        peer.cut();
        peers.push(peer);
    }
    for n in 0..300 {
        world.upsert("people", &format!("p{}", n * 7 % 50), &format!(r#"{{"owner":{},"n":{n}}}"#, n * n % 3)).await;
    }
    peers.iter_mut().for_each(|peer| peer.connect(&world));
    for (n, peer) in peers.iter_mut().enumerate() {
        peer.until_live().await;
        let is_in = |document: &document::Document| {
            let owner = document.value().unwrap().field("owner").cloned();
            n % 3 == 0 || owner == Some(document::Value::Int(n as i64 % 3 - 1))
        };
        peer.until("it has what it asked for", |peer| had(peer) == stored(&world, "people", is_in)).await;
        assert!(peer.resyncs.is_empty());
    }
}

#[tokio::test]
async fn more_than_there_is_is_told_as_what_there_is() {
    let world = World::new();
    let name = |n: u64| format!("p{n}");
    let all = |age: u64| {
        (0..20).map(|n| operation("people", &name(n), Action::upsert(map(&format!(r#"{{"age":{age}}}"#))))).collect()
    };
    world.commit(all(0)).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    peer.cut();
    peer.upsert("people", "mine", "{}");
    for age in 0..520 {
        world.commit(all(age)).await;
    }
    world.remove("people", "p7").await;
    peer.connect(&world);
    peer.until_settled().await;
    peer.until("it has all", |peer| had(peer) == stored(&world, "people", |_| true)).await;
    assert_eq!((peer.resyncs.as_slice(), peer.shows().len()), (&[ResyncReason::Trimmed][..], 20));
}

#[tokio::test]
async fn a_cursor_of_an_earlier_life_goes_on_if_it_lies_before_the_fork() {
    let mut world = World::new();
    world.upsert("people", "a", r#"{"n":1}"#).await;
    let (mut early, mut late) = (
        Peer::new(42, None, vec![subscription(1, "people", "true")]),
        Peer::new(43, None, vec![subscription(1, "people", "true")]),
    );
    early.connect(&world);
    early.until_live().await;
    early.cut();
    for life in 1..4 {
        world = world.forked([life; 16]).await;
        world.upsert("people", &format!("b{life}"), r#"{"n":2}"#).await;
        late.connect(&world);
        late.until_live().await;
        late.until("it has all", |peer| had(peer) == stored(&world, "people", |_| true)).await;
        late.cut();
    }
    early.connect(&world);
    early.until_live().await;
    early.until("it has all", |peer| had(peer) == stored(&world, "people", |_| true)).await;
    assert!(early.resyncs.is_empty() && late.resyncs.is_empty(), "{:?} {:?}", early.resyncs, late.resyncs);
}
