//! Live queries and gaps as stock consumers see them: one that fell behind is told exactly what to read again, and
//! then the stream goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, console_consumer, kcat, kcat_group, tool},
    events::write_numbered,
};
use crate::support::{TestServer, wait_until};

pub(super) const TRIMMING: [&str; 4] = ["--segment-bytes", "64KiB", "--retention-bytes", "64KiB"];

/// A server that soon trims.
pub(super) fn trimming() -> TestServer {
    TestServer::start_in(Arc::new(TempDir::new().unwrap()), &TRIMMING)
}

/// Writes the documents again in transactions of a hundred, larger than before.
pub(super) fn write_large(server: &TestServer, documents: impl Iterator<Item = u64>, round: u64) {
    let documents: Vec<u64> = documents.collect();
    for chunk in documents.chunks(100) {
        let commands: Vec<Value> = chunk
            .iter()
            .map(|n| {
                let value = json!({ "number": n, "round": round, "filler": "x".repeat(500) });
                json!({ "method": "upsert", "collection": "people", "id": format!("p{n}"), "value": value })
            })
            .collect();
        let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": commands }));
        assert_eq!(status, 200, "{reply}");
    }
}

pub(super) fn wait_until_trimmed(server: &TestServer, beyond: u64) {
    wait_until("old events are trimmed", || log_start(server) > beyond);
}

pub(super) fn log_start(server: &TestServer) -> u64 {
    let metrics = ureq::get(format!("{}/metrics", server.run["http"].as_str().unwrap())).call().unwrap();
    let text = metrics.into_body().read_to_string().unwrap();
    let line = text.lines().find(|line| line.starts_with("headwater_events_log_start{")).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// The ids that `requeryRequired` events name, and the numbers of the others' documents.
fn told(lines: &[String]) -> (Vec<String>, Vec<u64>) {
    let (mut named, mut numbers) = (Vec::new(), Vec::new());
    for line in lines {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not an event ({error}): {line}"));
        match event["documents"].as_array() {
            Some(documents) => {
                assert_eq!(event["txnID"], event["txnId"]);
                named.extend(documents.iter().map(|document| document["documentId"].as_str().unwrap().to_owned()));
            }
            None => numbers.push(event["change"]["newValue"]["number"].as_u64().unwrap()),
        }
    }
    (named, numbers)
}

fn a_group_that_fell_behind_is_told(consumer: impl Fn(&TestServer) -> Command) {
    let server = trimming();
    write_numbered(&server, 0..20);
    let before = Client::start(consumer(&server));
    before.wait_for(20);
    before.terminate();

    // Of the documents it knows, 5 to 19 change; 20 to 39 are new and stay; 100 to 299 are written over and over.
    write_large(&server, 5..40, 1);
    (2..8).for_each(|round| write_large(&server, 100..300, round));
    wait_until_trimmed(&server, 20 + 35 + 200);
    let server_start = log_start(&server);
    write_numbered(&server, 1000..1001);

    let after = Client::start(consumer(&server));
    after.wait_for_line(r#""number":1000"#);
    let (named, numbers) = told(&after.lines());
    let expected: BTreeSet<String> = (5..40).map(|n| format!("p{n}")).collect();
    let named: BTreeSet<String> = named.into_iter().collect();
    assert!(named.is_superset(&expected), "{named:?}");
    assert!(
        named.iter().all(|id| expected.contains(id) || (100..300).any(|n| *id == format!("p{n}"))),
        "p0 to p4 have not changed since it read them: {named:?}"
    );
    let last: BTreeSet<u64> = numbers.into_iter().collect();
    let seen = |n: u64| last.contains(&n) || named.contains(&format!("p{n}"));
    assert!((100..300).all(seen), "from {server_start} on every document is either named or seen");

    // As on the page: read again, no older than the event says.
    let (status, found) = server.post("/api/v4/store/requery", &json!({ "documentId": "p7" }));
    assert_eq!((status, &found["documents"][0]["fields"]["round"]), (200, &json!(1)), "{found}");
}

#[test]
fn the_pages_console_consumer_that_fell_behind_is_told() {
    a_group_that_fell_behind_is_told(|server| console_consumer(KAFKA_OF_THE_PAGE, server, "sleeper"));
}

#[test]
fn a_kcat_group_that_fell_behind_is_told() {
    a_group_that_fell_behind_is_told(|server| kcat_group(server, "sleeper"));
}

#[test]
fn with_snapshot_the_topic_reads_as_a_compacted_copy_from_offset_0() {
    let server = trimming();
    let made = server.run(&["live-query", "create", "copy", "--collection", "people", "--on-gap", "snapshot"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    write_large(&server, 0..50, 1);
    (2..8).for_each(|round| write_large(&server, 100..300, round));
    wait_until_trimmed(&server, 50);
    let mut copy = BTreeMap::new();
    for line in topic(&server, "user-consumable-default.copy", "%s\n") {
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["type"], "documentChanged", "nothing was removed: {line}");
        let document = &event["change"]["newValue"];
        copy.insert(document["_id"].as_str().unwrap().to_owned(), document["round"].as_u64().unwrap());
    }
    let expected: BTreeMap<String, u64> =
        (0..50).map(|n| (format!("p{n}"), 1)).chain((100..300).map(|n| (format!("p{n}"), 7))).collect();
    assert_eq!(copy, expected);
}

#[test]
fn partitions_are_those_of_kafkas_own_producer() {
    let server = TestServer::start();
    let made = server.run(&["live-query", "create", "spread", "--query", "number >= 0", "--partitions", "17"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    write_large(&server, 0..3000, 1);
    let lines = topic(&server, "user-consumable-default.spread", "%p %k\n");
    assert_eq!(lines.len(), 3000);
    let (ours, keys): (Vec<&str>, Vec<&str>) = lines.iter().map(|line| line.split_once(' ').unwrap()).unzip();

    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_clients/Partitions.java");
    let jars = format!("{}/*", tool(KAFKA_OF_THE_PAGE).join("libs").display());
    let mut java = Command::new("java");
    java.args(["-cp", &jars, program, "17"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut java = java.spawn().expect("java is there: run cargo xtask test");
    let mut stdin = java.stdin.take().unwrap();
    let text = keys.join("\n");
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = java.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success());
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
}

#[test]
fn a_live_query_comes_and_goes_while_the_server_runs() {
    let server = TestServer::start();
    write_numbered(&server, 0..10);
    let create = ["live-query", "create", "small", "--collection", "people", "--query", "number < 5"];
    let made = server.run(&create);
    assert!(made.stdout.contains("user-consumable-default.small"), "{} {}", made.stdout, made.stderr);
    assert!(server.run(&create).stderr.contains("there is a live query \"small\" already"));
    let bad = server.run(&["live-query", "create", "bad", "--query", "number <"]);
    assert!(bad.stderr.contains("query: ") && bad.stderr.contains("column"), "{}", bad.stderr);
    assert_eq!(topic(&server, "user-consumable-default.small", "%o\n"), ["0", "1", "2", "3", "4"]);
    assert!(server.run(&["live-query", "list"]).stdout.contains("number < 5"));
    assert!(server.run(&["live-query", "set", "main", "--on-gap", "snapshot"]).stdout.contains("snapshot"));
    assert_eq!(server.run(&["live-query", "delete", "small"]).code(), Some(0));
    assert!(server.run(&["live-query", "delete", "main"]).stderr.contains("cannot be deleted"));
    assert!(server.run(&["live-query", "show", "small"]).stderr.contains("there is no live query \"small\""));
}

/// A whole topic as kcat prints it.
pub(super) fn topic(server: &TestServer, topic: &str, format: &str) -> Vec<String> {
    let mut command = kcat(server, "default");
    command.args(["-C", "-t", topic, "-o", "beginning", "-e", "-f", format]);
    let output = command.output().expect("kcat is there: run cargo xtask test");
    assert!(output.status.success(), "kcat failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
