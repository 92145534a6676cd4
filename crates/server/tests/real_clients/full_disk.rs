//! A full disk: writes are refused with the reason, reads and consumers go on, and writes resume when there is space.
//!
//! The disk is a small tmpfs, which only root can mount; elsewhere the test says so and ends.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{clients::kcat_all, events::numbers};
use crate::support::{
    TestServer,
    disk::{Disk, fill},
    wait_until,
};

#[test]
fn a_full_disk_stops_writes_and_nothing_else() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let Some(_disk) = Disk::mount(directory.clone()) else {
        eprintln!("skipped: a small tmpfs cannot be mounted here, which needs root");
        return;
    };
    let server = TestServer::start_in(directory.clone(), &["--segment-bytes", "1MiB"]);
    let ballast = directory.path().join("ballast");
    fill(&ballast);

    let mut acknowledged = 0;
    let (status, reply) = loop {
        assert!(acknowledged < 100_000, "the disk never gets full");
        match write(&server, acknowledged) {
            (200, _) => acknowledged += 1,
            refused => break refused,
        }
    };
    assert_eq!(status, 503, "{reply}");
    let message = reply["message"].as_str().unwrap().to_lowercase();
    assert!(["space", "disk", "full"].iter().any(|word| message.contains(word)), "the reason is told: {message}");

    let (status, counted) = server.post("/api/v4/store/count", &json!({ "collection": "people", "query": "true" }));
    assert_eq!((status, counted["count"].as_u64()), (200, Some(acknowledged)), "reads go on: {counted}");
    assert_eq!(numbers(&kcat_all(&server, "%s\n")), (0..acknowledged).collect::<Vec<_>>(), "consumers go on");
    assert_eq!(write(&server, acknowledged).0, 503, "as long as the disk is full");

    std::fs::remove_file(&ballast).unwrap();
    wait_until("writes resume", || write(&server, acknowledged).0 == 200);
    write(&server, acknowledged + 1);
    let all: Vec<_> = (0..acknowledged + 2).collect();
    assert_eq!(numbers(&kcat_all(&server, "%s\n")), all, "every acknowledged write once, no refused one");

    assert_eq!(server.terminate().code(), Some(0));
    let server = TestServer::start_in(directory, &["--segment-bytes", "1MiB"]);
    assert_eq!(numbers(&kcat_all(&server, "%s\n")), all, "and so after a restart");
}

/// Writes the document of that number, of about 4 KiB.
fn write(server: &TestServer, number: u64) -> (u16, Value) {
    let value = json!({ "number": number, "filler": "x".repeat(4_000) });
    let command = json!({ "method": "upsert", "collection": "people", "id": format!("p{number}"), "value": value });
    server.post("/api/v4/store/write", &json!({ "commands": [command] }))
}
