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

pub(crate) fn copy_folder(from: &Path, to: &Path) {
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
        (&["--to-txn", "1", "--to-txn", "default=2"], 2, "--to-txn is given twice for the app \"default\""),
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

/// What the overview in the portal shows, to somebody who has opened a sign-in link.
fn portal_page(server: &TestServer) -> String {
    let link = server.run(&["portal"]).stdout.trim().to_owned();
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
    let mut cookies: Vec<String> = Vec::new();
    let mut take_cookies = |reply: &ureq::http::Response<ureq::Body>| {
        let given = reply.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
        cookies.extend(given.map(|it| it.split(';').next().unwrap().to_owned()));
        cookies.join("; ")
    };
    let mut page = agent.get(&link).call().unwrap();
    let cookie = take_cookies(&page);
    let form = page.body_mut().read_to_string().unwrap();
    let field = |name: &str| {
        let (_, rest) =
            form.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {form}"));
        (name.to_owned(), rest.split('"').next().unwrap().to_owned())
    };
    let base = server.run["http"].as_str().unwrap();
    let spend = agent.post(format!("{base}/portal/sign-in")).header("cookie", cookie).header("origin", base);
    let cookie = take_cookies(&spend.send_form([field("csrf"), field("token")]).unwrap());
    let shown = agent.get(format!("{base}/portal/apps/default/")).header("cookie", cookie).call().unwrap();
    shown.into_body().read_to_string().unwrap()
}

#[test]
fn an_older_copy_that_is_served_is_told_by_a_note_that_lies_apart() {
    let apart = TempDir::new().unwrap();
    let note = apart.path().join("newest");
    let options = ["--newest-note", note.to_str().unwrap()];
    let start = |directory: Arc<TempDir>| TestServer::start_in(directory, &options);
    let put = |server: &TestServer, id: u64| {
        let upsert = json!({ "method": "upsert", "collection": "people", "id": id, "value": {} });
        assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": [upsert] })).0, 200);
    };
    let server = start(Arc::new(TempDir::new().unwrap()));
    put(&server, 1);
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    let data = directory.path().join("headwater-data");
    copy_folder(&data, &directory.path().join("copy"));

    let server = start(directory.clone());
    put(&server, 2);
    let is_well = |server: &TestServer| server.get("/health/ready") == (200, json!({ "status": "ready" }));
    assert!(is_well(&server), "{}", server.get("/health/ready").1);
    assert_eq!(server.terminate().code(), Some(0));

    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(directory.path().join("copy"), &data).unwrap();
    let server = start(directory.clone());
    // By its first use at the latest.
    assert_eq!(server.post("/api/v4/store/count", &json!({ "collection": "people" })).1["count"], json!(1));
    let why = "this server has given out transaction 2 before, the newest transaction is 1";
    let (status, health) = server.get("/health/ready");
    assert!(status == 200 && health["warnings"][0].as_str().is_some_and(|it| it.contains(why)), "{health}");
    assert!(server.stderr().lines().any(|it| it.contains("ERROR") && it.contains(why)), "{}", server.stderr());
    let shown = server.run(&["status"]);
    assert!(shown.stdout.contains(why), "{shown:?}");
    let page = portal_page(&server);
    assert!(page.contains(why), "{page}");
    assert_eq!(server.terminate().code(), Some(0));

    // What is restored as it should be is above what was noted.
    let restored = run(directory.path(), &["restore", "--from", "headwater-data", "--data-dir", "restored"]);
    assert_eq!(restored.code(), Some(0), "{restored:?}");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(directory.path().join("restored"), &data).unwrap();
    let server = start(directory.clone());
    put(&server, 3);
    assert!(is_well(&server), "{}", server.get("/health/ready").1);
    assert_eq!(server.terminate().code(), Some(0));

    let nowhere = run(directory.path(), &["serve", "--newest-note", "not-mounted/newest"]);
    assert!(nowhere.code() == Some(1) && nowhere.stderr.contains("there is no folder"), "{nowhere:?}");
    let inside = run(directory.path(), &["serve", "--newest-note", "headwater-data/note"]);
    assert!(inside.code() == Some(2) && inside.stderr.contains("apart from the data directory"), "{inside:?}");
}
