//! kill -9 under load, again and again: every acknowledged write is there once, what anyone saw is unchanged, and the
//! documents are what the events say.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::Client,
    clients::{TOPIC, kcat, kcat_all},
};
use crate::support::{PATIENCE, TestServer, run, wait_until};

const ROUNDS: usize = 5;
const WRITERS: usize = 8;
/// Segments so small, and now and then documents so large, that frames begin new segments all the time, ahead of what
/// is written.
pub(super) const SMALL_SEGMENTS: [&str; 2] = ["--segment-bytes", "64KiB"];
const LARGE_EVERY: u64 = 8;
const LARGE_BYTES: usize = 100_000;
pub(super) const FORMAT: &str = "%o\t%T\t%k\t%s\n";

/// A write that was acknowledged: what it wrote, and the transaction that it was told.
#[derive(Debug)]
pub(super) struct Acknowledged {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) txn: u64,
}

#[test]
fn every_acknowledged_write_survives_kill_9_once() {
    let mut server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &SMALL_SEGMENTS);
    let mut acknowledged = Vec::new();
    let mut seen_before: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut command = kcat(&server, "default");
        command.args(["-C", "-t", TOPIC, "-o", "beginning", "-f", FORMAT]);
        let consumer = Client::start(command);
        consumer.wait_for(seen_before.len());
        let (writes, left) = kill_under_load(server, round, 150 + 130 * round);
        let seen_live = consumer.lines();
        consumer.kill();
        acknowledged.extend(writes);

        server = TestServer::start_in(left, &SMALL_SEGMENTS);
        let events = kcat_all(&server, FORMAT);
        assert_eq!(events[..seen_before.len()], seen_before, "what stood in the topic before is unchanged");
        // The last line may be cut by the consumer's end, not by the server.
        let whole = &seen_live[..seen_live.len().saturating_sub(1)];
        assert_eq!(&events[..whole.len()], whole, "what the consumer saw before the kill is unchanged");
        check(&server, &acknowledged, &events);
        seen_before = events;
    }
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    let verified = run(directory.path(), &["verify"]);
    assert_eq!(verified.code(), Some(0), "documents and offsets equal a replay: {verified:?}");
}

/// Writes from many connections, and kills the server once `enough` were acknowledged; what was acknowledged, and the
/// server's directory.
fn kill_under_load(server: TestServer, round: usize, enough: usize) -> (Vec<Acknowledged>, Arc<TempDir>) {
    let url = format!("{}/api/v4/store/write", server.run["http"].as_str().unwrap());
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    let directory = server.directory();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (url, acknowledged, count) = (&url, &acknowledged, &count);
            scope.spawn(move || {
                // Ends with the first write that is not acknowledged: the server was killed.
                for n in 0.. {
                    let number = ((round * WRITERS + writer) * 1_000_000 + n) as u64;
                    let id = format!("w{writer}-{}", n % 10);
                    let Some(txn) = write(url, &id, number) else { break };
                    acknowledged.lock().unwrap().push(Acknowledged { number, id, txn });
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_until("enough writes are acknowledged", || count.load(Ordering::Relaxed) >= enough);
        server.kill();
    });
    (acknowledged.into_inner().unwrap(), directory)
}

/// The transaction that was acknowledged; `None` if the server was killed. The write is called by its number: sent
/// again it is done once.
pub(super) fn write(url: &str, id: &str, number: u64) -> Option<u64> {
    thread_local! {
        static AGENT: ureq::Agent = ureq::Agent::config_builder().proxy(None).timeout_global(Some(PATIENCE)).build().new_agent();
    }
    let filler = "x".repeat(if number.is_multiple_of(LARGE_EVERY) { LARGE_BYTES } else { 0 });
    let value = json!({ "number": number, "filler": filler });
    let command = json!({ "method": "upsert", "collection": "people", "id": id, "value": value });
    let body = json!({ "commands": [command] }).to_string();
    let mut reply = AGENT
        .with(|agent| {
            let request = agent.post(url).content_type("application/json");
            request.header("X-Headwater-Request-Id", number.to_string()).send(body)
        })
        .ok()?;
    let reply: Value = serde_json::from_str(&reply.body_mut().read_to_string().ok()?).ok()?;
    reply["results"][0]["transactionId"].as_u64()
}

/// Every acknowledged write is in the topic once, no write is there twice, offsets have no hole, and the documents
/// are the last events'.
pub(super) fn check(server: &TestServer, acknowledged: &[Acknowledged], events: &[String]) {
    let mut by_number = HashMap::new();
    let mut documents = BTreeMap::new();
    let mut newest_txn = 0;
    for (expected_offset, line) in events.iter().enumerate() {
        let [offset, _, _, value] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("not an event: {line}") };
        assert_eq!(offset, expected_offset.to_string(), "offsets have no hole");
        let event: Value = serde_json::from_str(value).unwrap();
        let (txn, new) = (event["txnId"].as_u64().unwrap(), &event["change"]["newValue"]);
        assert!(txn > newest_txn, "txnId only grows: {line}");
        newest_txn = txn;
        let (id, number) = (new["_id"].as_str().unwrap().to_owned(), new["number"].as_u64().unwrap());
        assert!(by_number.insert(number, (id.clone(), txn)).is_none(), "a write is there twice: {line}");
        let old = documents.insert(id, new.clone()).unwrap_or(Value::Null);
        assert_eq!(event["change"]["oldValue"], old, "the old value is what the event before left");
    }
    for Acknowledged { number, id, txn } in acknowledged {
        assert_eq!(
            by_number.get(number),
            Some(&(id.clone(), *txn)),
            "an acknowledged write is not as it was acknowledged"
        );
    }
    let number = |document: &Value| document["number"].as_u64().unwrap();
    let expected: BTreeMap<_, _> = documents.iter().map(|(id, document)| (id.clone(), number(document))).collect();
    assert_eq!(numbers_of_documents(server), expected, "the documents are what the events say");
}

/// By id, what [`write`] wrote last.
pub(super) fn numbers_of_documents(server: &TestServer) -> BTreeMap<String, u64> {
    let query = json!({ "collection": "people", "query": "true" });
    let (status, found) = server.post("/api/v4/store/find", &query);
    assert_eq!(status, 200, "{found}");
    let found = found["documents"].as_array().unwrap().iter();
    found.map(|it| (it["id"].as_str().unwrap().to_owned(), it["fields"]["number"].as_u64().unwrap())).collect()
}
