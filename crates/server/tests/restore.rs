//! `headwater restore`: what it refuses, what it leaves when it is killed, and what is there when it is done.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TestServer, command, only_line, run};

/// A copy of the data of a server that was stopped, with so many documents, each a transaction.
pub(crate) fn copy_of_data(documents: u64) -> TempDir {
    let server = TestServer::start();
    for n in 0..documents {
        let upsert = json!({ "method": "upsert", "collection": "people", "id": n, "value": { "n": n } });
        assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": [upsert] })).0, 200);
    }
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    let copy = TempDir::new().unwrap();
    copy_folder(&directory.path().join("headwater-data"), &copy.path().join("copy"));
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_cannot_be_restored_is_refused_and_leaves_nothing() {
    let copy = copy_of_data(5);
    let from = copy.path().join("copy");
    let from = from.to_str().unwrap();
    let target = TempDir::new().unwrap();
    let in_target = |arguments: &[&str]| run(target.path(), &[&["restore", "--from", from], arguments].concat());
    for (arguments, code, why) in [
        (&["--to-txn", "99"][..], 1, "app \"default\" has no transaction 99: its newest is 5"),
        (&["--to-txn", "shop=1"], 2, "no app \"shop\""),
        (&["--to-txn", "1", "--to-time", "1h"], 2, "cannot be used with"),
        (&["--point", "20260131T120000.000Z"], 1, "is a data directory, not a folder of backups"),
    ] {
        let finished = in_target(arguments);
        assert_eq!(finished.code(), Some(code), "{arguments:?}: {finished:?}");
        assert!(finished.stderr.contains(why), "{arguments:?}: {finished:?}");
        assert!(names_in(target.path()).is_empty(), "{arguments:?}: {:?}", names_in(target.path()));
    }
    let nowhere = run(target.path(), &["restore", "--from", "nowhere"]);
    assert!(
        nowhere.code() == Some(1) && only_line(&nowhere.stderr).contains("there is no backup in nowhere"),
        "{nowhere:?}"
    );
    // A folder of something else; a link in a copy; a damaged journal.
    let other = TempDir::new().unwrap();
    std::fs::write(other.path().join("letter.txt"), "x").unwrap();
    let foreign = run(target.path(), &["restore", "--from", other.path().to_str().unwrap()]);
    assert!(foreign.code() == Some(1) && foreign.stderr.contains("is no folder of backups"), "{foreign:?}");
    let link = copy.path().join("copy/apps/default/link");
    std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
    let linked = in_target(&[]);
    assert!(linked.code() == Some(1) && linked.stderr.contains("is neither a file nor a folder"), "{linked:?}");
    std::fs::remove_file(link).unwrap();
    let journal = copy.path().join("copy/apps/default/journal");
    let segment = journal.join(&names_in(&journal)[0]);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let damaged = in_target(&[]);
    assert!(damaged.code() == Some(1) && damaged.stderr.contains("at byte"), "{damaged:?}");
    assert!(names_in(target.path()).is_empty());
    std::fs::create_dir(target.path().join("headwater-data")).unwrap();
    std::fs::write(target.path().join("headwater-data/something"), "x").unwrap();
    let full = in_target(&[]);
    assert!(full.code() == Some(1) && full.stderr.contains("is not empty"), "{full:?}");
    assert_eq!(names_in(target.path()), ["headwater-data"]);
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_where_it_goes_and_the_next_one_succeeds() {
    let copy = copy_of_data(30);
    let from = copy.path().join("copy");
    let target = Arc::new(TempDir::new().unwrap());
    let arguments = ["restore", "--from", from.to_str().unwrap(), "--to-txn", "20"];
    let mut killed = 0;
    for delay_ms in (0..).step_by(7) {
        let mut restore = command(target.path(), &arguments).spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_millis(delay_ms);
        let mut ended = None;
        while ended.is_none() && std::time::Instant::now() < until {
            ended = restore.try_wait().unwrap();
            std::thread::yield_now();
        }
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        restore.kill().unwrap();
        restore.wait().unwrap();
        let data = target.path().join("headwater-data");
        if data.exists() {
            break; // it was moved at last
        }
        killed += 1;
    }
    assert!(killed > 3, "it was killed in between, {killed} times");
    let verified = run(target.path(), &["verify"]);
    assert_eq!(verified.code(), Some(0), "{verified:?}");
    assert!(run(target.path(), &arguments).stderr.contains("is not empty"));

    let server = TestServer::start_in(target, &[]);
    let (status, found) = server.post("/api/v4/store/count", &json!({ "collection": "people" }));
    assert_eq!((status, &found["count"]), (200, &json!(20)), "{found}");
    let newest = found["txnId"].as_u64().unwrap();
    assert!(newest > 1_000_000, "{newest}");
    let upsert = json!({ "method": "upsert", "collection": "people", "id": "new", "value": {} });
    let (_, written) = server.post("/api/v4/store/write", &json!({ "commands": [upsert] }));
    assert_eq!(written["results"][0]["transactionId"], json!(newest + 1));
    let events = server.run(&["events", "--from-beginning", "--max", "21"]);
    let txns: Vec<Value> = events.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(txns.len(), 21, "{events:?}");
    assert_eq!(txns[19]["txnId"], json!(20), "what was before is where it was");
    assert_eq!(txns[20]["txnId"], json!(newest + 1));
}
