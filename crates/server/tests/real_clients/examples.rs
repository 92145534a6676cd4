//! The reference consumers of `examples/`: the copy that each keeps through writes, removes, gaps and redelivery is
//! what `find` says.

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::clients::{credential, tool};
use crate::support::{TestServer, wait_until};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

#[test]
fn the_python_copy_is_what_find_says() {
    keeps_a_copy(&[], python_copy);
}

#[test]
fn the_python_copy_begins_again_where_tombstones_are_gone() {
    keeps_a_copy(&FORGETFUL, python_copy);
}

#[test]
fn the_kafkajs_copy_is_what_find_says() {
    keeps_a_copy(&[], kafkajs_copy);
}

#[test]
fn the_kafkajs_copy_begins_again_where_tombstones_are_gone() {
    keeps_a_copy(&FORGETFUL, kafkajs_copy);
}

/// A consumer of the old server goes on at the new one, with a bundle of that one: also where it has read
/// what was written at the old server after the export, and is lost.
#[test]
fn the_python_copy_goes_on_at_the_server_that_the_app_moves_to() {
    let (old, new) = (TestServer::start(), TestServer::start());
    assert_eq!(old.run(&["app", "create", "shop"]).code(), Some(0));
    let made =
        old.run(&["live-query", "create", "adults", "--collection", "people", "--query", "age >= 18", "--app", "shop"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    let put = |server: &TestServer, numbers: std::ops::Range<i64>, round: i64| {
        for n in numbers {
            let value = json!({ "age": (n * 7 + round * 11) % 40, "round": round });
            let command = json!({ "method": "upsert", "collection": "people", "id": n, "value": value });
            let (status, reply) = server.post("/shop/api/v4/store/write", &json!({ "commands": [command] }));
            assert_eq!(status, 200, "{reply}");
        }
    };
    put(&old, 0..30, 0);
    let folder = TempDir::new().unwrap();
    let (main, adults) = ("user-consumable-shop", "user-consumable-shop.adults");
    for (database, topic) in [("stands", main), ("ahead", main), ("adults", adults)] {
        python_copy(&old, &folder.path().join(database), topic);
    }
    put(&old, 20..40, 1);
    let to = folder.path().join("export");
    let to = to.to_str().unwrap();
    let exported = old.run(&["app", "export", "shop", "--to", to, "--verify"]);
    assert!(exported.code() == Some(0) && exported.stdout.contains("up to transaction 50 of"), "{exported:?}");
    // Too late: this is lost, and one consumer has read it.
    put(&old, 35..45, 2);
    python_copy(&old, &folder.path().join("ahead"), main);
    let imported = new.run(&["app", "import", "shop", "--from", to]);
    assert_eq!(imported.code(), Some(0), "{imported:?}");
    drop(old);

    put(&new, 38..50, 3);
    let found = find_in(&new, "shop", &["people"], |_| true);
    for database in ["stands", "ahead"] {
        assert_eq!(python_copy(&new, &folder.path().join(database), main), found, "{database}");
    }
    let is_adult = |document: &Value| document["age"].as_i64().is_some_and(|age| age >= 18);
    let mut kept = python_copy(&new, &folder.path().join("adults"), adults);
    kept.retain(|_, document| is_adult(document));
    assert_eq!(kept, find_in(&new, "shop", &["people"], is_adult));
}

const FORGETFUL: [&str; 2] = ["--tombstone-retention-ms", "1"];

fn python_copy(server: &TestServer, database: &Path, topic: &str) -> BTreeMap<String, Value> {
    let mut command = Command::new(tool("python").join("bin/python"));
    command.arg(Path::new(EXAMPLES).join("python/keep_copy.py"));
    run_copy(command, server, database, topic);
    rows(database)
}

fn kafkajs_copy(server: &TestServer, database: &Path, topic: &str) -> BTreeMap<String, Value> {
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(Path::new(EXAMPLES).join("kafkajs/keep-copy.mjs"));
    command.env("NODE_PATH", tool("node").join("node_modules"));
    run_copy(command, server, database, topic);
    rows(database)
}

/// The documents of a copy, by collection and id.
fn rows(database: &Path) -> BTreeMap<String, Value> {
    let query = "import json, sqlite3, sys\n\
        rows = sqlite3.connect(sys.argv[1]).execute('select collection, id, document from documents where document is not null')\n\
        print(json.dumps([[c, json.loads(i), json.loads(d)] for c, i, d in rows]))";
    let output = Command::new("python3").args(["-c", query]).arg(database).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<(String, Value, Value)> = serde_json::from_slice(&output.stdout).unwrap();
    rows.into_iter().map(|(collection, id, document)| (format!("{collection} {id}"), document)).collect()
}

fn run_copy(mut command: Command, server: &TestServer, database: &Path, topic: &str) {
    let app = topic.trim_start_matches("user-consumable-").split('.').next().unwrap();
    command.args(["--until-caught-up", "--topic", topic, "--credentials"]).arg(credential(server, app, ""));
    command.arg("--database").arg(database).args(["--bootstrap", server.run["kafka"].as_str().unwrap()]);
    command.args(["--http", server.run["http"].as_str().unwrap()]);
    let mut bounded = Command::new("timeout");
    bounded.arg("90").arg(command.get_program()).args(command.get_args());
    bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = bounded.output().unwrap();
    assert!(output.status.success(), "{topic}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes, has `copy` catch up, and again behind a gap, and once more from nothing.
fn keeps_a_copy(options: &[&str], copy: impl Fn(&TestServer, &Path, &str) -> BTreeMap<String, Value>) {
    let arguments = [&["--segment-bytes", "64KiB", "--retention-bytes", "64KiB"], options].concat();
    let server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &arguments);
    let made = server.run(&["live-query", "create", "adults", "--collection", "people", "--query", "age >= 18"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    let folder = TempDir::new().unwrap();
    let (main, adults) = ("user-consumable-default", "user-consumable-default.adults");
    for round in 0..3_i64 {
        for n in 0..120_i64 {
            let (collection, id) =
                (["people", "pets"][(n % 2) as usize], if n % 3 == 0 { json!(n) } else { json!(format!("d{n}")) });
            let value = json!({ "age": (n * 7 + round * 11) % 40, "exact": i64::MAX - n, "whole": 1.0, "filler": "x".repeat(500) });
            let command = if (n + round) % 5 == 0 && round > 0 {
                json!({ "method": "remove", "collection": collection, "id": id })
            } else if n < 100 || round == 0 {
                json!({ "method": "upsert", "collection": collection, "id": id, "value": value })
            } else {
                continue;
            };
            let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": [command] }));
            assert_eq!(status, 200, "{reply}");
        }
        if round > 0 {
            wait_until("old events are trimmed", || has_counted(&server, "headwater_events_log_start{"));
        }
        if round > 1 && !options.is_empty() {
            wait_until("tombstones are dropped", || has_counted(&server, "headwater_tombstones_dropped_total{"));
        }
        let everything = |_: &Value| true;
        let is_adult = |document: &Value| document["age"].as_i64().is_some_and(|age| age >= 18);
        assert_eq!(copy(&server, &folder.path().join("main"), main), find(&server, &["people", "pets"], everything));
        let mut kept = copy(&server, &folder.path().join("adults"), adults);
        kept.retain(|_, document| is_adult(document));
        assert_eq!(kept, find(&server, &["people"], is_adult));
    }
    let fresh = copy(&server, &folder.path().join("fresh"), main);
    assert_eq!(fresh, find(&server, &["people", "pets"], |_| true), "from offset 0, with nothing known");
}

/// Whether the metric is there and not 0.
fn has_counted(server: &TestServer, metric: &str) -> bool {
    let metrics = ureq::get(format!("{}/metrics", server.run["http"].as_str().unwrap())).call().unwrap();
    let text = metrics.into_body().read_to_string().unwrap();
    text.lines().any(|line| line.starts_with(metric) && !line.ends_with(" 0"))
}

/// What the HTTP API finds, by collection and id.
fn find(server: &TestServer, collections: &[&str], keep: impl Fn(&Value) -> bool) -> BTreeMap<String, Value> {
    find_in(server, "default", collections, keep)
}

fn find_in(
    server: &TestServer,
    app: &str,
    collections: &[&str],
    keep: impl Fn(&Value) -> bool,
) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for collection in collections {
        let all = json!({ "collection": collection, "query": "true" });
        let (status, reply) = server.post(&format!("/{app}/api/v4/store/find"), &all);
        assert_eq!(status, 200, "{reply}");
        for document in reply["documents"].as_array().unwrap() {
            let mut whole = document["fields"].clone();
            whole["_id"] = document["id"].clone();
            if keep(&whole) {
                found.insert(format!("{collection} {}", document["id"]), whole);
            }
        }
    }
    found
}
