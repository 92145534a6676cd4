//! `headwater backup` and `headwater verify` of a running server, and what a start on the copy shows.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{TestServer, run};

fn write(server: &TestServer, id: &str, age: u64) -> u64 {
    let body = json!({"commands": [{"method": "upsert", "collection": "people", "id": id, "value": {"age": age}}]});
    let (status, reply) = server.post("/api/v4/store/write", &body);
    assert_eq!(status, 200, "{reply}");
    reply["results"][0]["transactionId"].as_u64().unwrap()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn found(server: &TestServer) -> Value {
    server.post("/api/v4/store/find", &json!({"collection": "people", "query": "true"})).1
}

/// What restoring does first: the data directory of the newest point.
fn extract(backups: &Path, to: &Path, passphrase: Option<&str>) {
    let backup = backup::Backup::open(backups).unwrap();
    let passphrase = passphrase.map(|text| backup::Passphrase::new(text).unwrap());
    let newest = backup.newest().unwrap();
    backup.extract_point_into(newest, to, passphrase.as_ref(), &mut |_| backup::Course::GoOn).unwrap();
}

#[test]
fn a_backup_of_a_running_server_opens_as_it_was() {
    let server = TestServer::start();
    let directory = server.directory();
    let to = directory.path().join("backups");
    let to_text = to.to_str().unwrap();
    for n in 0..20 {
        write(&server, &format!("p{n}"), n);
    }
    let live_query = ["live-query", "create", "adults", "--collection", "people", "--query", "age >= 18"];
    assert_eq!(server.run(&live_query).code(), Some(0));
    assert_eq!(server.run(&["events", "--group", "audit", "--from-beginning", "--max", "7"]).code(), Some(0));
    let was = found(&server);
    let topic = server.run(&["events", "--from-beginning", "--until-end", "--long"]).stdout;

    let passphrase = directory.path().join("passphrase");
    std::fs::write(&passphrase, "correct horse battery\n").unwrap();
    let taken = server.run(&["backup", "--to", to_text, "--passphrase-file", passphrase.to_str().unwrap(), "--verify"]);
    assert_eq!(taken.code(), Some(0), "{taken:?}");
    assert!(taken.stdout.contains("1 app, in ") && taken.stdout.contains("is whole: 1 point"), "{taken:?}");
    write(&server, "later", 1);
    let plain = server.run(&["backup", "--to", to_text, "--json", "--keep", "1h"]);
    let reply: Value = serde_json::from_str(&plain.stdout).unwrap();
    assert!(reply["point"]["hasSecrets"] == json!(false) && reply["point"]["pruned"] == json!(0), "{reply}");
    assert!(reply["point"]["newBytes"].as_u64() < reply["point"]["bytes"].as_u64(), "{reply}");
    let listed = server.run(&["backup", "--to", to_text, "--list"]).stdout;
    assert!(listed.lines().count() == 3 && listed.contains("encrypted") && listed.contains("none"), "{listed}");
    let (_, metrics) = server.get("/metrics");
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("headwater_backup_failures_total 0\n"), "{metrics}");
    assert!(metrics.contains("headwater_backup_last_success_timestamp_seconds "), "{metrics}");

    // Without secrets a start makes new ones, and shows the same documents.
    let copy = std::sync::Arc::new(tempfile::tempdir().unwrap());
    extract(&to, &copy.path().join("headwater-data"), None);
    let restored = TestServer::start_in(copy, &[]);
    assert_eq!(found(&restored)["documents"].as_array().unwrap().len(), 21);
    let other_key = std::fs::read_to_string(restored.data_dir().join("admin.key")).unwrap();
    assert_ne!(other_key, std::fs::read_to_string(server.data_dir().join("admin.key")).unwrap());
    assert_eq!(restored.run(&["events", "--from-beginning", "--max", "1"]).code(), Some(0), "its own bundle works");
    drop(restored);

    // With them everything is as it was, the first point too.
    let copy = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let backup = backup::Backup::open(&to).unwrap();
    let passphrase = backup::Passphrase::new("correct horse battery").unwrap();
    let data = copy.path().join("headwater-data");
    backup.extract_point_into(&backup.points()[0], &data, Some(&passphrase), &mut |_| backup::Course::GoOn).unwrap();
    assert_eq!(run(copy.path(), &["verify"]).code(), Some(0));
    let restored = TestServer::start_in(copy, &[]);
    assert_eq!(found(&restored), was);
    assert_eq!(restored.run(&["events", "--from-beginning", "--until-end", "--long"]).stdout, topic);
    let next = restored.run(&["events", "--group", "audit", "--max", "1", "--long"]);
    assert!(next.stdout.contains("p7"), "the group goes on where it was: {next:?}");
    assert!(restored.run(&["live-query", "list"]).stdout.contains("adults"));
    let admin = std::fs::read_to_string(server.data_dir().join("admin.key")).unwrap();
    assert_eq!(std::fs::read_to_string(restored.data_dir().join("admin.key")).unwrap(), admin);
}

#[test]
fn without_a_server_the_command_takes_it_itself() {
    let server = TestServer::start();
    write(&server, "a", 1);
    let directory = server.directory();
    server.terminate();
    let taken = run(directory.path(), &["backup", "--to", "backups", "--verify"]);
    assert_eq!(taken.code(), Some(0), "{taken:?}");
    assert_eq!(run(directory.path(), &["verify", "--backup", "backups"]).code(), Some(0));
    let part = std::fs::read_dir(directory.path().join("backups/parts")).unwrap().next().unwrap().unwrap().path();
    let part = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let damaged = run(directory.path(), &["verify", "--backup", "backups"]);
    assert!(
        damaged.code() == Some(1) && damaged.stderr.contains(part.to_str().unwrap().split_once("parts").unwrap().1),
        "{damaged:?}"
    );
    let nothing = run(directory.path(), &["backup", "--to", "b", "--data-dir", "nothing"]);
    assert!(nothing.code() == Some(1) && nothing.stderr.contains("no server runs on"), "{nothing:?}");
    assert!(!directory.path().join("b").exists() && !directory.path().join("nothing").exists());
    let inside = run(directory.path(), &["backup", "--to", "headwater-data/backups"]);
    assert!(inside.code() == Some(1) && inside.stderr.contains("one inside the other"), "{inside:?}");
    for (from, data_dir) in [("headwater-data", "headwater-data/copy"), ("b/of", "b")] {
        let nested = run(directory.path(), &["restore", "--from", from, "--data-dir", data_dir]);
        assert!(nested.code() == Some(1) && nested.stderr.contains("one inside the other"), "{nested:?}");
    }
}

#[test]
fn a_schedule_takes_backups_and_prunes_them() {
    let directory = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let to = directory.path().join("backups");
    let arguments = ["--backup-to", to.to_str().unwrap(), "--backup-every", "1s", "--backup-keep", "1s"];
    let server = TestServer::start_in(directory.clone(), &arguments);
    write(&server, "a", 1);
    let points = || backup::Backup::open(&to).map(|backup| backup.points().to_vec()).unwrap_or_default();
    let first = wait_for("a backup", || points().first().cloned());
    wait_for("a later one, and the first gone", || {
        let points = points();
        (!points.is_empty() && !points.contains(&first)).then_some(())
    });
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("headwater_backup_failures_total 0\n"));
    assert_eq!(server.terminate().code(), Some(0));
}

#[test]
fn a_damaged_attachment_is_not_in_a_backup_which_says_so() {
    let server = TestServer::start();
    let ids = [&b"good"[..], b"hello"].map(|content| server.upload(content).1["id"].as_str().unwrap().to_owned());
    let damaged = server.data_dir().join("apps/default/attachments").join(&ids[1]);
    let to = server.directory().path().join("backups");
    let take = || server.run(&["backup", "--to", to.to_str().unwrap(), "--verify"]);
    for contents in [&b"hallo"[..], b"hel", b""] {
        std::fs::write(&damaged, contents).unwrap();
        let told = take();
        let reason = format!("1 of its attachments cannot be read, or are not what their names say, {} first", ids[1]);
        let expected = format!("the app default could not be copied whole: {reason}");
        assert!(told.code() == Some(1) && told.stderr.contains(&expected), "{told:?}");
        let copy = tempfile::tempdir().unwrap();
        extract(&to, copy.path(), None);
        let folder = copy.path().join("apps/default/attachments");
        assert!(folder.join(&ids[0]).exists() && !folder.join(&ids[1]).exists());
    }
    // Whoever restores it is told too.
    let target = server.directory().path().join("restored");
    let restored = server.run(&["restore", "--from", to.to_str().unwrap(), "--data-dir", target.to_str().unwrap()]);
    let expected = "  app default: NOT whole, the backup could not take all of it: 1 of its attachments cannot be read";
    assert!(restored.code() == Some(0) && restored.stdout.contains(expected), "{restored:?}");
    assert_eq!(server.upload(b"hello").0, 200);
    let whole = take();
    assert_eq!(whole.code(), Some(0), "{whole:?}");
}

#[test]
fn damage_is_found_while_the_server_runs() {
    let server = TestServer::start();
    for n in 0..20 {
        write(&server, &format!("p{n}"), n);
    }
    let whole = server.run(&["verify", "--json"]);
    let reply: Value = serde_json::from_str(&whole.stdout).unwrap();
    assert!(whole.code() == Some(0) && reply["last"]["findings"] == json!([]), "{whole:?}");
    assert_eq!(server.get("/health/ready").0, 200);

    // A token whose file is gone; uploading it again mends it.
    let (_, stored) = server.upload(b"photo");
    let token = json!({ "id": stored["id"], "len": stored["len"], "metadata": {} });
    let statement = "UPDATE COLLECTION people (photo ATTACHMENT) SET photo = :token WHERE _id = 'p1'";
    let (status, told) =
        server.post("/api/v4/store/execute", &json!({ "statement": statement, "args": { "token": token } }));
    assert_eq!((status, &told["mutatedDocumentIds"]), (200, &json!(["p1"])), "{told}");
    assert_eq!(server.run(&["verify"]).code(), Some(0));
    std::fs::remove_file(server.data_dir().join("apps/default/attachments").join(stored["id"].as_str().unwrap()))
        .unwrap();
    let gone = server.run(&["verify"]);
    let told = "DAMAGE: app \"default\": the document \"p1\" of \"people\" holds an attachment that is not there: ";
    assert!(gone.code() == Some(1) && gone.stdout.contains(told), "{gone:?}");
    assert_eq!(server.upload(b"photo").0, 200);
    assert_eq!(server.run(&["verify"]).code(), Some(0));

    let segment = server.data_dir().join("apps/default/journal/00000000000000000000.segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[500] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let damaged = server.run(&["verify"]);
    assert!(damaged.code() == Some(1) && damaged.stdout.contains("DAMAGE: app \"default\": "), "{damaged:?}");
    let (status, ready) = server.get("/health/ready");
    assert!(status == 503 && ready["message"].as_str().unwrap().contains("the journal is damaged"), "{ready}");
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("headwater_scrub_findings 1\n"), "{metrics}");
    let status = server.run(&["status"]);
    assert!(
        status.stdout.contains("A look for damage found") || status.stderr.contains("A look for damage"),
        "{status:?}"
    );
    // An attachment too.
    let (_, stored) = server.upload(b"hello");
    let id = stored["id"].as_str().unwrap();
    std::fs::write(server.data_dir().join("apps/default/attachments").join(id), "hallo").unwrap();
    let damaged = server.run(&["verify"]);
    let told = format!("DAMAGE: app \"default\": the attachment {id} is not what its name says");
    assert!(damaged.code() == Some(1) && damaged.stdout.contains(&told), "{damaged:?}");
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("headwater_scrub_findings 2\n"), "{metrics}");
    assert_eq!(server.upload(b"hello").0, 200, "uploading it mends it");
    let mended = server.run(&["verify"]);
    assert!(mended.code() == Some(1) && !mended.stdout.contains(id), "{mended:?}");
    // A backup names what it could not copy.
    let to = server.directory().path().join("backups");
    let taken = server.run(&["backup", "--to", to.to_str().unwrap()]);
    assert!(taken.code() == Some(1) && taken.stderr.contains("the app default could not be copied whole"), "{taken:?}");
}
