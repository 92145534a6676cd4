//! An app whose documents are in memory, and reads that nothing bounds.

use std::{sync::Arc, time::Duration};

use document::{
    Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Path, PathSegment, Value,
};
use find::{Found, Plan, Query, SortKey, SortTooLarge, Work};
use query::{Budget, TooExpensive};
use store::{
    App, AppName, DataDir, IndexDefinition, IndexKey, MemoryDisk, Snapshot, SnapshotError, StoreOptions, WallClock,
};

#[derive(Debug)]
struct Clock;

impl WallClock for Clock {
    fn now_ms(&self) -> u64 {
        1_645_472_201_000
    }
}

pub(crate) struct World {
    runtime: tokio::runtime::Runtime,
    pub(crate) app: Arc<App>,
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

    /// In one transaction; `None` removes.
    pub(crate) fn write(&self, collection: &str, documents: impl IntoIterator<Item = (DocumentId, Option<Map>)>) {
        let operations = documents.into_iter().map(|(id, value)| Operation {
            collection: name(collection),
            id,
            condition: Condition::Always,
            action: value.map_or(Action::Remove, Action::upsert),
        });
        let origin = Origin { peer: "http".into(), ..Origin::default() };
        let changeset = Changeset { operations: operations.collect(), queries: Vec::new(), origin };
        self.runtime.block_on(self.app.commit(changeset)).unwrap();
    }

    /// `keys` are paths, `-` before those that descend.
    pub(crate) fn index(&self, collection: &str, index: &str, keys: &[&str]) {
        let keys = keys
            .iter()
            .map(|key| IndexKey { path: path(key.trim_start_matches('-')), descending: key.starts_with('-') });
        let definition = IndexDefinition::new(index, name(collection), keys.collect()).unwrap();
        self.runtime.block_on(async {
            self.app.create_index(&definition).await.unwrap();
            let ready = self.app.index_when_ready(&definition.collection, index, Duration::from_secs(60)).await;
            assert!(ready.unwrap().is_ready);
        });
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.app.snapshot().unwrap()
    }
}

pub(crate) fn name(collection: &str) -> CollectionName {
    CollectionName::new(collection).unwrap()
}

pub(crate) fn path(text: &str) -> Path {
    Path { segments: text.split('.').map(|name| PathSegment::Field(name.to_owned())).collect() }
}

/// Paths, `-` before those that descend.
pub(crate) fn sort(keys: &[&str]) -> Vec<SortKey> {
    let key = |key: &&str| SortKey { path: path(key.trim_start_matches('-')), descending: key.starts_with('-') };
    keys.iter().map(key).collect()
}

pub(crate) fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("not an object: {other:?}"),
    }
}

pub(crate) fn filter(text: &str) -> query::Filter {
    query::Query::parse(text).unwrap().bind(&Map::new()).unwrap()
}

/// Why a read of a test ends.
#[derive(Debug)]
pub(crate) enum Ended {
    Read(#[expect(dead_code, reason = "shown by a test that fails")] SnapshotError),
    TooExpensive,
    SortTooLarge,
    /// The work said so.
    GivenUp,
}

impl From<SnapshotError> for Ended {
    fn from(error: SnapshotError) -> Self {
        Ended::Read(error)
    }
}

impl From<TooExpensive> for Ended {
    fn from(_: TooExpensive) -> Self {
        Ended::TooExpensive
    }
}

impl From<SortTooLarge> for Ended {
    fn from(_: SortTooLarge) -> Self {
        Ended::SortTooLarge
    }
}

/// Counts, and ends after so many.
pub(crate) struct Counting {
    pub(crate) looked_at: usize,
    pub(crate) most: usize,
    pub(crate) budget: Budget,
}

impl Counting {
    pub(crate) fn new(most: usize) -> Self {
        Self { looked_at: 0, most, budget: Budget::new(u64::MAX) }
    }
}

impl Work for Counting {
    type Error = Ended;

    fn check(&mut self, _: &str) -> Result<(), Ended> {
        self.looked_at += 1;
        if self.looked_at > self.most { Err(Ended::GivenUp) } else { Ok(()) }
    }

    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}

/// The ids, and where it goes on.
pub(crate) fn read(snapshot: &Snapshot, plan: &Plan, query: &Query) -> (Vec<DocumentId>, Option<find::Cursor>) {
    let mut work = Counting::new(usize::MAX);
    let mut ids = Vec::new();
    let take = |found: Found, _: &mut Counting| {
        assert_eq!(found.stored.id_json().unwrap(), found.id.as_json());
        ids.push(found.id);
        Ok(true)
    };
    let next = find::documents(snapshot, plan, query, &mut work, take).unwrap();
    (ids, next)
}
