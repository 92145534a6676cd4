//! Small peers while the server takes no writes: nothing is acknowledged, nothing is refused, and
//! everything arrives once it takes them again.

use std::sync::Arc;

use headwater_sdk::{Config, Headwater};
use serde_json::json;

use crate::{
    clock::{DAY, noted_before},
    support::{
        PATIENCE, TestServer,
        disk::{Disk, fill},
        wait_until,
    },
};

fn open(folder: &tempfile::TempDir, server: &TestServer) -> Headwater {
    let peer = Headwater::open(Config::new(folder.path()).server(server.run["http"].as_str().unwrap())).unwrap();
    peer.start_sync().unwrap();
    peer
}

fn write(server: &TestServer) -> u16 {
    let command = json!({"method": "upsert", "collection": "other", "id": "x", "value": {"a": 1}});
    server.post("/api/v4/store/write", &json!({ "commands": [command] })).0
}

/// How many documents of the collection there are, and that each is one event.
#[track_caller]
fn check_once(server: &TestServer, documents: usize) {
    let counted = server.post("/api/v4/store/count", &json!({"collection": "people", "query": "true"})).1;
    assert_eq!(counted["count"], documents);
    let (_, metrics) = server.get("/metrics");
    let of = |name: &str| metrics.as_str().unwrap().lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let all = of("headwater_events_high_watermark").rsplit_once(' ').unwrap().1.to_owned();
    let printed = server.run(&["events", "--from-beginning", "--max", &all]).stdout;
    let of_peer = printed.lines().filter(|line| line.contains(r#""collection":"people""#)).count();
    assert_eq!(of_peer, documents, "one event each");
}

#[test]
fn a_full_disk_at_the_server_keeps_pushes_at_the_peer_until_there_is_room() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let Some(_disk) = Disk::mount(directory.clone()) else {
        eprintln!("skipped: a small tmpfs cannot be mounted here, which needs root");
        return;
    };
    let server = TestServer::start_in(directory.clone(), &["--segment-bytes", "1MiB"]);
    let folder = tempfile::tempdir().unwrap();
    let peer = open(&folder, &server);
    let people = peer.store().collection("people").unwrap();
    let ballast = directory.path().join("ballast");
    fill(&ballast);
    let mut written = 0;
    while write(&server) == 200 {
        for _ in 0..20 {
            people.upsert(json!({"_id": format!("p{written}"), "filler": "x".repeat(4_000)})).unwrap();
            written += 1;
        }
        assert!(written < 100_000, "the disk never gets full");
    }
    // Local work goes on, and nothing of it is lost.
    for _ in 0..20 {
        people.upsert(json!({"_id": format!("p{written}"), "filler": "y"})).unwrap();
        written += 1;
    }
    assert!(peer.sync().pending().unwrap() >= 20);
    assert_eq!(people.find("true").documents().unwrap().len(), written);
    assert_eq!(peer.sync().rejected().unwrap().len(), 0);
    drop(people);
    peer.close();
    drop(peer);
    std::fs::remove_file(&ballast).unwrap();
    wait_until("writes resume", || write(&server) == 200);
    let peer = open(&folder, &server);
    peer.sync().flushed(PATIENCE).unwrap();
    assert_eq!(peer.sync().rejected().unwrap().len(), 0);
    check_once(&server, written);
}

#[test]
fn a_clock_that_is_not_believed_keeps_pushes_at_the_peer_until_it_is_accepted() {
    let server = TestServer::start_in(noted_before(400 * DAY), &[]);
    assert_eq!(write(&server), 503);
    let folder = tempfile::tempdir().unwrap();
    let peer = open(&folder, &server);
    let people = peer.store().collection("till").unwrap();
    for n in 0..20 {
        people.upsert(json!({"_id": format!("p{n}")})).unwrap();
    }
    wait_until("the server was asked and said to wait", || {
        let (_, metrics) = server.get("/metrics");
        let unanswered = "headwater_sync_pushes_total{result=\"unanswered\"} ";
        metrics.as_str().unwrap().lines().any(|line| line.strip_prefix(unanswered).is_some_and(|count| count != "0"))
    });
    assert_eq!(peer.sync().pending().unwrap(), 20);
    assert_eq!(server.run(&["accept-clock"]).code(), Some(0));
    peer.sync().flushed(PATIENCE).unwrap();
    assert_eq!(peer.sync().rejected().unwrap().len(), 0);
    let counted = server.post("/api/v4/store/count", &json!({"collection": "till", "query": "true"})).1;
    assert_eq!(counted["count"], 20);
}
