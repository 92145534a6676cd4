//! An app whose documents are in memory, and statements that nothing but room bounds.

use std::sync::Arc;

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
use executor::{ExecuteError, SelectPlan};
use find::SortTooLarge;
use query::{
    Budget, TooExpensive,
    dql::{Bound, Constants, RowsError, Statement},
};
use store::{App, AppName, DataDir, MemoryDisk, Snapshot, SnapshotError, StoreOptions, WallClock};

#[derive(Debug)]
struct Clock;

impl WallClock for Clock {
    fn now_ms(&self) -> u64 {
        1_645_472_201_000
    }
}

pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    app: Arc<App>,
    _data: Arc<DataDir>,
    _dir: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options =
            StoreOptions { memory: Some(MemoryDisk::default()), engine_threads: 1, ..StoreOptions::default() };
        let data = DataDir::open(dir.path(), options, Arc::new(Clock), || *b"0123456789abcdef").unwrap();
        let app = data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, app, _data: data, _dir: dir }
    }

    /// In one transaction; fields as JSON.
    pub(crate) fn write(&self, collection: &str, documents: impl IntoIterator<Item = (DocumentId, String)>) {
        let operations = documents.into_iter().map(|(id, fields)| Operation {
            collection: name(collection),
            id,
            condition: Condition::Always,
            action: Action::upsert(map(&fields)),
        });
        let operations = operations.collect();
        let changeset = Changeset { operations, queries: Vec::new(), origin: Origin::default() };
        self.runtime.block_on(self.app.commit(changeset)).unwrap();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.app.snapshot().unwrap()
    }

    /// The rows, a comma between two.
    pub(crate) fn select(&self, statement: &str) -> Result<String, Ended> {
        self.select_within(statement, usize::MAX)
    }

    pub(crate) fn select_within(&self, statement: &str, bytes_max: usize) -> Result<String, Ended> {
        let Bound::Select(select) = bound(statement) else { panic!("a SELECT: {statement}") };
        let snapshot = self.snapshot();
        let plan = SelectPlan::of(&snapshot, &select, name(select.collection()), None)?;
        let mut out = Vec::new();
        let mut work = Work { budget: Budget::new(u64::MAX), bytes_max };
        plan.run(&snapshot, &select, &mut work, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }
}

pub(crate) fn bound(statement: &str) -> Bound {
    let constants = Constants { now_ms: 1, strict: false, request_info: Map::new(), zone_offset: None };
    Statement::parse(statement).unwrap().bind(&Map::new(), &constants).unwrap()
}

pub(crate) fn name(collection: &str) -> CollectionName {
    CollectionName::new(collection).unwrap()
}

fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("not an object: {other:?}"),
    }
}

/// Why a statement of a test ends.
#[derive(Debug)]
#[expect(dead_code, reason = "shown by a test that fails")]
pub(crate) enum Ended {
    Read(SnapshotError),
    TooExpensive(TooExpensive),
    SortTooLarge(SortTooLarge),
    Rows(RowsError),
    Execute(ExecuteError),
    NoRoom,
}

impl From<SnapshotError> for Ended {
    fn from(error: SnapshotError) -> Self {
        Ended::Read(error)
    }
}

impl From<TooExpensive> for Ended {
    fn from(error: TooExpensive) -> Self {
        Ended::TooExpensive(error)
    }
}

impl From<SortTooLarge> for Ended {
    fn from(error: SortTooLarge) -> Self {
        Ended::SortTooLarge(error)
    }
}

impl From<RowsError> for Ended {
    fn from(error: RowsError) -> Self {
        Ended::Rows(error)
    }
}

impl From<ExecuteError> for Ended {
    fn from(error: ExecuteError) -> Self {
        Ended::Execute(error)
    }
}

struct Work {
    budget: Budget,
    bytes_max: usize,
}

impl find::Work for Work {
    type Error = Ended;

    fn check(&mut self, _: &str) -> Result<(), Ended> {
        Ok(())
    }

    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}

impl executor::Work for Work {
    fn make_room(&mut self, bytes: usize) -> Result<(), Ended> {
        if bytes > self.bytes_max { Err(Ended::NoRoom) } else { Ok(()) }
    }
}
