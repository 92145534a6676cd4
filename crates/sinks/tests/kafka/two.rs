//! Two servers with one sink: one delivers, the other says so.

use std::{fs, path::Path};

use wire::admin::SinkState;

use super::{
    child::ChildServer,
    reader::{assert_delivered, delivered, expected, flat},
    server::{Server, broker, sink, write_all},
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A data directory with a sink and so many events of that size, and a copy of it.
async fn twins(topic: &str, events: usize, filler: usize) -> (tempfile::TempDir, tempfile::TempDir) {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::open(one.path(), "first").await;
    server.sinks.create(&server.topics, sink(topic, topic, &broker().bootstrap())).await.unwrap();
    server.until_delivered(topic).await;
    server.sinks.set_paused(&server.topics, topic, true).await.unwrap();
    for from in (0..events).step_by(100) {
        let ids = (from..events.min(from + 100)).map(|n| format!("id-{n}"));
        write_all(&server.topics, ids, filler).await;
    }
    server.sinks.set_paused(&server.topics, topic, false).await.unwrap();
    server.stop().await;
    copy(one.path(), other.path());
    (one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_owner_that_thaws_is_fenced() {
    let (one, other) = twins("frozen", 3000, 8000).await;
    let mut child = ChildServer::start(one.path(), "frozen", "frozen", 0);
    child.until_says("delivers");
    child.signal("STOP");
    let server = Server::open(other.path(), "taker").await;
    server.until_delivered("frozen").await;
    child.signal("CONT");
    child.write(); // so that there is something left, if it had delivered all
    let said = child.until_says("failed");
    assert!(said.contains("another server runs this sink") && said.contains("taker"), "{said}");
    assert_delivered(&broker().bootstrap(), "frozen", &expected(&server.topics.main(), 3).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_of_two_fails_until_it_is_told_to_take_the_sink_back() {
    let (one, other) = twins("twins", 10, 10).await;
    let older = Server::open(one.path(), "older").await;
    older.until_delivered("twins").await;
    let newer = Server::open(other.path(), "newer").await;
    newer.until_delivered("twins").await;
    older.write("late", 10).await;
    let failed = older.until_state("twins", SinkState::Failed, "another server runs this sink").await;
    let reason = failed.reason.unwrap();
    assert!(reason.contains("as newer"), "{reason}");
    assert_eq!(flat(delivered(&broker().bootstrap(), "twins", 10)).len(), 10, "what it had to deliver did not appear");
    older.sinks.set_paused(&older.topics, "twins", false).await.unwrap();
    older.until_delivered("twins").await;
    assert_delivered(&broker().bootstrap(), "twins", &expected(&older.topics.main(), 3).await);
    newer.write("later", 10).await;
    newer.until_state("twins", SinkState::Failed, "as older").await;
    older.stop().await;
    newer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_says_resync_only_where_the_sink_has_delivered_what_is_lost() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bootstrap = broker().bootstrap();
    let server = Server::open(one.path(), "lost").await;
    for name in ["ahead", "exact", "behind"] {
        server.sinks.create(&server.topics, sink(name, &format!("restored-{name}"), &bootstrap)).await.unwrap();
    }
    for n in 0..10 {
        server.write(&format!("id-{n}"), 10).await;
        if n == 4 {
            server.until_delivered("behind").await;
            server.sinks.set_paused(&server.topics, "behind", true).await.unwrap();
        }
    }
    server.until_delivered("ahead").await;
    server.until_delivered("exact").await;
    server.sinks.set_paused(&server.topics, "exact", true).await.unwrap();
    server.stop().await;
    copy(one.path(), other.path());
    let server = Server::open(one.path(), "lost").await;
    for n in 10..15 {
        server.write(&format!("id-{n}"), 10).await;
    }
    server.until_delivered("ahead").await;
    server.stop().await;
    let now_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let life = store::NewLife {
        now_ms: now_ms + 1500,
        accept_clock: false,
        taken_ms: None,
        only: None,
        to: &|_| store::RestoreTo::Newest,
        random: || *b"another life's..",
    };
    store::begin_new_life(other.path(), &life).unwrap();
    for run in ["restored", "restarted"] {
        let options = store::StoreOptions { accept_clock: true, ..store::StoreOptions::default() };
        let server = Server::open_with(other.path(), run, options).await;
        for name in ["exact", "behind"] {
            server.sinks.set_paused(&server.topics, name, false).await.unwrap();
        }
        for n in 0..5 {
            server.write(&format!("{run}-{n}"), 10).await;
        }
        for name in ["ahead", "exact", "behind"] {
            server.until_delivered(name).await;
        }
        let all = expected(&server.topics.main(), 3).await;
        assert_delivered(&bootstrap, "restored-exact", &all);
        assert_delivered(&bootstrap, "restored-behind", &all);
        server.stop().await;
    }
    let ahead = flat(delivered(&bootstrap, "restored-ahead", 26));
    assert_eq!(ahead.len(), 10 + 5 + 1 + 10, "what was there, what is lost, word of it, and the new life");
    let mut by_txn: Vec<_> =
        ahead.iter().map(|it| (it.header("txnId").parse::<u64>().unwrap(), it.header("op"))).collect();
    by_txn.sort_unstable();
    let at = by_txn.iter().position(|(_, op)| *op == "resync").unwrap();
    assert_eq!(at, 15, "between the two lives: {by_txn:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_that_was_plainly_put_back_fails_before_events_are_left_out() {
    let (one, other) = twins("put-back", 10, 10).await;
    let server = Server::open(one.path(), "lost").await;
    for n in 0..5 {
        server.write(&format!("lost-{n}"), 10).await;
    }
    server.until_delivered("put-back").await;
    let end = server.topics.main().partition(0).unwrap().high_watermark();
    server.stop().await;
    let server = Server::open(other.path(), "put back").await;
    let failed = server.until_state("put-back", SinkState::Failed, "put it back by `headwater restore`").await;
    let reason = failed.reason.unwrap();
    assert!(reason.contains(&format!("up to offset {end}")), "{reason}");
    server.stop().await;
}
