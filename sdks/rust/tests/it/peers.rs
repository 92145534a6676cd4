//! Peers that see each other's writes, and what they are told.

use std::{
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use headwater::{Change, Config, Error, Headwater, Observer, State};
use serde_json::{Value, json};

use crate::server::{PATIENCE, Server, free_url, wait_for};

fn observed(peer: &Headwater, statement: &str) -> (Observer, Receiver<Vec<Value>>) {
    let (sender, receiver) = sync_channel(100);
    let callback = move |result: Result<Vec<Value>, Error>| sender.send(result.unwrap()).unwrap();
    (peer.store().register_observer(statement, (), callback).unwrap(), receiver)
}

fn until(results: &Receiver<Vec<Value>>, expected: &[Value]) {
    while results.recv_timeout(PATIENCE).expect("a result that is expected comes") != expected {}
}

#[test]
fn two_peers_see_each_others_writes() {
    let url = free_url();
    let server = Server::start(&url);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [a, b] = dirs.each_ref().map(|dir| {
        let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
        peer.sync().register_subscription("SELECT * FROM tasks", ()).unwrap();
        peer.start_sync().unwrap();
        peer
    });
    wait_for("both to be live", || [&a, &b].iter().all(|peer| peer.sync().state().unwrap() == State::Live));
    let (observer, results) = observed(&b, "SELECT * FROM tasks ORDER BY _id");
    assert_eq!(results.recv_timeout(PATIENCE).unwrap(), Vec::<Value>::new(), "what is there now comes first");

    let tasks = a.store().collection("tasks").unwrap();
    let written = tasks.upsert(json!({"_id": "milk", "done": false, "count": 1})).unwrap();
    until(&results, &[json!({"_id": "milk", "done": false, "count": 1})]);
    assert_eq!(written.committed(PATIENCE).unwrap(), Some(1));

    b.store().execute("UPDATE tasks SET done = :done WHERE _id = 'milk'", json!({"done": true})).unwrap();
    wait_for("the update", || tasks.find_by_id("milk").unwrap().unwrap()["done"] == json!(true));
    let changes = [Change::set("note", "two"), Change::increment("count", 1)];
    assert_eq!(
        tasks.find("done == $args.done").args(json!({"done": true})).unwrap().update(changes).unwrap().ids().len(),
        1
    );
    until(&results, &[json!({"_id": "milk", "done": true, "count": 2, "note": "two"})]);

    observer.cancel();
    tasks.remove("milk").unwrap();
    assert!(a.sync().flushed(PATIENCE).unwrap() >= Some(4));
    wait_for("the removal", || b.store().collection("tasks").unwrap().find_by_id("milk").unwrap().is_none());
    assert!(results.try_recv().is_err(), "none after the cancellation");
    assert_eq!(server.events().len(), 4);
}

#[test]
fn writes_of_many_threads_are_all_there_and_observers_run_on_one() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path())).unwrap();
    assert!(matches!(peer.start_sync(), Err(Error::NoServer)));
    let (observer, results) = observed(&peer, "SELECT COUNT(*) AS n FROM t");
    thread::scope(|scope| {
        for _ in 0..8 {
            let collection = peer.store().collection("t").unwrap();
            scope.spawn(move || (0..25).for_each(|n| drop(collection.upsert(json!({"n": n})).unwrap())));
        }
    });
    until(&results, &[json!({"n": 200})]);
    observer.cancel();
    let found = peer.store().collection("t").unwrap().find("n > 20").sort_descending("n").limit(9).documents().unwrap();
    assert_eq!(
        found.iter().map(|it| it["n"].as_u64().unwrap()).collect::<Vec<_>>(),
        [24, 24, 24, 24, 24, 24, 24, 24, 23]
    );
}

#[test]
fn a_callback_may_write_cancel_itself_and_close() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path())).unwrap();
    let (sender, ended) = sync_channel(1);
    let (own, handle) = sync_channel::<Observer>(1);
    let held = peer.clone();
    let callback = move |result: Result<Vec<Value>, Error>| {
        let log = held.store().collection("log").unwrap();
        log.upsert(json!({"seen": result.unwrap().len()})).unwrap();
        handle.recv().unwrap().cancel();
        held.close();
        assert!(matches!(log.upsert(json!({})), Err(Error::Closed)));
        sender.send(()).unwrap();
    };
    own.send(peer.store().register_observer("SELECT * FROM t", (), callback).unwrap()).unwrap();
    ended.recv_timeout(PATIENCE).unwrap();
    drop(peer);
    let peer = Headwater::open(Config::new(dir.path())).unwrap();
    assert_eq!(peer.store().execute("SELECT seen FROM log", ()).unwrap().items(), [json!({"seen": 0})]);
}

#[test]
fn what_is_no_document_or_statement_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path())).unwrap();
    let store = peer.store();
    assert!(store.collection("").is_err());
    let t = store.collection("t").unwrap();
    assert!(matches!(t.upsert(json!([1])), Err(Error::Value { .. })));
    assert!(matches!(t.upsert(json!({"_id": null})), Err(Error::Id(_))));
    assert!(t.update("a", [Change::increment("n", "one")]).is_err());
    assert!(store.execute("SELEKT", ()).is_err());
    assert!(peer.sync().register_subscription("SELECT * FROM t LIMIT 1", ()).is_err());
    assert!(store.register_observer("DELETE FROM t", (), |_| {}).is_err());
    assert_eq!((peer.sync().pending().unwrap(), t.find("true").documents().unwrap().len()), (0, 0));
}
