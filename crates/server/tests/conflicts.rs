//! What docs/guides/small-peers.md promises of two tills that wrote without a network, with the Rust
//! SDK and the real server, whichever of them connects first.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use headwater_sdk::{Change, Collection, Config, Headwater};
use serde_json::{Value, json};

use crate::support::{PATIENCE, TestServer, wait_until};

struct Till {
    peer: Headwater,
    items: Collection,
}

impl Till {
    /// One that has everything and is offline from here on.
    fn offline(server: &TestServer, dir: &Path) -> Self {
        let config = Config::new(dir).server(server.run["http"].as_str().unwrap());
        let peer = Headwater::open(config).unwrap();
        let items = peer.store().collection("items").unwrap();
        let sub = peer.sync().register_subscription("SELECT * FROM items", json!({})).unwrap();
        peer.start_sync().unwrap();
        wait_until("it has everything", || sub.is_complete().unwrap());
        peer.stop_sync().unwrap();
        Self { peer, items }
    }

    fn write(&self, changes: impl IntoIterator<Item = Change>) {
        self.items.update("cup", changes).unwrap();
        pause();
    }

    fn connect(&self) {
        self.peer.start_sync().unwrap();
        self.peer.sync().flushed(PATIENCE).unwrap();
    }

    fn shows(&self) -> Option<Value> {
        let mut found = self.items.find_by_id("cup").unwrap()?;
        found.as_object_mut().unwrap().remove("_id");
        Some(found)
    }
}

/// What is written next is later, though a till knows the server's time only as well as a message is
/// fast, and this machine may be busy.
fn pause() {
    let begun = Instant::now();
    wait_until("a second went by", || begun.elapsed() > Duration::from_secs(1));
}

/// Two tills write one after the other, offline; then the one or the other connects first. What the
/// server has in the end, and each till.
fn meet(document: &Value, write: impl Fn(&Till, &Till), is_second_first: bool) -> (Vec<Option<Value>>, usize) {
    let server = TestServer::start();
    let upsert = json!({"commands": [{"method": "upsert", "collection": "items", "id": "cup", "value": document}]});
    assert_eq!(server.post("/api/v4/store/write", &upsert).0, 200);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let tills = dirs.each_ref().map(|dir| Till::offline(&server, dir.path()));
    write(&tills[0], &tills[1]);
    let mut order = [&tills[0], &tills[1]];
    if is_second_first {
        order.reverse();
    }
    order.into_iter().for_each(Till::connect);
    let at_server = || {
        let (status, found) = server.get("/api/v4/store/findbyid?collection=items&id=cup");
        (status == 200).then(|| found["fields"].clone())
    };
    wait_until("all have the same", || tills.iter().all(|till| till.shows() == at_server()));
    let rejected = tills.iter().map(|till| till.peer.sync().rejected().unwrap().len()).sum();
    (vec![at_server()], rejected)
}

#[test]
fn fields_merge_counters_add_and_of_one_value_the_later_write_stays() {
    let document = json!({"price": 5, "stock": 10, "tags": ["old"], "place": {"shelf": 1}});
    for is_second_first in [false, true] {
        let write = |one: &Till, two: &Till| {
            let increment = |by: i64| Change::increment("stock", by);
            one.write([Change::set("price", 6), increment(-2), Change::set("tags", json!(["one"]))]);
            two.write([Change::set("place.row", "b"), increment(-3), Change::set("tags", json!(["two", "new"]))]);
        };
        let (found, rejected) = meet(&document, write, is_second_first);
        let expected = json!({"price": 6, "stock": 5, "tags": ["two", "new"], "place": {"row": "b", "shelf": 1}});
        assert_eq!((found, rejected), (vec![Some(expected)], 0), "{is_second_first}");
    }
}

#[test]
fn what_was_removed_stays_removed_for_who_did_not_know() {
    let write = |one: &Till, two: &Till| {
        one.items.remove("cup").unwrap();
        pause();
        two.write([Change::set("price", 7)]);
    };
    let (found, rejected) = meet(&json!({"price": 5, "stock": 10}), write, false);
    assert_eq!((found, rejected), (vec![None], 1), "the removal was there first");
    let (found, rejected) = meet(&json!({"price": 5, "stock": 10}), write, true);
    let left = json!({"price": 7});
    assert_eq!((found, rejected), (vec![Some(left)], 0), "the later write was there first");
}

#[test]
fn who_never_had_a_document_may_make_one_of_its_name_after_its_removal() {
    for is_made_before in [true, false] {
        let server = TestServer::start();
        let write = |command: Value| {
            assert_eq!(server.post("/api/v4/store/write", &json!({"commands": [command]})).0, 200);
        };
        write(json!({"method": "upsert", "collection": "items", "id": "cup", "value": {"price": 5}}));
        let remove = || write(json!({"method": "remove", "collection": "items", "id": "cup"}));
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path()).server(server.run["http"].as_str().unwrap());
        let peer = Headwater::open(config).unwrap();
        let make = || drop(peer.store().collection("items").unwrap().upsert(json!({"_id": "cup", "made": 1})).unwrap());
        let acts: [&dyn Fn(); 2] = if is_made_before { [&make, &remove] } else { [&remove, &make] };
        acts[0]();
        pause();
        acts[1]();
        peer.start_sync().unwrap();
        peer.sync().flushed(PATIENCE).unwrap();
        assert!(peer.sync().rejected().unwrap().is_empty());
        let (status, found) = server.get("/api/v4/store/findbyid?collection=items&id=cup");
        match is_made_before {
            true => assert_eq!(status, 404, "what is earlier than the removal has lost: {found}"),
            false => assert_eq!(found["fields"], json!({"made": 1})),
        }
    }
}
