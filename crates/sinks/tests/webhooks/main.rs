//! Webhooks: what a receiver gets, whatever it does.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod receiver;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use receiver::{Call, Receiver, Reply};
use sha2::{Digest, Sha256};
use sinks::Pace;
use store::StoreOptions;
use wire::admin::{SinkChange, SinkState};
use world::{SECRET, World, pace};

/// HMAC-SHA256 by its definition (RFC 2104), not by the library that signs.
fn hmac(secret: &str, message: &str) -> String {
    let mut key = [0; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_signed(call: &Call, secrets: &[&str]) {
    let signature = call.header("headwater-signature");
    let at = signature.strip_prefix("t=").unwrap().split_once(',').unwrap().0;
    let signed = secrets.iter().map(|secret| format!(",v1={}", hmac(secret, &format!("{at}.{}", call.body))));
    assert_eq!(signature, format!("t={at}{}", signed.collect::<String>()));
}

/// Every event that was delivered, once, in the order of the first time, by document.
fn by_document(calls: &[Call]) -> BTreeMap<String, Vec<u64>> {
    let mut documents = BTreeMap::<String, Vec<u64>>::new();
    let mut seen = BTreeSet::new();
    for call in calls {
        if seen.insert(call.offset()) {
            documents.entry(call.key().to_owned()).or_default().push(call.offset());
        }
    }
    documents
}

#[tokio::test]
async fn each_event_is_a_signed_call_with_its_place_in_headers() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let world = World::open(dir.path(), pace()).await;
    world.write("abc123", 1).await;
    world.create(&receiver.url()).await;
    let call = receiver.until("the first", |calls| calls.len() == 1).await.remove(0);
    let value =
        r#"{"txnId":1,"type":"documentChanged","collection":"people","change":{"method":"upsert","oldValue":null,"#;
    assert!(call.body.starts_with(value), "{}", call.body);
    let headers = [
        ("content-type", "application/json"),
        ("headwater-app", "shop"),
        ("headwater-sink", "hook"),
        ("headwater-topic", "user-consumable-shop"),
        ("headwater-partition", "0"),
        ("headwater-offset", "0"),
        ("headwater-key", r#"["people","abc123"]"#),
        ("headwater-op", "insert"),
        ("headwater-txn-id", "1"),
        ("headwater-skipped", ""),
        ("headwater-replayed", ""),
    ];
    for (name, value) in headers {
        assert_eq!(call.header(name), value, "{name}");
    }
    assert_signed(&call, &[SECRET]);

    // While the secret rotates, both sign.
    let other = "fedcba9876543210";
    let change = SinkChange { secret: Some(other.into()), ..SinkChange::default() };
    world.sinks.change(&world.topics, "hook", change).await.unwrap();
    world.write("abc123", 2).await;
    let call = receiver.until("the second", |calls| calls.len() == 2).await.remove(1);
    assert_eq!(call.header("headwater-op"), "update");
    assert_signed(&call, &[other, SECRET]);
    let shown = world.until("its end", |shown| shown.lag_events == Some(0)).await;
    assert_eq!((shown.state, shown.secret.as_deref()), (SinkState::Running, Some("***")));
    world.close().await;
}

#[tokio::test]
async fn events_of_a_document_keep_their_order_through_failures_and_nothing_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    // A third of the calls fail in one way or another.
    let receiver = Receiver::start(|_, n| match n % 12 {
        2 => Reply::Status(500),
        5 => Reply::Cut,
        8 => Reply::Redirect,
        11 => Reply::Status(408),
        _ => Reply::Status(204),
    })
    .await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    for n in 0..100 {
        world.write(&format!("{}", n % 7), n).await;
    }
    let calls = receiver.until("all", |calls| by_document(calls).values().flatten().count() == 100).await;
    for (key, offsets) in by_document(&calls) {
        assert!(offsets.is_sorted(), "{key}: {offsets:?}");
    }
    let shown = world.until("its end", |shown| shown.lag_events == Some(0)).await;
    assert_eq!((shown.state, shown.set_aside), (SinkState::Running, Some(0)));
    assert!(shown.errors > 20 && shown.events == 100, "{shown:?}");
    world.close().await;
}

#[tokio::test]
async fn what_is_refused_five_times_is_set_aside_and_can_be_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let refuses = Arc::new(AtomicBool::new(true));
    let refusing = refuses.clone();
    let receiver = Receiver::start(move |call, _| {
        let is_bad = call.body.contains(r#""newValue":{"_id":"a","filler":"","n":1}"#);
        Reply::Status(if is_bad && refusing.load(SeqCst) { 422 } else { 200 })
    })
    .await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    for (id, n) in [("a", 1), ("a", 2), ("a", 3), ("b", 4)] {
        world.write(id, n).await;
    }
    let calls = receiver.until("the others", |calls| calls.len() == 3).await;
    assert_eq!(receiver.calls().iter().filter(|call| call.status == 422).count(), 5);
    let skipped: BTreeMap<_, _> = calls.iter().map(|call| (call.offset(), call.header("headwater-skipped"))).collect();
    assert_eq!(skipped, [(1, "1"), (2, ""), (3, "")].into());

    let shown = world.until("its end", |shown| shown.lag_events == Some(0)).await;
    assert_eq!((shown.state, shown.set_aside), (SinkState::Running, Some(1)));
    let set_aside = world.sinks.set_aside(&world.topics, "hook", None, 10).await.unwrap();
    assert_eq!(set_aside.len(), 1);
    assert_eq!((set_aside[0].key.as_str(), set_aside[0].offset), (r#"["people","a"]"#, 0));
    assert!(set_aside[0].reason.contains("422"), "{}", set_aside[0].reason);

    // In vain at first; then it is delivered, and is no more.
    assert_eq!(world.sinks.replay(&world.topics, "hook", Some(vec![set_aside[0].id])).await.unwrap(), 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while receiver.calls().iter().filter(|call| call.status == 422).count() < 10 {
        assert!(Instant::now() < deadline, "waited in vain for the replay");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    refuses.store(false, SeqCst);
    world.until("it to be set aside again", |_| true).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while world.sinks.set_aside(&world.topics, "hook", None, 10).await.unwrap()[0].is_replayed {
        assert!(Instant::now() < deadline, "waited in vain until it is set aside again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.sinks.replay(&world.topics, "hook", None).await.unwrap(), 1);
    let calls = receiver.until("the replay", |calls| calls.len() == 4).await;
    assert_eq!((calls[3].header("headwater-replayed"), calls[3].offset()), ("true", 0));
    world.until("none to be set aside", |shown| shown.set_aside == Some(0)).await;
    world.close().await;
}

#[tokio::test]
async fn what_is_set_aside_outlives_a_restart_and_can_be_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|call, _| Reply::Status(if call.key().contains("bad") { 400 } else { 200 })).await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    world.write("bad", 1).await;
    world.write("good", 2).await;
    world.until("one to be set aside", |shown| shown.set_aside == Some(1) && shown.lag_events == Some(0)).await;
    world.close().await;
    let calls = receiver.calls().len();

    let world = World::open(dir.path(), pace()).await;
    world.until("its begin", |shown| shown.set_aside == Some(1) && shown.lag_events == Some(0)).await;
    assert_eq!(world.sinks.drop_set_aside(&world.topics, "hook", Some(vec![77])).await.unwrap(), 0);
    assert_eq!(world.sinks.drop_set_aside(&world.topics, "hook", None).await.unwrap(), 1);
    assert_eq!(world.show().set_aside, Some(0));
    assert_eq!(receiver.calls().len(), calls, "what was delivered is not sent again");
    world.close().await;
}

#[tokio::test]
async fn an_event_that_fails_for_too_long_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|call, _| Reply::Status(if call.key().contains("bad") { 500 } else { 200 })).await;
    let world = World::open(dir.path(), Pace { give_up: Duration::from_millis(300), ..pace() }).await;
    world.create(&receiver.url()).await;
    for (id, n) in [("bad", 1), ("good", 2)] {
        world.write(id, n).await;
    }
    let shown = world.until("one to be set aside", |shown| shown.set_aside == Some(1)).await;
    assert!(shown.errors > 2, "{shown:?}");
    world.close().await;
}

#[tokio::test]
async fn who_answers_410_gets_nothing_more_until_somebody_resumes() {
    let dir = tempfile::tempdir().unwrap();
    let is_gone = Arc::new(AtomicBool::new(true));
    let answers = is_gone.clone();
    let receiver = Receiver::start(move |_, _| Reply::Status(if answers.load(SeqCst) { 410 } else { 200 })).await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    world.write("a", 1).await;
    let is_paused = |shown: &wire::admin::SinkReply| shown.state == SinkState::Paused;
    world.until("the pause", is_paused).await;
    world.close().await;

    let world = World::open(dir.path(), pace()).await;
    let shown = world.until("the pause", is_paused).await;
    assert!(shown.reason.unwrap().contains("410"));
    world.write("b", 2).await;
    is_gone.store(false, SeqCst);
    world.sinks.set_paused(&world.topics, "hook", false).await.unwrap();
    receiver.until("both", |calls| calls.len() == 2).await;
    assert_eq!(receiver.calls().iter().filter(|call| call.status == 410).count(), 1);
    assert_eq!(world.show().reason, None);
    world.close().await;
}

#[tokio::test]
async fn a_wait_that_the_receiver_asks_for_is_kept_and_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|call, n| match call.key().contains("busy") && n < 5 {
        true => Reply::Later(429, 1),
        false => Reply::Status(200),
    })
    .await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    world.write("busy", 0).await;
    for n in 1..8 {
        world.write(&format!("{n}"), n).await;
    }
    receiver.until("all", |calls| calls.len() == 8).await;
    let calls: Vec<_> = receiver.calls().into_iter().filter(|call| call.key().contains("busy")).collect();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].at - calls[0].at >= Duration::from_millis(990), "{:?}", calls[1].at - calls[0].at);
    let between = receiver.calls().iter().filter(|call| call.at > calls[0].at && call.at < calls[1].at).count();
    assert_eq!(between, 7);
    world.close().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_delays_nothing_but_a_silence_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, n| match n {
        0 => Reply::Hang,
        1 => Reply::Redirect,
        _ => Reply::Endless,
    })
    .await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    world.write("a", 1).await;
    let shown = world.until("the failure", |shown| shown.errors == 1).await;
    assert_eq!(shown.state, SinkState::Waiting);
    assert!(shown.reason.unwrap().contains("did not answer"));
    world.until("its end", |shown| shown.state == SinkState::Running && shown.lag_events == Some(0)).await;
    assert_eq!(receiver.calls().len(), 3);
    world.close().await;
}

#[tokio::test]
async fn a_receiver_that_is_away_is_asked_seldom_and_gets_everything_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let (address, url) = (receiver.address, receiver.url());
    let world = World::open(dir.path(), pace()).await;
    world.create(&url).await;
    world.write("first", 0).await;
    receiver.until("the first", |calls| calls.len() == 1).await;
    drop(receiver);
    for n in 0..200 {
        world.write(&format!("{}", n % 50), n).await;
    }
    let shown = world.until("the wait", |shown| shown.state == SinkState::Waiting && shown.errors > 8).await;
    assert!(shown.reason.as_ref().unwrap().contains("127.0.0.1"), "{shown:?}");
    assert!(shown.next_try_ms.is_some() || shown.errors > 0, "{shown:?}");
    assert!(shown.errors < 60, "{shown:?}");

    let receiver = Receiver::start_at(address, |_, _| Reply::Status(200)).await;
    let calls = receiver.until("all", |calls| by_document(calls).values().flatten().count() == 200).await;
    assert!(by_document(&calls).values().all(|offsets| offsets.is_sorted()));
    world.until("its end", |shown| shown.lag_events == Some(0) && shown.state == SinkState::Running).await;
    world.close().await;
}

#[tokio::test]
async fn after_a_kill_it_goes_on_where_its_position_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|call, _| Reply::Status(if call.key().contains("bad") { 500 } else { 200 })).await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    for n in 0..10 {
        world.write(if n == 3 { "bad" } else { "good" }, n).await;
    }
    world.until("nine", |shown| shown.lag_events == Some(1)).await;
    world.close().await;
    // What a kill leaves is an older position.
    let position = dir.path().join("sinks/shop/hook/position.json");
    let older = std::fs::read(&position).unwrap();
    let world = World::open(dir.path(), pace()).await;
    for n in 10..15 {
        world.write("good", n).await;
    }
    receiver.until("five more", |calls| calls.len() == 14).await;
    world.close().await;
    std::fs::write(&position, older).unwrap();

    let world = World::open(dir.path(), pace()).await;
    world.write("good", 15).await;
    let calls = receiver.until("the last", |calls| calls.last().is_some_and(|call| call.offset() == 15)).await;
    let offsets: Vec<_> = calls.iter().map(Call::offset).collect();
    // Those before the position once, those since twice.
    let expected: Vec<_> = (0..15).filter(|n| *n != 3).chain(10..16).collect();
    assert_eq!(offsets, expected);
    world.close().await;
}

#[tokio::test]
async fn after_a_gap_the_page_comes_when_all_before_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, n| Reply::Status(if n % 3 == 1 { 503 } else { 200 })).await;
    let options =
        StoreOptions { segment_bytes: 4096, retention_bytes: Some(0), accept_clock: true, ..Default::default() };
    let world = World::open_with(dir.path(), pace(), options).await;
    world.create(&receiver.url()).await;
    world.write("a", 0).await;
    receiver.until("the first", |calls| calls.len() == 1).await;
    world.sinks.set_paused(&world.topics, "hook", true).await.unwrap();
    for n in 1..12 {
        world.write_large(&format!("{n}"), n, 3000).await;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.topics.app().events().log_start() < 8 {
        assert!(Instant::now() < deadline, "waited in vain for the trim");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.sinks.set_paused(&world.topics, "hook", false).await.unwrap();
    world.until("its end", |shown| shown.lag_events == Some(0) && shown.state == SinkState::Running).await;
    let calls = receiver.delivered();
    let page = calls.iter().position(|call| call.header("headwater-op") == "requery").unwrap();
    assert_eq!(calls[page].key(), r#"["requeryRequired"]"#);
    for id in 1..8 {
        assert!(calls[page].body.contains(&format!(r#""documentId":"{id}""#)), "{}", calls[page].body);
    }
    assert!(calls[..page].iter().all(|call| call.offset() < calls[page].offset()));
    assert!(calls[page + 1..].iter().all(|call| call.offset() > calls[page].offset()));
    world.close().await;
}

#[tokio::test]
async fn of_a_deleted_sink_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let world = World::open(dir.path(), pace()).await;
    world.create(&receiver.url()).await;
    world.write("a", 1).await;
    receiver.until("the first", |calls| calls.len() == 1).await;
    world.sinks.delete(&world.topics, "hook").await.unwrap();
    assert!(!dir.path().join("sinks/shop/hook").exists());
    // One of its name begins where a new one does.
    world.create(&receiver.url()).await;
    receiver.until("the first again", |calls| calls.len() == 2).await;
    world.close().await;
}
