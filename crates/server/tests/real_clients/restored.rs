//! Four stock clients run through a restore, each as a group of its own, and none is restarted: their copies end as what
//! the restored server finds, and no (`txnId`, `_id`) ever had two contents for anyone.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::Client,
    clients::{KAFKA_OF_TODAY, TOPIC, credential, fast_start, tool},
    crash::{numbers_of_documents, write},
};
use crate::support::{TestServer, run, wait_until};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_clients");

#[test]
fn clients_that_run_through_a_restore_end_with_the_right_copy() {
    let server = TestServer::start();
    let (kafka, http) = (address(&server, "kafka"), address(&server, "http"));
    write_some(&server, 0..40);
    let clients = start_clients(&server);
    for (name, client) in &clients {
        wait_until(&format!("{name} has read what there is"), || copy(client).len() == 10);
    }
    // What is kept of this moment, and what comes behind it and is lost.
    let first = server.directory();
    let kept_numbers = numbers_of_documents(&server);
    assert_eq!(server.terminate().code(), Some(0));
    let backup = TempDir::new().unwrap();
    copy_folder(&first.path().join("headwater-data"), &backup.path().join("copy"));
    let fixed = ["--kafka-listen", kafka.as_str(), "--http-listen", http.as_str()];
    let server = TestServer::start_in(first, &fixed);
    let lost_txn = write_some(&server, 40..75);
    for (name, client) in &clients {
        wait_until(&format!("{name} has read what will be lost"), || newest_txn(client) >= lost_txn);
    }
    server.kill();

    let second = Arc::new(TempDir::new().unwrap());
    let from = backup.path().join("copy");
    let restored = run(second.path(), &["restore", "--from", from.to_str().unwrap(), "--json"]);
    assert_eq!(restored.code(), Some(0), "{restored:?}");
    let told: Value = serde_json::from_str(&restored.stdout).unwrap();
    assert_eq!((told["apps"][0]["lastTxn"].as_u64(), told["apps"][0]["leaderEpoch"].as_u64()), (Some(40), Some(1)));
    let server = TestServer::start_in(second, &fixed);
    assert_eq!(numbers_of_documents(&server), kept_numbers, "what is there is what was backed up");
    check_lost_txn(&server, lost_txn);
    // Under load from here on: other documents, and the same ones again.
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let url = format!("{http}/api/v4/store/write");
        let (stop, url) = (&stop, if url.starts_with("http") { url } else { format!("http://{url}") });
        scope.spawn(move || {
            for number in 1_000_000.. {
                if stop.load(SeqCst) {
                    break;
                }
                write(&url, &format!("w{}", number % 7), number);
            }
        });
        for (name, client) in &clients {
            wait_until(&format!("{name} is told of the restore"), || {
                events(client).iter().any(|event| event.op == "resync")
            });
        }
        stop.store(true, SeqCst);
    });
    let last_txn = write_some(&server, 2_000_000..2_000_005);
    let mut known = HashMap::new();
    for (name, client) in &clients {
        wait_until(&format!("{name} has read all"), || newest_txn(client) >= last_txn);
        assert_eq!(copy(client), numbers_of_documents(&server), "{name}: the copy is what is found");
        for event in events(client).into_iter().filter(|event| event.op != "resync") {
            let content = known.entry((event.txn, event.key.clone())).or_insert_with(|| event.value.clone());
            assert_eq!(*content, event.value, "{name}: {} of transaction {} had another content", event.key, event.txn);
        }
    }
    let described = server.run(&["groups", "list"]);
    assert!(!described.stdout.contains("RESTORED"), "everybody is behind it: {described:?}");
}

/// A request for a transaction that nobody will ever have is answered at once.
fn check_lost_txn(server: &TestServer, lost_txn: u64) {
    let url = format!("{}/api/v4/store/find", address_with_scheme(server));
    let began = std::time::Instant::now();
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let asked = config.new_agent().post(url).header("X-DITTO-TXN-ID", lost_txn.to_string());
    let mut reply = asked.send(r#"{"collection":"people","query":"true"}"#).unwrap();
    let text = reply.body_mut().read_to_string().unwrap();
    assert!(reply.status() == 404 && text.contains("restored"), "{} {text}", reply.status());
    assert!(began.elapsed().as_secs() < 4, "it is not waited for");
}

fn address(server: &TestServer, what: &str) -> String {
    let text = server.run[what].as_str().unwrap();
    text.trim_start_matches("http://").replace("localhost", "127.0.0.1")
}

fn address_with_scheme(server: &TestServer) -> String {
    server.run["http"].as_str().unwrap().to_owned()
}

/// Each number is a write of one of ten documents; gives the last transaction.
fn write_some(server: &TestServer, numbers: std::ops::Range<u64>) -> u64 {
    let url = format!("{}/api/v4/store/write", address_with_scheme(server));
    let written = numbers.map(|number| write(&url, &format!("d{}", number % 10), number).unwrap());
    written.last().unwrap()
}

fn start_clients(server: &TestServer) -> Vec<(&'static str, Client)> {
    let endpoint = server.run["kafka"].as_str().unwrap();
    let python = tool("python").join("bin/python");
    let of = |name: &str| credential(server, "default", name);
    let mut java = Command::new("java");
    java.arg("-XX:TieredStopAtLevel=1").arg("-cp").arg(tool(KAFKA_OF_TODAY).join("libs/*"));
    java.arg(format!("{PROGRAMS}/Restored.java")).arg(of("client.properties"));
    fast_start(&mut java);
    let mut librdkafka = Command::new(&python);
    librdkafka.arg(format!("{PROGRAMS}/restored_librdkafka.py")).arg(of("librdkafka.properties"));
    let mut aiokafka = Command::new(&python);
    aiokafka.arg(format!("{PROGRAMS}/restored_aiokafka.py")).arg(of(""));
    let mut kafkajs = Command::new("node");
    kafkajs.arg(format!("{PROGRAMS}/restored_kafkajs.js")).arg(of(""));
    kafkajs.env("NODE_PATH", tool("node").join("node_modules"));
    let all = [("java", java), ("librdkafka", librdkafka), ("kafkajs", kafkajs), ("aiokafka", aiokafka)];
    let start = |(name, mut command): (&'static str, Command)| {
        command.args([endpoint, &format!("copy-{name}"), TOPIC]);
        (name, Client::start(command))
    };
    all.into_iter().map(start).collect()
}

struct Event {
    txn: u64,
    op: String,
    key: String,
    value: String,
}

/// What a client has printed.
fn events(client: &Client) -> Vec<Event> {
    let parse = |line: String| {
        let [_, txn, op, key, value] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("no event: {line}") };
        Event { txn: txn.parse().unwrap(), op: op.to_owned(), key: key.to_owned(), value: value.to_owned() }
    };
    client.lines().into_iter().map(parse).collect()
}

/// Of the events since it began last.
fn newest_txn(client: &Client) -> u64 {
    let events = events(client);
    let since = events.iter().rev().take_while(|event| event.op != "resync");
    since.map(|event| event.txn).max().unwrap_or(0)
}

/// By id, the number that each document has in the copy.
fn copy(client: &Client) -> BTreeMap<String, u64> {
    let mut copy = BTreeMap::new();
    for event in events(client) {
        if event.op == "resync" {
            copy.clear();
            continue;
        }
        let value: Value = serde_json::from_str(&event.value).unwrap();
        let new = &value["change"]["newValue"];
        copy.insert(new["_id"].as_str().unwrap().to_owned(), new["number"].as_u64().unwrap());
    }
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
