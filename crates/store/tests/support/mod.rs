//! What the store's tests share: a clock that is set by hand, changesets in a line, a crash as a
//! copy of the files.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "each test file uses its own part")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, DocumentId, Map, Operation, Origin, Value,
};
use store::{App, AppName, DataDir, StoreOptions, WallClock};

#[derive(Debug)]
pub struct HandClock(pub AtomicU64);

impl HandClock {
    pub fn at(now_ms: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(now_ms)))
    }
}

impl WallClock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub const START_MS: u64 = 1_645_472_201_000;

pub fn options() -> StoreOptions {
    StoreOptions { segment_bytes: 64 * 1024, ..StoreOptions::default() }
}

fn random() -> [u8; 16] {
    *b"0123456789abcdef"
}

pub fn open(path: &Path) -> Arc<DataDir> {
    open_with(path, options(), HandClock::at(START_MS)).expect("the data directory opens")
}

/// Opens the directory and every app in it.
pub fn try_open(path: &Path) -> Result<Arc<DataDir>, Box<dyn std::error::Error>> {
    let data = open_with(path, options(), HandClock::at(START_MS))?;
    for name in data.app_names() {
        data.app(name.as_str())?;
    }
    Ok(data)
}

pub fn open_with(path: &Path, options: StoreOptions, clock: Arc<HandClock>) -> Result<Arc<DataDir>, store::OpenError> {
    DataDir::open(path, options, clock, random)
}

pub fn open_app(path: &Path) -> (Arc<DataDir>, Arc<App>) {
    let data = open(path);
    let app = data.app("shop").unwrap_or_else(|_| data.create_app(&AppName::new("shop").unwrap()).unwrap());
    (data, app)
}

pub fn people() -> CollectionName {
    CollectionName::new("people").unwrap()
}

pub fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).unwrap()
}

pub fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("not an object: {other:?}"),
    }
}

pub fn operation(document: &str, action: Action) -> Operation {
    Operation { collection: people(), id: id(document), condition: Condition::Always, action }
}

pub fn upsert(document: &str, json: &str) -> Operation {
    operation(document, Action::upsert(map(json)))
}

pub fn remove(document: &str) -> Operation {
    operation(document, Action::Remove)
}

pub fn changeset(operations: impl Into<Vec<Operation>>) -> Changeset {
    Changeset {
        operations: operations.into(),
        queries: Vec::new(),
        origin: Origin { peer: "http".into(), ..Origin::default() },
    }
}

/// The same, with the queries that its conditions ask.
pub fn asking<T: AsRef<str>>(queries: &[T], operations: impl Into<Vec<Operation>>) -> Changeset {
    let query =
        |text: &T| ConditionQuery { dialect: Dialect::Legacy, text: text.as_ref().to_owned(), args: Map::new() };
    Changeset { queries: queries.iter().map(query).collect(), ..changeset(operations) }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Offset, key, value, headers as text.
pub type Event = (i64, String, String, String);

pub async fn events(app: &App) -> Vec<Event> {
    let mut all = Vec::new();
    let mut offset = 0;
    while offset < app.events().high_watermark() {
        for batches in app.events().read(offset, 1 << 20).await.unwrap() {
            let mut rest = &batches[..];
            while !rest.is_empty() {
                let header = kafka_wire::record_batch::verify(rest).unwrap();
                for record in kafka_wire::record_batch::decode_records(rest).unwrap() {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
                    let headers: Vec<_> = record.headers.iter().map(|(n, v)| format!("{n}={}", text(*v))).collect();
                    if record.offset as u64 >= offset {
                        all.push((record.offset, text(record.key), text(record.value), headers.join(" ")));
                    }
                }
                offset = header.last_offset as u64 + 1;
                rest = &rest[header.len_bytes..];
            }
        }
    }
    all
}

pub async fn values(app: &App) -> Vec<String> {
    events(app).await.into_iter().map(|(_, _, value, _)| value).collect()
}

/// The collection's documents as JSON, in order.
pub fn documents(app: &App) -> Vec<String> {
    let snapshot = app.snapshot().unwrap();
    let mut all = Vec::new();
    for entry in snapshot.scan(&people()) {
        let (id, stored) = entry.unwrap();
        let mut json = Vec::new();
        stored.document.write_json(id.as_json(), &mut json);
        all.push(String::from_utf8(json).unwrap());
    }
    all
}

/// The files as a killed process leaves them.
pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
