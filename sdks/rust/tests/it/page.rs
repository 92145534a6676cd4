//! The page's snippet without a server, in a process that ends; a later one only syncs.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use headwater::{Config, Headwater};
use serde_json::json;

use crate::server::{PATIENCE, Server, free_url};

/// `examples/page.rs`, which is built with the tests.
fn program() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder.join("examples").join(format!("page{}", env::consts::EXE_SUFFIX))
}

/// Lets the page's program write and kills it, as a crash would. Gives the id that it printed.
fn write_and_kill(folder: &Path, url: &str) -> String {
    let mut page = Command::new(program());
    let mut page = page.arg(folder).arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut id = String::new();
    BufReader::new(page.stdout.take().unwrap()).read_line(&mut id).unwrap();
    page.kill().unwrap();
    assert!(!page.wait().unwrap().success(), "it was killed");
    id.trim_end().to_owned()
}

#[test]
fn what_a_killed_process_wrote_offline_is_synced_by_the_next_as_one_event() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let ids: Vec<String> = (0..2).map(|_| write_and_kill(dir.path(), &url)).collect();
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
