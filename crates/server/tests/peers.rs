//! `headwater peers` and the portal's page against the real binary, with a peer of the Rust SDK.

use headwater_sdk::{Config, Headwater, State};
use serde_json::{Value, json};

use crate::support::{PATIENCE, TestServer, wait_until};

fn listed(server: &TestServer) -> Vec<Value> {
    let reply = server.run(&["peers", "list", "--json"]);
    assert_eq!(reply.code(), Some(0), "{reply:?}");
    let reply: Value = serde_json::from_str(&reply.stdout).unwrap();
    reply["peers"].as_array().unwrap().clone()
}

/// The one peer that is listed, once it is so.
fn until(server: &TestServer, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut peers = Vec::new();
    wait_until(what, || {
        peers = listed(server);
        matches!(peers.as_slice(), [peer] if is_so(peer))
    });
    peers.swap_remove(0)
}

fn open(dir: &std::path::Path, server: &TestServer) -> Headwater {
    let url = server.run["http"].as_str().unwrap();
    Headwater::open(Config::new(dir).server(url).app("default")).unwrap()
}

#[test]
fn a_peer_is_listed_revoked_and_let_in_again_and_is_remembered() {
    let server = TestServer::start();
    let none = server.run(&["peers", "list"]);
    assert!(none.stdout.starts_with("no small peers"), "{none:?}");
    let dir = tempfile::tempdir().unwrap();
    let peer = open(dir.path(), &server);
    peer.sync().register_subscription("SELECT * FROM people", json!({})).unwrap();
    peer.start_sync().unwrap();
    let people = peer.store().collection("people").unwrap();
    assert_eq!(people.upsert(json!({"name": "Susan"})).unwrap().committed(PATIENCE).unwrap(), Some(1));
    let is_in_step = |peer: &Value| peer["connection"]["caughtUp"] == true && peer["lag"] == 0;
    let shown = until(&server, "it is in step", is_in_step);
    assert_eq!((&shown["pending"], &shown["pushedTxnId"]), (&json!(0), &json!(1)));
    assert_eq!((&shown["address"], &shown["connection"]["subscriptions"]), (&json!("127.0.0.1"), &json!(1)));
    assert!(shown["sdk"].as_str().unwrap().contains("rust") && shown["key"].is_null(), "{shown}");
    let site = shown["site"].as_str().unwrap();
    let table = server.run(&["peers", "list"]).stdout;
    assert!(table.contains(site) && table.contains("connected"), "{table}");

    let revoked = server.run(&["peers", "revoke", site]);
    assert_eq!((revoked.code(), revoked.stdout.as_str()), (Some(0), format!("revoked peer {site}\n").as_str()));
    until(&server, "its session has ended", |peer| peer["connection"].is_null() && peer["revokedMs"].is_u64());
    let frank = people.upsert(json!({"name": "Frank"})).unwrap().id().clone();
    // It outlives the server, which remembers the peer too.
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    let server = TestServer::start_in(directory, &[]);
    let away = until(&server, "it is known", |peer| peer["revokedMs"].is_u64());
    assert!(away["seenMs"].is_u64() && away["sdk"] == shown["sdk"] && away["connection"].is_null(), "{away}");
    peer.close();
    drop((people, peer));
    let peer = open(dir.path(), &server);
    peer.start_sync().unwrap();
    wait_until("it is told", || peer.sync().state().unwrap() == State::NeedsToken);
    assert_eq!(server.run(&["peers", "allow", site]).stdout, format!("peer {site} is let in again\n"));
    peer.stop_sync().unwrap();
    peer.start_sync().unwrap();
    assert!(peer.sync().flushed(PATIENCE).unwrap().is_some());
    let found = server.get(&format!("/api/v4/store/findbyid?collection=people&id={frank}"));
    assert!(found.1.to_string().contains("Frank"), "{}", found.1);
}
