//! Damage of every class of file in a small directory: a flipped bit, a cut, a removal, another
//! app's file in its place. Each is refused by name, or harmless: what is served is what was served
//! before, up to where an error says that it ends; and what a start refuses, `verify` reports.
//!
//! `DAMAGE_FLIPS` says how many bits are flipped in each file (4 if not given).
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a test")]

mod folder;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use folder::{copy_dir, files_of};
use kafka_wire::record_batch;
use store::{AppName, CommittedOffset, DataDir, Request, StoreOptions, WallClock};
use tokio::{runtime::Runtime, time::timeout};
use topics::{LiveQuery, OnGap, Partition, Rebuild, TopicRegistry};

const APPS: [&str; 2] = ["shop", "till"];

/// No answer takes longer, where there is one.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        1_645_444_800_000
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn open(path: &Path, retention_bytes: Option<u64>) -> Result<Arc<DataDir>, String> {
    let options = StoreOptions { segment_bytes: 64 * 1024, retention_bytes, ..StoreOptions::default() };
    DataDir::open(path, options, Arc::new(Noon), random).map_err(|error| error.to_string())
}

/// Each call gives another number, so that the apps have instances of their own.
fn random() -> [u8; 16] {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, SeqCst)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes()
}

fn write(id: &str, age: u32) -> Changeset {
    let text = format!(r#"{{"age":{age},"filler":"{}"}}"#, "x".repeat(900));
    let Value::Map(value) = Value::from_json(text.as_bytes()).unwrap() else { unreachable!() };
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action: if age == 0 { Action::Remove } else { Action::upsert(value) },
    };
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}

/// A directory with something of each class: trimmed and kept events, documents, tombstones,
/// departures, live queries, groups, requests.
fn fill(path: &Path) {
    let runtime = runtime();
    let data = open(path, Some(150_000)).unwrap();
    runtime.block_on(async {
        for name in APPS {
            data.create_app(&AppName::new(name).unwrap()).unwrap();
            let topics = TopicRegistry::new(data.clone());
            let app = topics.app(name).await.unwrap();
            let adults = LiveQuery {
                name: "adults".into(),
                collection: Some("people".into()),
                query: Some("age >= 18".into()),
                query_language: topics::QueryLanguage::Legacy,
                partitions: 2,
                on_gap: OnGap::Requery,
                compression: topics::Compression::None,
                permission: None,
                created_ms: 1,
            };
            app.create(adults).await.unwrap();
            for n in 0..300 {
                let age = [40, 12, 0, 25][n % 4] + name.len() as u32 % 2 * u32::from(n % 4 != 2);
                let request = Request { caller: "c".into(), id: n.to_string(), body: [1; 16], given: true };
                let write = write(&format!("d{}", n % 37), age);
                app.app().commit_request(write, request, Box::new(|_| b"{}".to_vec())).await.unwrap();
            }
            let offset = CommittedOffset { offset: 7, leader_epoch: 0, metadata: "m".into() };
            app.app().commit_offsets("g", vec![(app.main().name().to_owned(), 0, offset)]).await.unwrap();
            let deadline = Instant::now() + PATIENCE;
            while app.app().events().log_start() == 0 {
                assert!(Instant::now() < deadline, "waited in vain until something is trimmed");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            topics.stop().await;
        }
    });
    data.stop();
    drop(data);
    files::DirectoryFormat::mark(path).unwrap();
}

/// What is served of one thing: its parts in order, and whether an error ended it.
#[derive(Debug, Clone, PartialEq)]
struct Served {
    parts: Vec<String>,
    error: Option<String>,
}

/// What is served of a directory, by its name; or why it is refused.
type Everything = BTreeMap<String, Served>;

fn serve(path: &Path) -> Result<Everything, String> {
    let runtime = runtime();
    let data = open(path, None)?;
    let mut everything = Everything::new();
    let topics = TopicRegistry::new(data.clone());
    for name in APPS {
        runtime.block_on(serve_app(&topics, name, &mut everything));
    }
    runtime.block_on(topics.stop());
    drop(topics);
    data.stop();
    Ok(everything)
}

async fn serve_app(topics: &Arc<TopicRegistry>, name: &str, everything: &mut Everything) {
    let app = match topics.app(name).await {
        Ok(app) => app,
        Err(error) => {
            everything.insert(name.into(), Served { parts: Vec::new(), error: Some(error.to_string()) });
            return;
        }
    };
    let mut put = |what: &str, parts: Vec<String>, error: Option<String>| {
        everything.insert(format!("{name} {what}"), Served { parts, error });
    };
    put("live queries", app.live_queries().iter().map(|query| format!("{query:?}")).collect(), None);
    let offsets = app.app().committed_offsets("g").into_iter().map(|offset| format!("{offset:?}"));
    put("offsets", offsets.collect(), None);
    let request = Request { caller: "c".into(), id: "299".into(), body: [1; 16], given: true };
    match app.app().repeated(&request) {
        Ok(remembered) => put("request", vec![format!("{remembered:?}")], None),
        Err(error) => put("request", Vec::new(), Some(error.to_string())),
    }
    let (parts, error) = documents(app.app());
    put("documents", parts, error);
    for topic in app.all() {
        for index in 0..topic.partitions() {
            let partition = topic.partition(index.into()).unwrap();
            let (parts, error) = events(&partition, || app.stopped()).await;
            put(&format!("{} {index}", topic.name()), parts, error);
        }
    }
}

fn documents(app: &store::App) -> (Vec<String>, Option<String>) {
    let mut parts = Vec::new();
    let snapshot = match app.snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return (parts, Some(error.to_string())),
    };
    for entry in snapshot.scan(&CollectionName::new("people").unwrap()) {
        match entry {
            Ok((id, stored)) => {
                parts.push(format!("{} {:?} {:?}", id.as_json(), stored.txn_id, stored.document.value()))
            }
            Err(error) => return (parts, Some(error.to_string())),
        }
    }
    (parts, None)
}

/// Every record of a partition from 0 on, until its end or an error.
async fn events(partition: &Partition, stopped: impl Fn() -> Option<String>) -> (Vec<String>, Option<String>) {
    let (mut parts, mut offset) = (Vec::new(), 0);
    let settled = timeout(PATIENCE, partition.settled_high_watermark()).await;
    let Ok(Ok(end)) = settled else { return (parts, Some(stopped().expect("it stands still and says so"))) };
    while offset < end {
        let batches = match partition.read(offset, 1 << 20, Rebuild::default()).await {
            Ok(batches) if batches.is_empty() => break,
            Ok(batches) => batches.concat(),
            Err(error) => return (parts, Some(error.to_string())),
        };
        let mut rest = &batches[..];
        while !rest.is_empty() {
            let header = record_batch::verify(rest).unwrap();
            for record in record_batch::decode_records(rest).unwrap() {
                if record.offset as u64 >= offset {
                    parts.push(format!("{} {}", record.offset, String::from_utf8_lossy(record.value.unwrap())));
                }
            }
            offset = offset.max(header.last_offset as u64 + 1);
            rest = &rest[header.len_bytes..];
        }
    }
    let error = stopped();
    (parts, error)
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip {
        bit: u64,
    },
    Cut {
        to: u64,
    },
    Remove,
    /// The same file of the other app takes its place.
    Swap,
}

fn harm(root: &Path, file: &Path, harm: Harm) -> bool {
    let path = root.join(file);
    match harm {
        Harm::Flip { bit } => {
            let mut bytes = fs::read(&path).unwrap();
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            fs::write(path, bytes).unwrap();
        }
        Harm::Cut { to } => fs::File::options().write(true).open(path).unwrap().set_len(to).unwrap(),
        Harm::Remove => fs::remove_file(path).unwrap(),
        Harm::Swap => {
            let text = file.to_str().unwrap();
            let other = text.replace(&format!("apps/{}/", APPS[0]), &format!("apps/{}/", APPS[1]));
            if other == text || !root.join(&other).exists() {
                return false;
            }
            fs::copy(root.join(other), path).unwrap();
        }
    }
    true
}

/// Some of each kind for a file of so many bytes: always its first and last bits, and others spread
/// over it.
fn harms(len: u64, flips: u64) -> Vec<Harm> {
    let mut harms = vec![Harm::Remove, Harm::Swap];
    if len > 0 {
        let spread = (0..flips).map(|n| n * len * 8 / flips + n * 1237 % (len * 8 / flips).max(1));
        harms.extend(spread.filter(|&bit| bit < len * 8).map(|bit| Harm::Flip { bit }));
        harms.push(Harm::Flip { bit: len * 8 - 1 });
        harms.extend([0, len / 2, len - 1].map(|to| Harm::Cut { to }));
    }
    harms
}

#[test]
fn damage_of_any_file_is_refused_by_name_or_harmless() {
    let flips = std::env::var("DAMAGE_FLIPS").map_or(4, |text| text.parse().unwrap());
    let whole = tempfile::tempdir().unwrap();
    fill(whole.path());
    let served = serve(whole.path()).unwrap();
    assert!(served.values().all(|served| served.error.is_none() && !served.parts.is_empty()), "{served:#?}");
    assert!(topics::verify(whole.path(), &mut |_| ()).unwrap().is_whole());
    let (mut cases, mut refused, mut harmless) = (0, 0, 0);
    for file in files_of(whole.path()) {
        // The second app's files are as the first's; locks hold nothing.
        if file.starts_with("apps/till") || file.ends_with("lock") || file == Path::new("lock") {
            continue;
        }
        let len = fs::metadata(whole.path().join(&file)).unwrap().len();
        for what in harms(len, flips) {
            let dir = tempfile::tempdir().unwrap();
            copy_dir(whole.path(), dir.path());
            if !harm(dir.path(), &file, what) {
                continue;
            }
            let case = format!("{what:?} in {} of {len} bytes", file.display());
            cases += 1;
            if check(dir.path(), &served, &case) {
                refused += 1;
            } else {
                harmless += 1;
            }
        }
    }
    println!("{cases} cases of damage: {refused} refused, {harmless} harmless");
    assert!(refused > cases / 4, "{refused} of {cases}");
}

/// Whether it was refused; otherwise it did no harm.
fn check(path: &Path, whole: &Everything, case: &str) -> bool {
    let verified = topics::verify(path, &mut |_| ()).map(|report| report.is_whole());
    let found = match serve(path) {
        Ok(found) => found,
        Err(error) => {
            assert!(!matches!(verified, Ok(true)), "{case}: the start says {error}, verify that it is whole");
            return true;
        }
    };
    let mut is_refused = false;
    for app in APPS {
        if let Some(Served { error: Some(error), .. }) = found.get(app) {
            assert!(app == APPS[0], "{case}: {app} must not suffer: {error}");
            assert!(!matches!(verified, Ok(true)), "{case}: {app} says {error}, verify that all is whole");
            is_refused = true;
        }
    }
    for (what, served) in &found {
        let Some(expected) = whole.get(what) else { continue };
        let same = served.parts.iter().zip(&expected.parts).take_while(|(a, b)| a == b).count();
        assert_eq!(same, served.parts.len(), "{case}: {what} is served wrong: {:?}", served.parts.get(same));
        match &served.error {
            None => assert_eq!(same, expected.parts.len(), "{case}: {what} ends early without a word"),
            Some(error) => {
                assert!(!matches!(verified, Ok(true)), "{case}: {what} says {error}, verify that all is whole");
                is_refused = true;
            }
        }
    }
    is_refused
}
