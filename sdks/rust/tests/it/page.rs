//! The page's snippet without a server, in a process that ends; a later one only syncs.

use std::{env, process::Command};

use headwater::{
    Config, Headwater,
    compat::{Ditto, DittoConfig, DittoError},
};
use serde_json::json;

use crate::server::{PATIENCE, Server, free_url};

const DIR: &str = "HEADWATER_TEST_DIR";
const URL: &str = "HEADWATER_TEST_URL";

/// The snippet, as it stands after an open.
fn snippet(ditto: &Ditto) -> Result<String, DittoError> {
    let doc_id = ditto.store().collection("people")?.upsert(json!({
        "name": "Susan",
        "age": 31,
    }))?;
    Ok(doc_id.to_string())
}

/// Another process: writes, is not stopped, and is killed as by a crash.
#[test]
#[ignore = "a part of the test below"]
fn writes_and_is_killed() {
    let (Ok(dir), Ok(url)) = (env::var(DIR), env::var(URL)) else { return };
    let ditto = Ditto::open_sync(DittoConfig::new(dir).server(&url)).unwrap();
    ditto.start_sync().unwrap();
    println!("id={}", snippet(&ditto).unwrap());
    std::process::abort();
}

#[test]
fn what_a_killed_process_wrote_offline_is_synced_by_the_next_as_one_event() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let mut ids = Vec::new();
    for _ in 0..2 {
        let arguments = ["--exact", "page::writes_and_is_killed", "--ignored", "--nocapture"];
        let mut child = Command::new(env::current_exe().unwrap());
        let output = child.args(arguments).env(DIR, dir.path()).env(URL, &url).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let id = said.lines().find_map(|line| line.split_once("id=")).expect(&said).1.to_owned();
        assert!(!output.status.success(), "it was killed");
        ids.push(id);
    }
    let server = Server::start(&url);
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    assert_eq!(peer.sync().pending().unwrap(), 2);
    peer.start_sync().unwrap();
    let newest = peer.sync().flushed(PATIENCE).unwrap();
    assert_eq!((newest, peer.sync().pending().unwrap()), (Some(2), 0));
    let events = server.events();
    assert_eq!(events.len(), 2, "{events:?}");
    for (event, id) in events.iter().zip(&ids) {
        assert!(event.contains(id) && event.contains("Susan") && event.contains("site="), "{event}");
    }
    // Another peer gets them from the server.
    let other_dir = tempfile::tempdir().unwrap();
    let other = Headwater::open(Config::new(other_dir.path()).server(&url)).unwrap();
    let subscription = other.sync().register_subscription("SELECT * FROM people", ()).unwrap();
    other.start_sync().unwrap();
    crate::server::wait_for("the documents", || subscription.is_complete().unwrap());
    for id in &ids {
        let found = other.store().collection("people").unwrap().find_by_id(id.as_str()).unwrap();
        assert_eq!(found, Some(json!({"_id": id, "name": "Susan", "age": 31})));
    }
}

#[test]
fn what_was_not_stopped_before_it_was_dropped_is_there_again() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let open = || Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    let peer = open();
    peer.start_sync().unwrap();
    assert!(Headwater::open(Config::new(dir.path())).is_err(), "somebody has it open");
    let written = peer.store().collection("t").unwrap().upsert(json!({"_id": "a", "n": 1})).unwrap();
    let sequence = written.sequence().unwrap();
    assert!(written.committed(std::time::Duration::from_millis(1)).is_err(), "nobody is there");
    drop((peer, written));
    let peer = open();
    assert_eq!(peer.store().execute("SELECT * FROM t", ()).unwrap().items(), [json!({"_id": "a", "n": 1})]);
    let server = Server::start(&url);
    peer.start_sync().unwrap();
    assert_eq!(peer.sync().committed(sequence, PATIENCE).unwrap(), Some(1));
    assert_eq!(server.events().len(), 1);
    peer.close();
    assert!(matches!(peer.sync().pending(), Err(headwater::Error::Closed)));
}
