//! Kills, full disks, servers that come and go, folders that are taken.

use std::{io::Write as _, process::Command};

use files::faults::{Fault, Plan, inject};
use headwater::{Config, Error, Headwater, State};
use serde_json::json;

use crate::{
    child::App,
    server::{PATIENCE, Server, free_url, wait_for},
};

fn open(dir: &tempfile::TempDir) -> Headwater {
    Headwater::open(Config::new(dir.path())).unwrap()
}

/// How many documents of each killed app are waited for before it is killed.
const WRITES: usize = 25;

#[test]
fn every_write_that_returned_is_there_after_twenty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for round in 0..20 {
        let mut app = App::start(dir.path(), "");
        app.stdin.write_all(b"on\n").unwrap();
        written.extend((0..WRITES + round).map(|_| app.next().unwrap().unwrap()));
        app.kill();
        written.extend(std::iter::from_fn(|| app.next()).map(Result::unwrap)); // said before it died
    }
    let peer = open(&dir);
    let documents = peer.store().collection("t").unwrap();
    for id in &written {
        assert!(documents.find_by_id(id.as_str()).unwrap().is_some(), "{id} returned");
    }
    let all = documents.find("true").documents().unwrap().len();
    assert!((written.len()..=written.len() + 20).contains(&all), "one a kill may be there that did not return");
    assert_eq!(peer.sync().pending().unwrap(), all);
}

#[test]
fn an_app_that_has_no_room_is_told_and_goes_on_when_there_is_some() {
    let dir = tempfile::tempdir().unwrap();
    // Files of more than 512 KiB fail as on a full disk; a signal that came with it is ignored.
    let mut app = App::start(dir.path(), "trap '' XFSZ; ulimit -S -f 1024;");
    let write = |app: &mut App| {
        app.stdin.write_all(b"one\n").unwrap();
        app.next().unwrap()
    };
    let mut written = Vec::new();
    let why = loop {
        match write(&mut app) {
            Ok(id) => written.push(id),
            Err(why) => break why,
        }
    };
    assert!(written.len() > 10, "there is room for some: {why}");
    assert!(why.contains("engine"), "{why}");
    assert!(write(&mut app).is_err(), "there is no room still");
    let more = Command::new("prlimit").args(["--pid", &app.id().to_string(), "--fsize=unlimited"]).status().unwrap();
    assert!(more.success());
    written.extend((0..5).map(|_| write(&mut app).unwrap()));
    app.kill();
    let peer = open(&dir);
    let ids: Vec<_> = peer.store().execute("SELECT _id FROM t", ()).unwrap().into_items();
    let mut ids: Vec<_> = ids.iter().map(|it| it["_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    written.sort();
    assert_eq!(ids, written, "what returned, and nothing that was refused");
}

#[test]
fn a_disk_that_fails_takes_back_what_was_refused_and_observers_and_sync_go_on() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let server = Server::start(&url);
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    let documents = peer.store().collection("t").unwrap();
    let (sender, results) = std::sync::mpsc::sync_channel(100);
    let count = move |rows: Result<Vec<_>, Error>| sender.send(rows.map_or(0, |rows| rows.len())).unwrap();
    peer.store().register_observer("SELECT * FROM t", (), count).unwrap();
    documents.upsert(json!({"_id": 1})).unwrap();
    for fault in [Fault::Full, Fault::Io] {
        for at in [1, 2, 3] {
            let planned = inject(dir.path(), Plan::new(fault, at).lasting());
            assert!(matches!(documents.upsert(json!({"_id": 2})), Err(Error::Peer(_) | Error::Write(_))));
            assert!(planned.has_come());
            drop(planned);
            assert_eq!(peer.sync().pending().unwrap(), 1, "the store is open again");
            assert_eq!(documents.find("true").documents().unwrap().len(), 1, "nothing of it is seen");
        }
    }
    documents.upsert(json!({"_id": 3})).unwrap();
    while results.recv_timeout(PATIENCE).unwrap() != 2 {}
    peer.start_sync().unwrap();
    assert_eq!(peer.sync().flushed(PATIENCE).unwrap(), Some(2));
    assert_eq!(server.events().len(), 2);
}

#[test]
fn a_connection_is_made_again_after_the_server_was_started_again() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let data = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    peer.start_sync().unwrap();
    for round in 1..4 {
        let server = Server::start_in(&url, data.path());
        wait_for("the connection", || peer.sync().state().unwrap() == State::Live);
        let written = peer.store().collection("t").unwrap().upsert(json!({"_id": round})).unwrap();
        assert_eq!(written.committed(PATIENCE).unwrap(), Some(round));
        drop(server);
        wait_for("the end of the connection", || peer.sync().state().unwrap() != State::Live);
    }
}

#[test]
fn a_folder_that_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let why = |dir: &tempfile::TempDir| Headwater::open(Config::new(dir.path())).unwrap_err().to_string();
    let app = App::start(dir.path(), "");
    assert!(why(&dir).contains("another process has it open"), "{}", why(&dir));
    drop(app);
    drop(open(&dir));
    std::fs::write(dir.path().join("store.redb"), b"no store").unwrap();
    assert!(why(&dir).contains("cannot open"), "{}", why(&dir));
    let old = tempfile::tempdir().unwrap();
    std::fs::create_dir(old.path().join("store")).unwrap();
    assert!(why(&old).contains("earlier version"), "{}", why(&old));
}

#[test]
fn relaxed_writes_are_there_after_a_while_and_after_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let relaxed = || Headwater::open(Config::new(dir.path()).relaxed(true)).unwrap();
    let peer = relaxed();
    for n in 0..100 {
        peer.store().collection("t").unwrap().upsert(json!({"_id": n})).unwrap();
    }
    peer.close();
    let peer = relaxed();
    assert_eq!(peer.store().collection("t").unwrap().find("true").documents().unwrap().len(), 100);
    peer.store().collection("t").unwrap().upsert(json!({"_id": "later"})).unwrap();
    let copy = tempfile::tempdir().unwrap();
    wait_for("what a kill would leave to have it", || {
        std::fs::copy(dir.path().join("store.redb"), copy.path().join("store.redb")).unwrap();
        let Ok(killed) = Headwater::open(Config::new(copy.path())) else { return false };
        killed.store().collection("t").unwrap().find_by_id("later").unwrap().is_some()
    });
}

#[test]
fn the_files_are_the_users_own_and_an_empty_one_is_no_new_peer() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("till");
    let file = dir.join("store.redb");
    drop(Headwater::open(Config::new(&dir)).unwrap());
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
    std::fs::write(&file, "").unwrap();
    let error = Headwater::open(Config::new(&dir)).unwrap_err().to_string();
    assert!(error.contains("it is empty"), "{error}");
}
