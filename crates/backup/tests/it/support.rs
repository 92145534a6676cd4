//! A store with an app, backups of it, and what must be the same in both.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use backup::{Backup, Course, Error, Extracted, Passphrase, PruneAfter, Taken, Taking};
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use store::{App, AppName, DataDir, StoreOptions, WallClock};

pub(crate) const START_MS: u64 = 1_645_472_201_000;

/// Says one ms more each time.
#[derive(Debug)]
struct Ticks(AtomicU64);

impl WallClock for Ticks {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, SeqCst)
    }
}

pub(crate) fn options() -> StoreOptions {
    StoreOptions { segment_bytes: 64 * 1024, ..StoreOptions::default() }
}

/// A folder in memory, where there is one: for tests that write again and again, and lose no power.
pub(crate) fn folder_in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub(crate) fn trimming(retention_bytes: u64) -> StoreOptions {
    StoreOptions { retention_bytes: Some(retention_bytes), ..options() }
}

pub(crate) fn open(dir: &Path, options: StoreOptions) -> Arc<DataDir> {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    fn random() -> [u8; 16] {
        u128::from(COUNT.fetch_add(1, SeqCst)).to_be_bytes()
    }
    DataDir::open(dir, options, Arc::new(Ticks(AtomicU64::new(START_MS))), random).unwrap()
}

pub(crate) fn app(data: &DataDir, name: &str) -> Arc<App> {
    data.app(name).unwrap_or_else(|_| data.create_app(&AppName::new(name).unwrap()).unwrap())
}

pub(crate) fn upsert(id: &str, json: &str) -> Changeset {
    let Ok(Value::Map(fields)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
    changeset(id, Action::upsert(fields))
}

pub(crate) fn changeset(id: &str, action: Action) -> Changeset {
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action,
    };
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}

/// A removal.
pub(crate) fn remove(id: &str) -> Changeset {
    changeset(id, Action::Remove)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Writes so many documents of 1 KB, the first of which is called by `from`.
pub(crate) fn fill(app: &App, from: usize, count: usize) {
    let runtime = runtime();
    let filler = "x".repeat(1_000);
    for n in from..from + count {
        let json = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
        runtime.block_on(app.commit(upsert(&format!("d{n:05}"), &json))).unwrap();
    }
}

pub(crate) fn take(to: &Path, data: &DataDir) -> Result<Taken, Error> {
    take_with(to, data, None, &mut |_| Course::GoOn)
}

pub(crate) fn take_with(
    to: &Path,
    data: &DataDir,
    passphrase: Option<&Passphrase>,
    tell: &mut dyn FnMut(backup::Progress) -> Course,
) -> Result<Taken, Error> {
    take_and_keep(to, data, passphrase, None, tell)
}

/// The same, and removes points that were taken before `keep_from_ms`.
pub(crate) fn take_and_keep(
    to: &Path,
    data: &DataDir,
    passphrase: Option<&Passphrase>,
    keep_from_ms: Option<u64>,
    tell: &mut dyn FnMut(backup::Progress) -> Course,
) -> Result<Taken, Error> {
    static NOW_MS: AtomicU64 = AtomicU64::new(START_MS);
    take_at(NOW_MS.fetch_add(1_000, SeqCst), to, data, passphrase, keep_from_ms, tell)
}

/// The same, at a time of the clock's.
pub(crate) fn take_at(
    now_ms: u64,
    to: &Path,
    data: &DataDir,
    passphrase: Option<&Passphrase>,
    keep_from_ms: Option<u64>,
    tell: &mut dyn FnMut(backup::Progress) -> Course,
) -> Result<Taken, Error> {
    let open = |name: &AppName| data.app(name.as_str()).map_err(|error| error.to_string());
    let taking = Taking { data, open: &open, only: None, passphrase, server: "0.0.0", now_ms };
    let prune = keep_from_ms.map(|taken_before_ms| PruneAfter { taken_before_ms });
    backup::take_and_prune(to, &taking, prune, tell).map(|(taken, _)| taken)
}

pub(crate) fn extract(from: &Path, to: &Path) -> Result<Extracted, Error> {
    Backup::open(from)?.extract_into(to, &mut |_| Course::GoOn)
}

pub(crate) fn verify(backup: &Path) -> Vec<String> {
    Backup::open(backup).unwrap().verify(&mut |_| Course::GoOn).unwrap().findings
}

/// Everything that an app says: documents, events from its log start on, offsets of groups, definitions.
pub(crate) fn says(app: &App) -> Vec<String> {
    let snapshot = app.snapshot().unwrap();
    let mut all =
        vec![format!("txn {} events {}..{}", app.newest_txn().0, snapshot.log_start(), snapshot.next_offset())];
    for entry in snapshot.scan(&CollectionName::new("people").unwrap()) {
        let (id, stored) = entry.unwrap();
        let mut json = Vec::new();
        stored.document.write_json(id.as_json(), &mut json);
        all.push(String::from_utf8(json).unwrap());
    }
    all.extend(snapshot.trimmed_changes(0).map(|change| format!("{:?}", change.unwrap())));
    let mut offset = snapshot.log_start();
    while offset < snapshot.next_offset() {
        for piece in runtime().block_on(app.events().read(offset, 1 << 20)).unwrap() {
            all.push(format!("{:x?}", &piece.bytes[..]));
            offset = piece.next_offset;
        }
    }
    all.extend(app.groups_with_offsets().iter().map(|group| format!("{group} {:?}", app.committed_offsets(group))));
    all.extend(
        [store::DefinitionKind::Index, store::DefinitionKind::LiveQuery]
            .map(|kind| format!("{:?}", app.definitions(kind))),
    );
    all
}

pub(crate) fn assert_same(was: &[String], is: &[String]) {
    let first = was.iter().zip(is).position(|(was, is)| was != is);
    let shown = |all: &[String]| first.and_then(|n| all.get(n)).map(|text| text.chars().take(300).collect::<String>());
    assert!(
        was == is,
        "{} and {} lines; the first that differs: {:?} {:?}",
        was.len(),
        is.len(),
        shown(was),
        shown(is)
    );
}

pub(crate) fn assert_whole(data_dir: &Path) {
    let report = store::verify(data_dir, &mut |_| {}).unwrap();
    assert!(report.is_whole(), "{report:?}");
}
