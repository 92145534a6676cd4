//! Small peers of the Rust SDK that run through a restore: what the backup does not have goes, but
//! for what a peer wrote itself, which is pushed once more; in the end each peer has what the
//! server has.
//!
//! Not here: a server that is set back at any moment of a random history (crate `simulation`).

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use headwater_sdk::{Change, Collection, Config, Headwater};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{PATIENCE, TestServer, run, wait_until};

struct Peer {
    peer: Headwater,
    people: Collection,
    _dir: TempDir,
}

impl Peer {
    /// One that has everything.
    fn of(server: &TestServer) -> Self {
        let dir = TempDir::new().unwrap();
        let peer = Headwater::open(Config::new(dir.path()).server(server.run["http"].as_str().unwrap())).unwrap();
        let people = peer.store().collection("people").unwrap();
        // What is subscribed to stays so when the handle goes.
        let sub = peer.sync().register_subscription("SELECT * FROM people", json!({})).unwrap();
        std::mem::forget(sub);
        peer.start_sync().unwrap();
        Self { peer, people, _dir: dir }
    }

    fn shows(&self) -> BTreeMap<String, Value> {
        let found = self.people.find("true").documents().unwrap().into_iter();
        found.map(|document| (document["_id"].as_str().unwrap().to_owned(), document)).collect()
    }

    fn upsert(&self, id: &str, number: u64) {
        self.people.upsert(json!({ "_id": id, "number": number })).unwrap();
    }

    /// Waits until the server has it; its transaction.
    fn flushed(&self) -> u64 {
        self.peer.sync().flushed(PATIENCE).unwrap().expect("it was pushed")
    }
}

fn post(server: &TestServer, command: &Value) -> u64 {
    let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": [command] }));
    assert_eq!(status, 200, "{reply}");
    reply["results"][0]["transactionId"].as_u64().unwrap()
}

fn upsert(id: &str, number: u64) -> Value {
    json!({ "method": "upsert", "collection": "people", "id": id, "value": { "number": number } })
}

fn found(server: &TestServer) -> BTreeMap<String, Value> {
    let query = json!({ "collection": "people", "query": "true", "limit": 10_000 });
    let (status, reply) = server.post("/api/v4/store/find", &query);
    assert_eq!(status, 200, "{reply}");
    let whole = |it: &Value| {
        let mut document = it["fields"].clone();
        document["_id"] = it["id"].clone();
        (it["id"].as_str().unwrap().to_owned(), document)
    };
    reply["documents"].as_array().unwrap().iter().map(whole).collect()
}

#[test]
fn peers_that_run_through_a_restore_agree_with_the_server_and_lose_nothing_of_their_own() {
    let server = TestServer::start();
    let http = server.run["http"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let (writer, reader) = (Peer::of(&server), Peer::of(&server));
    post(&server, &upsert("kept", 1));
    writer.upsert("own-before", 1);
    writer.people.upsert(json!({ "_id": "count" })).unwrap();
    writer.people.update("count", [Change::increment("n", 1)]).unwrap();
    writer.flushed();
    let taken = server.run(&["backup", "--to", "backups"]);
    assert_eq!(taken.code(), Some(0), "{taken:?}");

    // What is lost with the server, and is seen by both before.
    post(&server, &upsert("lost", 1));
    post(&server, &upsert("kept", 2));
    post(&server, &json!({ "method": "remove", "collection": "people", "id": "own-before" }));
    writer.upsert("own-behind", 2);
    writer.people.update("count", [Change::increment("n", 10)]).unwrap();
    writer.flushed();
    for peer in [&writer, &reader] {
        wait_until("it has seen what will be lost", || {
            let shown = peer.shows();
            shown.contains_key("lost") && shown.contains_key("own-behind") && !shown.contains_key("own-before")
        });
    }
    let stop = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        // It writes on and on: whatever happens around it, each write that returned is there in the end.
        let writing = scope.spawn(|| {
            let mut written = 0;
            while !stop.load(SeqCst) && written < 2_000 {
                reader.upsert(&format!("on{written}"), written);
                written += 1;
                thread::yield_now();
            }
            written
        });
        let restored = restore_under(server, &http, || {
            // Nobody takes this before the restore is done.
            writer.upsert("own-pending", 3);
            writer.people.update("count", [Change::increment("n", 100)]).unwrap();
        });
        stop.store(true, SeqCst);
        (writing.join().unwrap(), restored)
    });
    let (written, server) = written;
    for peer in [&writer, &reader] {
        peer.flushed();
    }
    wait_until("all of them have the same", || {
        let there = found(&server);
        there.contains_key("own-pending") && writer.shows() == there && reader.shows() == there
    });
    let there = found(&server);
    assert_eq!(there["kept"]["number"], 1, "as the backup has it");
    assert_eq!(there["count"]["n"], json!(111), "every increment of a peer counts once");
    assert!(!there.contains_key("lost"), "nobody's own");
    assert_eq!(there["own-before"]["number"], 1, "as the backup has it: who removed it was nobody's peer");
    assert_eq!((&there["own-behind"]["number"], &there["own-pending"]["number"]), (&json!(2), &json!(3)));
    let missing: Vec<_> = (0..written).filter(|n| !there.contains_key(&format!("on{n}"))).collect();
    assert!(missing.is_empty() && written > 0, "{written}: {missing:?}");
}

/// Kills the server, and has one go on at its address with what the backup has; what comes in between is `offline`.
fn restore_under(server: TestServer, http: &str, offline: impl FnOnce()) -> TestServer {
    let first = server.directory();
    server.kill();
    offline();
    let second = Arc::new(TempDir::new().unwrap());
    let backups = first.path().join("backups");
    restore(&backups, second.path());
    TestServer::start_in(second, &["--http-listen", http])
}

fn restore(backups: &Path, to: &Path) {
    let restored = run(to, &["restore", "--from", backups.to_str().unwrap()]);
    assert_eq!(restored.code(), Some(0), "{restored:?}");
}
