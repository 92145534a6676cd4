//! Connections over TLS: both directions at once, and who is trusted.

use std::{sync::mpsc::sync_channel, thread};

use headwater::{Config, Error, Headwater, State};
use serde_json::json;

use crate::server::{PATIENCE, Server, free_url, wait_for};

#[test]
fn two_peers_write_at_once_over_tls() {
    let url = free_url().replace("http://127.0.0.1", "https://localhost");
    let server = Server::start(&url);
    let ca = server.ca_certificate();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let peers = dirs.each_ref().map(|dir| {
        let peer = Headwater::open(Config::new(dir.path()).server(&url).ca_certificate(&ca)).unwrap();
        peer.sync().register_subscription("SELECT * FROM t", ()).unwrap();
        peer.start_sync().unwrap();
        peer
    });
    let large = "x".repeat(20_000); // many records of TLS, and more than a socket takes
    thread::scope(|scope| {
        for (number, peer) in peers.iter().enumerate() {
            let (documents, large) = (peer.store().collection("t").unwrap(), &large);
            scope.spawn(move || {
                for n in 0..100 {
                    documents.upsert(json!({"_id": format!("{number} {n}"), "large": large})).unwrap();
                }
            });
        }
    });
    for peer in &peers {
        peer.sync().flushed(PATIENCE).unwrap();
        let documents = peer.store().collection("t").unwrap();
        wait_for("all documents", || documents.find("true").documents().unwrap().len() == 200);
    }
    assert_eq!(server.events().len(), 200);
}

#[test]
fn a_server_of_an_unknown_ca_is_not_spoken_to() {
    let url = free_url().replace("http://127.0.0.1", "https://localhost");
    let server = Server::start(&url);
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    peer.store().collection("t").unwrap().upsert(json!({"_id": 1})).unwrap();
    let (sender, states) = sync_channel(100);
    let observer = peer.sync().observe_state(move |state| sender.send(state).unwrap()).unwrap();
    peer.start_sync().unwrap();
    let mut waited = 0;
    while waited < 2 {
        let state = states.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(state, State::Stopped | State::Connecting | State::Waiting), "{state:?}");
        waited += usize::from(state == State::Waiting);
    }
    observer.cancel();
    assert_eq!(server.events().len(), 0);
    let none = Config::new(dir.path()).server(&url).ca_certificate("no certificate");
    assert!(matches!(Headwater::open(none), Err(Error::Server { .. })));
}
