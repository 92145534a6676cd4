//! Four stock clients keep copies through a restore, each as a group of its own, and none is
//! restarted: a running server is backed up, killed, restored to the backup and served at the same
//! addresses, while writes go on. Their copies end as what the restored server finds, and no
//! (`txnId`, `_id`) ever had two contents for anyone.
//!
//! Not here: what is served at a seam (`topics`), groups and peers that were put back otherwise.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::Client,
    clients::{KAFKA_OF_TODAY, TOPIC, credential, tool},
};
use crate::support::{PATIENCE, TestServer, run, wait_until};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real_clients");
/// What is written at most: everybody reads everything twice.
const PACE: Duration = Duration::from_millis(10);
/// How many documents are written again and again.
const DOCUMENTS: u64 = 7;

#[test]
fn clients_that_run_through_a_restore_end_with_the_right_copy() {
    let server = TestServer::start();
    let (kafka, http) = (address(&server, "kafka"), address(&server, "http"));
    let fixed = ["--kafka-listen", kafka.as_str(), "--http-listen", http.as_str()];
    let (first, second) = (server.directory(), Arc::new(TempDir::new().unwrap()));
    let load = Load::new(&http);
    let mut seen = Seen::start(&server);
    thread::scope(|scope| {
        let _stopped = load.stopped_at_the_end();
        scope.spawn(|| load.run());
        seen.wait("has a copy", |reader| !reader.copy.is_empty());
        for reader in &seen.readers {
            wait_until(&format!("{} has committed", reader.name), || committed(&server, reader.name) > Some(0));
        }
        let kept = back_up(&server);
        seen.wait("has read what will be lost", |reader| reader.newest_txn > kept + 20);
        server.kill();
        let lost = load.newest_txn();
        assert!(lost > kept + 20);

        let first_txn = restore(first.path(), second.path(), kept);
        let server = TestServer::start_in(second, &fixed);
        check_lost(&server, lost);
        seen.wait("is told of the restore", |reader| reader.resyncs > 0);
        seen.wait("reads on behind it", |reader| reader.newest_txn > first_txn + 50);
        wait_until("every group has committed behind the restore", || {
            let listed: Value = serde_json::from_str(&server.run(&["groups", "list", "--json"]).stdout).unwrap();
            let groups = listed["groups"].as_array().unwrap();
            groups.len() == 4 && groups.iter().all(|group| group["restoreAhead"] != true)
        });
        load.stop();
        let last = write(&load.url, &upsert("last", 1)).unwrap();
        seen.wait("has read all", |reader| reader.newest_txn == last);
        let found = found(&server);
        assert!(found.len() > DOCUMENTS as usize, "{found:?}");
        for reader in &seen.readers {
            assert_eq!(reader.copy, found, "the copy of {} is what is found", reader.name);
        }
        seen.check_acknowledged(&load.acknowledged.lock().unwrap(), kept, first_txn);
    });
}

/// Takes a backup of the running server; gives the last transaction in it.
fn back_up(server: &TestServer) -> u64 {
    std::fs::write(server.directory().path().join("passphrase"), "correct horse battery\n").unwrap();
    let taken = server.run(&["backup", "--to", "backups", "--passphrase-file", "passphrase"]);
    assert_eq!(taken.code(), Some(0), "{taken:?}");
    let listed = server.run(&["backup", "--to", "backups", "--list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    listed["points"][0]["apps"][0]["newestTxn"].as_u64().unwrap_or_else(|| panic!("{listed}"))
}

/// Makes a data directory in `to` of the backup in `from`; gives the transaction that it goes on with.
fn restore(from: &Path, to: &Path, kept: u64) -> u64 {
    let (backups, passphrase) = (from.join("backups"), from.join("passphrase"));
    let from = ["--from", backups.to_str().unwrap(), "--passphrase-file", passphrase.to_str().unwrap()];
    let restored = run(to, &[&["restore", "--json"][..], &from].concat());
    assert_eq!(restored.code(), Some(0), "{restored:?}");
    let told: Value = serde_json::from_str(&restored.stdout).unwrap();
    assert_eq!((&told["apps"][0]["lastTxn"], &told["apps"][0]["leaderEpoch"]), (&json!(kept), &json!(1)), "{told}");
    told["apps"][0]["firstTxn"].as_u64().unwrap()
}

/// A request for a transaction that nobody will ever have is answered at once.
fn check_lost(server: &TestServer, lost: u64) {
    let url = format!("{}/api/v4/store/find", server.run["http"].as_str().unwrap());
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    let agent = config.timeout_global(Some(Duration::from_secs(4))).build().new_agent();
    let asked = agent.post(url).header("X-DITTO-TXN-ID", lost.to_string());
    let mut reply = asked.send(r#"{"collection":"people","query":"true"}"#).expect("it is not waited for");
    let text = reply.body_mut().read_to_string().unwrap();
    assert!(reply.status() == 404 && text.contains("restored"), "{} {text}", reply.status());
}

fn address(server: &TestServer, what: &str) -> String {
    server.run[what].as_str().unwrap().trim_start_matches("http://").replace("localhost", "127.0.0.1")
}

/// What a client's group has committed.
fn committed(server: &TestServer, name: &str) -> Option<u64> {
    let described = server.run(&["groups", "describe", &group(name), "--json"]);
    let reply: Value = serde_json::from_str(&described.stdout).ok()?;
    reply["partitions"][0]["committed"].as_u64()
}

fn group(name: &str) -> String {
    format!("copy-{name}")
}

/// By id, the number of each document.
fn found(server: &TestServer) -> BTreeMap<String, u64> {
    let query = json!({ "collection": "people", "query": "true", "limit": 100_000 });
    let (status, found) = server.post("/api/v4/store/find", &query);
    assert_eq!(status, 200, "{found}");
    let found = found["documents"].as_array().unwrap().iter();
    found.map(|it| (it["id"].as_str().unwrap().to_owned(), it["fields"]["number"].as_u64().unwrap())).collect()
}

/// Writes that go on all the time, whichever server is there.
struct Load {
    url: String,
    is_stopped: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
}

/// An upsert that was acknowledged.
struct Acknowledged {
    txn: u64,
    id: String,
    number: u64,
}

struct Stopped<'l>(&'l Load);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, SeqCst);
    }
}

impl Load {
    fn new(http: &str) -> Self {
        let url = format!("http://{http}/api/v4/store/write");
        Self { url, is_stopped: AtomicBool::new(false), acknowledged: Mutex::default() }
    }

    /// Has it stopped also where the test fails.
    fn stopped_at_the_end(&self) -> Stopped<'_> {
        Stopped(self)
    }

    /// From here on nothing is written any more.
    fn stop(&self) {
        self.is_stopped.store(true, SeqCst);
        // The last write holds it while it runs.
        drop(self.acknowledged.lock().unwrap());
    }

    fn newest_txn(&self) -> u64 {
        self.acknowledged.lock().unwrap().last().map_or(0, |newest| newest.txn)
    }

    /// One write after the other: mostly the same documents, now and then one of its own, or a removal.
    fn run(&self) {
        for number in 0.. {
            let again = format!("d{}", number % DOCUMENTS);
            let (id, command) = match number % 10 {
                8 => (None, json!({ "method": "remove", "collection": "people", "id": again })),
                9 => (Some(format!("only{number}")), upsert(&format!("only{number}"), number)),
                _ => (Some(again.clone()), upsert(&again, number)),
            };
            let mut acknowledged = self.acknowledged.lock().unwrap();
            if self.is_stopped.load(SeqCst) {
                return;
            }
            // What is not acknowledged is nobody's: there may be no server.
            if let (Some(txn), Some(id)) = (write(&self.url, &command), id) {
                acknowledged.push(Acknowledged { txn, id, number });
            }
            drop(acknowledged);
            thread::sleep(PACE);
        }
    }
}

fn upsert(id: &str, number: u64) -> Value {
    json!({ "method": "upsert", "collection": "people", "id": id, "value": { "number": number } })
}

/// The transaction that was acknowledged, if it was.
fn write(url: &str, command: &Value) -> Option<u64> {
    thread_local! {
        static AGENT: ureq::Agent =
            ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10))).build().new_agent();
    }
    let body = json!({ "commands": [command] }).to_string();
    let mut reply = AGENT.with(|agent| agent.post(url).content_type("application/json").send(body)).ok()?;
    let reply: Value = serde_json::from_str(&reply.body_mut().read_to_string().ok()?).ok()?;
    reply["results"][0]["transactionId"].as_u64()
}

/// What all of them have seen.
struct Seen {
    readers: Vec<Reader>,
    /// By transaction and key, the event.
    contents: HashMap<(u64, String), String>,
}

/// One client, and its copy.
struct Reader {
    name: &'static str,
    client: Client,
    lines: usize,
    copy: BTreeMap<String, u64>,
    /// Since it began last.
    newest_txn: u64,
    resyncs: u32,
}

impl Seen {
    fn start(server: &TestServer) -> Self {
        let of = |name: &str| credential(server, "default", name);
        let python = |program: &str, credentials: &str| {
            let mut command = Command::new(tool("python").join("bin/python"));
            command.arg(format!("{PROGRAMS}/{program}")).arg(of(credentials));
            command
        };
        let mut java = Command::new("java");
        java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-cp"]);
        java.arg(tool(KAFKA_OF_TODAY).join("libs/*"));
        java.arg(format!("{PROGRAMS}/Restored.java")).arg(of("client.properties"));
        let mut kafkajs = Command::new("node");
        kafkajs.args(["--no-warnings", &format!("{PROGRAMS}/restored_kafkajs.js")]).arg(of(""));
        kafkajs.env("NODE_PATH", tool("node").join("node_modules"));
        let all = [
            ("java", java),
            ("librdkafka", python("restored_librdkafka.py", "librdkafka.properties")),
            ("kafkajs", kafkajs),
            ("aiokafka", python("restored_aiokafka.py", "")),
        ];
        let endpoint = server.run["kafka"].as_str().unwrap();
        let start = |(name, mut command): (&'static str, Command)| {
            command.args([endpoint, &group(name), TOPIC]);
            let client = Client::start_held(command);
            Reader { name, client, lines: 0, copy: BTreeMap::new(), newest_txn: 0, resyncs: 0 }
        };
        Self { readers: all.into_iter().map(start).collect(), contents: HashMap::new() }
    }

    /// Waits until it holds of each.
    #[track_caller]
    fn wait(&mut self, what: &str, holds: impl Fn(&Reader) -> bool) {
        for reader in &mut self.readers {
            let begun = Instant::now();
            while !holds(reader) {
                reader.read(&mut self.contents);
                let goes_on = begun.elapsed() < PATIENCE && reader.client.is_running();
                assert!(goes_on, "waited in vain until {} {what}: {}", reader.name, reader.state());
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// What was acknowledged and not lost was seen, with what was written.
    fn check_acknowledged(&self, acknowledged: &[Acknowledged], kept: u64, first_txn: u64) {
        let is_there = |it: &&Acknowledged| it.txn <= kept || it.txn >= first_txn;
        let mut checked = 0;
        for Acknowledged { txn, id, number } in acknowledged.iter().filter(is_there) {
            let event = self.contents.get(&(*txn, format!(r#"["people","{id}"]"#)));
            let event: Value = serde_json::from_str(event.expect("an acknowledged write is an event")).unwrap();
            assert_eq!(event["change"]["newValue"]["number"], json!(number), "{event}");
            checked += 1;
        }
        assert!(checked > 50, "{checked}");
    }
}

impl Reader {
    /// Where it is, for whoever looks why it is not elsewhere.
    fn state(&self) -> String {
        let (newest, documents) = (self.newest_txn, self.copy.len());
        let complaints = self.client.complaints();
        format!(
            "{} lines, {} times told, newest {newest}, {documents} documents; {complaints}",
            self.lines, self.resyncs
        )
    }

    /// Takes what it has printed since.
    fn read(&mut self, contents: &mut HashMap<(u64, String), String>) {
        let lines = self.client.lines_behind(self.lines);
        self.lines += lines.len();
        for line in lines {
            let [_, txn, op, key, value] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("no event: {line}") };
            let txn = txn.parse().unwrap();
            if op == "resync" {
                (self.newest_txn, self.resyncs) = (0, self.resyncs + 1);
                self.copy.clear();
                continue;
            }
            let known = contents.entry((txn, key.to_owned())).or_insert_with(|| value.to_owned());
            assert_eq!(known, value, "{}: {key} of transaction {txn} had another content", self.name);
            self.newest_txn = self.newest_txn.max(txn);
            let change = &serde_json::from_str::<Value>(value).unwrap()["change"];
            if op == "remove" {
                self.copy.remove(change["value"]["_id"].as_str().unwrap());
            } else {
                let (new, id) = (&change["newValue"], change["newValue"]["_id"].as_str().unwrap());
                self.copy.insert(id.to_owned(), new["number"].as_u64().unwrap());
            }
        }
    }
}
