//! Backups of a server that trims, builds indexes and makes apps while it takes writes: each is
//! whole, and restored it is the state of its newest transaction.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TestServer, run, wait_until};

const TRIMMING: [&str; 4] = ["--segment-bytes", "64KiB", "--retention-bytes", "64KiB"];
const BACKUPS: usize = 2;
const WRITERS: u64 = 2;
const DOCUMENTS: u64 = 60;
/// So soon it is looked whether one more app is wanted.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Writes between two backups.
const WRITES: usize = 80;

/// A write that was acknowledged: its transaction, the document, and its number unless it was removed.
type Write = (u64, String, Option<u64>);

/// What goes on meanwhile.
#[derive(Default)]
struct Meanwhile {
    is_over: AtomicBool,
    writes: Mutex<Vec<Write>>,
    indexes: AtomicUsize,
    apps: AtomicUsize,
    /// Each app has files and threads of its own: there are no more than are asked for.
    apps_wanted: AtomicUsize,
}

struct Over<'m>(&'m Meanwhile);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, SeqCst);
    }
}

#[test]
fn each_backup_is_the_state_of_one_transaction() {
    let server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &TRIMMING);
    let meanwhile = Meanwhile::default();
    thread::scope(|scope| {
        let _over = Over(&meanwhile);
        let (server, meanwhile) = (&server, &meanwhile);
        for writer in 0..WRITERS {
            scope.spawn(move || meanwhile.write(server, writer));
        }
        scope.spawn(|| meanwhile.make_indexes(server));
        scope.spawn(|| meanwhile.make_apps(server));
        for _ in 0..BACKUPS {
            let (start, written) = (log_start(server), meanwhile.writes.lock().unwrap().len());
            let indexes = meanwhile.indexes.load(SeqCst);
            let apps = meanwhile.apps_wanted.fetch_add(1, SeqCst) + 1;
            wait_until("all of that goes on", || {
                meanwhile.writes.lock().unwrap().len() > written + WRITES
                    && meanwhile.indexes.load(SeqCst) > indexes
                    && meanwhile.apps.load(SeqCst) >= apps
                    && log_start(server) > start
            });
            // This one is made while the backup is taken.
            meanwhile.apps_wanted.fetch_add(1, SeqCst);
            let taken = server.run(&["backup", "--to", "backups", "--verify"]);
            assert_eq!(taken.code(), Some(0), "{taken:?}");
        }
    });
    let listed = server.run(&["backup", "--to", "backups", "--list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let writes = meanwhile.writes.into_inner().unwrap();
    let points = listed["points"].as_array().unwrap();
    assert_eq!(points.len(), BACKUPS);
    for point in points {
        check(&server, point, &writes);
    }
}

/// Restores the point, and compares.
fn check(server: &TestServer, point: &Value, writes: &[Write]) {
    let directory = Arc::new(TempDir::new().unwrap());
    let backups = server.directory().path().join("backups");
    let name = point["name"].as_str().unwrap();
    let restored = run(directory.path(), &["restore", "--json", "--from", backups.to_str().unwrap(), "--point", name]);
    assert_eq!(restored.code(), Some(0), "{restored:?}");
    let verified = run(directory.path(), &["verify"]);
    assert_eq!(verified.code(), Some(0), "{verified:?}");
    let told: Value = serde_json::from_str(&restored.stdout).unwrap();
    let restored = TestServer::start_in(directory, &TRIMMING);
    let apps = told["apps"].as_array().unwrap();
    assert!(apps.len() > 1, "{told}");
    for app in apps {
        let (name, last_txn) = (app["app"].as_str().unwrap(), app["lastTxn"].as_u64().unwrap());
        if name == "default" {
            let expected = state_at(writes, last_txn);
            assert!(expected.len() > 10, "{expected:?}");
            assert_eq!(found(&restored), expected, "at transaction {last_txn}");
        } else {
            let count = json!({ "collection": "people" });
            let (status, reply) = restored.post(&format!("/{name}/api/v4/store/count"), &count);
            assert_eq!((status, &reply["count"]), (200, &json!(last_txn)), "{name}: one document by one transaction");
        }
    }
}

/// By id, the number of each document as that transaction left it.
fn state_at(writes: &[Write], last_txn: u64) -> BTreeMap<String, u64> {
    let mut newest: BTreeMap<&str, (u64, Option<u64>)> = BTreeMap::new();
    for (txn, id, number) in writes.iter().filter(|(txn, _, _)| *txn <= last_txn) {
        let known = newest.entry(id).or_default();
        if *txn >= known.0 {
            *known = (*txn, *number);
        }
    }
    newest.into_iter().filter_map(|(id, (_, number))| Some((id.to_owned(), number?))).collect()
}

/// What an index finds, where there is one, which is what a look at everything finds.
fn found(server: &TestServer) -> BTreeMap<String, u64> {
    let [all, by_number] = ["true", "number >= 0"].map(|query| {
        let (status, found) =
            server.post("/api/v4/store/find", &json!({ "collection": "people", "query": query, "limit": 10_000 }));
        assert_eq!(status, 200, "{found}");
        let found = found["documents"].as_array().unwrap().iter();
        let number = |it: &Value| (it["id"].as_str().unwrap().to_owned(), it["fields"]["number"].as_u64().unwrap());
        found.map(number).collect::<BTreeMap<_, _>>()
    });
    assert_eq!(all, by_number);
    all
}

fn log_start(server: &TestServer) -> u64 {
    let (_, metrics) = server.get("/metrics");
    let is_it = |line: &&str| line.starts_with(r#"headwater_events_log_start{app="default""#);
    let line = metrics.as_str().unwrap().lines().find(is_it);
    line.map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

impl Meanwhile {
    fn goes_on(&self) -> bool {
        !self.is_over.load(SeqCst)
    }

    fn write(&self, server: &TestServer, writer: u64) {
        let filler = "x".repeat(3_000);
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let id = format!("w{writer}-{}", (number * 7) % DOCUMENTS);
            let (command, number) = match number % 9 {
                8 => (json!({ "method": "remove", "collection": "people", "id": id }), None),
                _ => {
                    let value = json!({ "number": number, "filler": filler });
                    (json!({ "method": "upsert", "collection": "people", "id": id, "value": value }), Some(number))
                }
            };
            let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": [command] }));
            assert_eq!(status, 200, "{reply}");
            // A removal of what is not there is no transaction of its own, and changes nothing.
            let result = &reply["results"][0];
            if number.is_some() || result["deleted"] == 1 {
                self.writes.lock().unwrap().push((result["transactionId"].as_u64().unwrap(), id, number));
            }
        }
    }

    fn make_indexes(&self, server: &TestServer) {
        while self.goes_on() {
            for statement in ["CREATE INDEX by_number ON people (number)", "DROP INDEX by_number ON people"] {
                let (status, reply) = server.post("/api/v4/store/execute", &json!({ "statement": statement }));
                assert_eq!(status, 200, "{reply}");
            }
            self.indexes.fetch_add(1, SeqCst);
        }
    }

    fn make_apps(&self, server: &TestServer) {
        let key = std::fs::read_to_string(server.data_dir().join("admin.key")).unwrap();
        for number in 0.. {
            while self.apps_wanted.load(SeqCst) <= number {
                if !self.goes_on() {
                    return;
                }
                thread::sleep(LOOK_EVERY);
            }
            let name = format!("app{number}");
            let (status, reply) = server.post_with_key("/admin/v1/apps", &json!({ "name": name }), Some(key.trim()));
            assert_eq!(status, 201, "{reply}");
            let upsert = json!({ "method": "upsert", "collection": "people", "id": "one", "value": {} });
            let path = format!("/{name}/api/v4/store/write");
            let (status, reply) = server.post(&path, &json!({ "commands": [upsert] }));
            assert_eq!(status, 200, "{reply}");
            self.apps.fetch_add(1, SeqCst);
        }
    }
}
