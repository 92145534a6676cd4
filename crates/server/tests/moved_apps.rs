//! `headwater app export` and `headwater app import`: what is refused, what a kill leaves, and that
//! offsets stay; of running servers, and of stopped ones.
//!
//! Not here: that a real consumer goes on at the new server (`real_clients::examples`).

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    restore::{copy_of_data, names_in},
    support::{TestServer, command, run, wait_until},
};

fn write(server: &TestServer, app: &str, id: u64) -> u64 {
    let upsert = json!({ "method": "upsert", "collection": "people", "id": id, "value": { "n": id } });
    let (status, reply) = server.post(&format!("/{app}/api/v4/store/write"), &json!({ "commands": [upsert] }));
    assert_eq!(status, 200, "{reply}");
    reply["results"][0]["transactionId"].as_u64().unwrap()
}

fn count(server: &TestServer, app: &str) -> Value {
    let (status, reply) = server.post(&format!("/{app}/api/v4/store/count"), &json!({ "collection": "people" }));
    assert_eq!(status, 200, "{reply}");
    reply["count"].clone()
}

/// With an app `shop` of so many documents, each a transaction, and another app.
fn server_with_shop(documents: u64) -> TestServer {
    let server = TestServer::start();
    assert_eq!(server.run(&["app", "create", "shop"]).code(), Some(0));
    for n in 0..documents {
        write(&server, "shop", n);
    }
    write(&server, "default", 7);
    server
}

/// What nobody makes a part of a backup unreadable by.
fn damage_a_part(folder: &Path) {
    let parts = folder.join("parts");
    let largest = names_in(&parts).into_iter().flat_map(|name| {
        let inner = parts.join(name);
        names_in(&inner).into_iter().map(move |name| inner.join(name))
    });
    let largest = largest.max_by_key(|part| part.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
}

fn nothing_is_left(server: &TestServer, app: &str) {
    let apps = names_in(&server.data_dir().join("apps"));
    assert!(!apps.iter().any(|name| name == app || name.starts_with('.')), "{apps:?}");
}

#[test]
fn an_app_goes_from_one_running_server_to_another() {
    let (old, new) = (server_with_shop(20), TestServer::start());
    let live_query = ["live-query", "create", "few", "--app", "shop", "--collection", "people", "--query", "n < 5"];
    assert_eq!(old.run(&live_query).code(), Some(0));
    let group = ["events", "--app", "shop", "--group", "audit", "--from-beginning", "--max", "7"];
    assert_eq!(old.run(&group).code(), Some(0));
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("shop");
    let to = to.to_str().unwrap();
    let export = ["app", "export", "shop", "--to", to, "--json"];
    let exported = old.run(&export);
    let reply: Value = serde_json::from_str(&exported.stdout).unwrap_or_else(|_| panic!("{exported:?}"));
    assert_eq!((&reply["exported"]["app"], &reply["exported"]["nextOffset"]), (&json!("shop"), &json!(20)), "{reply}");
    let last = reply["exported"]["lastTxn"].as_u64().unwrap();
    assert_eq!(reply["exported"]["point"]["apps"], json!(1), "{reply}");
    // Nothing of who may do what is in it, and nothing of the other app.
    for file in names_in(&to_path(to).join("points")) {
        let manifest = std::fs::read_to_string(to_path(to).join("points").join(file)).unwrap();
        assert!(!["keys.json", "access.json", "audit.log", "apps/default"].iter().any(|it| manifest.contains(it)));
    }
    // Once more, after its writers have stopped: only what is new.
    write(&old, "shop", 20);
    let again: Value = serde_json::from_str(&old.run(&export).stdout).unwrap();
    assert_eq!(again["exported"]["lastTxn"], json!(last + 1), "{again}");
    let topic = |server: &TestServer| {
        let events = server.run(&["events", "--app", "shop", "--from-beginning", "--max", "21", "--long"]);
        assert_eq!(events.code(), Some(0), "{events:?}");
        events.stdout
    };
    let was = topic(&old);

    let imported = new.run(&["app", "import", "shop", "--from", to]);
    assert_eq!(imported.code(), Some(0), "{imported:?}");
    assert!(imported.stdout.contains(&format!("up to transaction {} of", last + 1)), "{imported:?}");
    assert!(imported.stdout.contains("every consumer of it needs a new bundle"), "{imported:?}");
    nothing_is_left(&new, "-");
    assert_eq!(count(&new, "shop"), json!(21));
    assert_eq!(topic(&new), was, "offsets, keys, headers and values are as they were");
    let next = new.run(&["events", "--app", "shop", "--group", "audit", "--max", "1", "--long"]);
    assert!(next.stdout.contains("[\"people\",7]"), "the group goes on where it was: {next:?}");
    assert!(new.run(&["live-query", "list", "--app", "shop"]).stdout.contains("few"));
    let first = write(&new, "shop", 99);
    assert!(first > last + 1_000_000, "{first}");
    let (status, lost) = new.get("/admin/v1/app-imports");
    assert_eq!(status, 401, "only with the admin key: {lost}");
    assert_eq!(count(&new, "default"), json!(0), "the other app did not come along");
    let audit = std::fs::read_to_string(new.data_dir().join("audit.log")).unwrap();
    assert!(audit.contains("app.import"), "{audit}");
    let directory = new.directory();
    assert_eq!(new.terminate().code(), Some(0));
    assert_eq!(run(directory.path(), &["verify"]).code(), Some(0));
    let new = TestServer::start_in(directory, &[]);
    assert_eq!(count(&new, "shop"), json!(22));
    assert_eq!(write(&new, "shop", 100), first + 1);
}

fn to_path(text: &str) -> &Path {
    Path::new(text)
}

#[test]
fn stopped_servers_export_and_import_too() {
    let old = server_with_shop(5);
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("shop");
    let to = to.to_str().unwrap();
    let from = old.directory();
    assert_eq!(old.terminate().code(), Some(0));
    let exported = run(from.path(), &["app", "export", "shop", "--to", to, "--verify"]);
    assert!(exported.code() == Some(0) && exported.stdout.contains("is whole: 1 point"), "{exported:?}");
    let missing = run(from.path(), &["app", "export", "none", "--to", folder.path().join("none").to_str().unwrap()]);
    assert!(missing.code() == Some(1) && missing.stderr.contains("there is no app \"none\""), "{missing:?}");
    assert!(!folder.path().join("none").exists());
    let into = TempDir::new().unwrap();
    let nowhere = run(into.path(), &["app", "import", "shop", "--from", to]);
    assert!(nowhere.code() == Some(1) && nowhere.stderr.contains("no data directory"), "{nowhere:?}");

    let new = TestServer::start();
    let directory = new.directory();
    assert_eq!(new.terminate().code(), Some(0));
    let imported = run(directory.path(), &["app", "import", "shop", "--from", to, "--json"]);
    let reply: Value = serde_json::from_str(&imported.stdout).unwrap_or_else(|_| panic!("{imported:?}"));
    assert_eq!((&reply["app"], &reply["imported"]["lastTxn"]), (&json!("shop"), &json!(5)), "{reply}");
    let again = run(directory.path(), &["app", "import", "shop", "--from", to]);
    assert!(again.code() == Some(1) && again.stderr.contains("there is an app \"shop\" already"), "{again:?}");
    // From a copy, too; here of a server that has another default app.
    let copy = copy_of_data(3);
    let copy = copy.path().join("copy");
    let other = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &["--app", "other"]);
    let imported = other.run(&["app", "import", "default", "--from", copy.to_str().unwrap()]);
    assert!(imported.code() == Some(0) && imported.stdout.contains("up to transaction 3"), "{imported:?}");
    assert_eq!(count(&other, "default"), json!(3));
    let new = TestServer::start_in(directory, &[]);
    assert_eq!(count(&new, "shop"), json!(5));
    let events = new.run(&["events", "--app", "shop", "--from-beginning", "--max", "5", "--long"]);
    assert_eq!(events.code(), Some(0), "{events:?}");
}

#[test]
fn what_cannot_come_in_is_refused_and_leaves_nothing() {
    let (old, new) = (server_with_shop(10), TestServer::start());
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(old.run(&["app", "export", "shop", "--to", &path("shop")]).code(), Some(0));
    assert_eq!(old.run(&["backup", "--to", &path("whole")]).code(), Some(0));
    // One folder has one kind of points, of one data directory.
    for (arguments, why) in [
        (["app", "export", "shop", "--to", &path("whole")].as_slice(), "has backups of a whole server"),
        (&["app", "export", "default", "--to", &path("shop")], "has exports of app \"shop\""),
        (&["backup", "--to", &path("shop")], "has exports of app \"shop\""),
        (&["app", "export", "none", "--to", &path("none")], "there is no app \"none\""),
        (&["app", "export", "shop", "--to", "headwater-data/inside"], "one inside the other"),
    ] {
        let refused = old.run(arguments);
        assert!(refused.code() == Some(1) && refused.stderr.contains(why), "{arguments:?}: {refused:?}");
    }
    let elsewhere = new.run(&["app", "export", "default", "--to", &path("whole")]);
    assert!(elsewhere.code() == Some(1) && elsewhere.stderr.contains("of another data directory"), "{elsewhere:?}");

    std::fs::create_dir(path("letters")).unwrap();
    std::fs::write(folder.path().join("letters/letter.txt"), "x").unwrap();
    std::fs::create_dir(path("newer")).unwrap();
    std::fs::write(folder.path().join("newer/backup.json"), files::seal(99, "{}")).unwrap();
    let running = old.data_dir();
    let point = "20260131T120000.000Z";
    for (name, from, more, why) in [
        ("default", path("whole"), &[][..], "there is an app \"default\" already"),
        ("kiosk", path("whole"), &[], "there is no app \"kiosk\" in"),
        ("kiosk", path("shop"), &[], "it has shop"),
        ("shop", path("letters"), &[], "is no folder of backups"),
        ("shop", path("nowhere"), &[], "there is no backup in"),
        ("shop", path("newer"), &[], "has format 99"),
        ("shop", running.to_str().unwrap().to_owned(), &[], "a server runs on"),
        ("shop", path("shop"), &["--point", point], "has no point 20260131T120000.000Z"),
        ("Shop", path("shop"), &[], "Shop"),
    ] {
        let refused = new.run(&[&["app", "import", name, "--from", &from], more].concat());
        assert!(refused.code() == Some(1) && refused.stderr.contains(why), "{name} {from}: {refused:?}");
        nothing_is_left(&new, "shop");
    }
    damage_a_part(&folder.path().join("shop"));
    let damaged = new.run(&["app", "import", "shop", "--from", &path("shop")]);
    assert!(damaged.code() == Some(1) && damaged.stderr.contains("the backup is damaged"), "{damaged:?}");
    nothing_is_left(&new, "shop");
    assert_eq!(new.post("/shop/api/v4/store/count", &json!({ "collection": "people" })).0, 404);
    // It is as before: the backup has it, too.
    let imported = new.run(&["app", "import", "shop", "--from", &path("whole")]);
    assert_eq!(imported.code(), Some(0), "{imported:?}");
    assert_eq!(count(&new, "shop"), json!(10));
    // Its own app does not come back under the name that it has.
    let back = old.run(&["app", "import", "shop", "--from", &path("whole")]);
    assert!(back.code() == Some(1) && back.stderr.contains("already"), "{back:?}");
    assert_eq!(old.run(&["app", "delete", "shop", "--yes"]).code(), Some(0));
    assert_eq!(old.run(&["app", "import", "shop", "--from", &path("whole")]).code(), Some(0));
    assert_eq!(count(&old, "shop"), json!(10));
}

#[test]
fn a_server_that_is_killed_while_an_app_comes_in_has_all_of_it_or_nothing() {
    let old = server_with_shop(300);
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("shop");
    let to = to.to_str().unwrap();
    assert_eq!(old.run(&["app", "export", "shop", "--to", to]).code(), Some(0));
    drop(old);
    let (mut without, mut with) = (0, 0);
    let directory = Arc::new(TempDir::new().unwrap());
    for delay_ms in (0..).step_by(12) {
        let server = TestServer::start_in(directory.clone(), &[]);
        let mut import = command(directory.path(), &["app", "import", "shop", "--from", to, "--progress", "never"]);
        let mut import = import.stderr(std::process::Stdio::null()).spawn().unwrap();
        let staging = server.data_dir().join("apps/.new-.import");
        let is_there = || server.data_dir().join("apps/shop").exists();
        wait_until("it has begun", || staging.exists() || is_there() || import.try_wait().unwrap().is_some());
        let until = Instant::now() + Duration::from_millis(delay_ms);
        while Instant::now() < until && !is_there() {
            std::thread::yield_now();
        }
        drop(server.kill());
        let _ = import.wait();
        let server = TestServer::start_in(directory.clone(), &[]);
        assert!(!staging.exists(), "what a kill left goes at the next start");
        if !server.data_dir().join("apps/shop").exists() {
            assert_eq!(server.post("/shop/api/v4/store/count", &json!({ "collection": "people" })).0, 404);
            without += 1;
        } else {
            assert_eq!(count(&server, "shop"), json!(300));
            with += 1;
        }
        drop(server.kill());
        if with > 0 {
            break;
        }
    }
    assert!(without > 0 && with > 0, "killed before it was there {without} times, and after {with}");
}
