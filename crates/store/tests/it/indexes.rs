//! The law of indexes: whatever was written, made, dropped and crashed, an index that is ready has exactly the
//! entries of the documents, in the order of their values, and a collection has as many documents as are counted.

#![cfg(feature = "memory")]

use std::{collections::BTreeSet, ops::Bound, sync::Arc, time::Duration};

use crate::support::*;
use document::{CollectionName, Path as FieldPath};
use proptest::{collection::vec, prelude::*, sample::select};
use store::{
    App, CommitError, Crash, CreateIndexError, DataDir, IndexDefinition, IndexKey, KeyEnd, KeyStart, MemoryDisk, Span,
    StoreOptions,
};

const READY_WITHIN: Duration = Duration::from_secs(30);

fn index(name: &str, keys: &[(&str, bool)]) -> IndexDefinition {
    let key =
        |(path, descending): &(&str, bool)| IndexKey { path: FieldPath::parse(path).unwrap(), descending: *descending };
    IndexDefinition::new(name, people(), keys.iter().map(key).collect()).unwrap()
}

/// The indexes that a history may make. Two have one name.
fn known(n: usize) -> IndexDefinition {
    match n {
        0 => index("by-age", &[("age", false)]),
        1 => index("by-age", &[("age", true), ("name", false)]),
        2 => index("by-city", &[("address.city", false), ("age", true)]),
        _ => index("by-nothing", &[("nothing", false)]),
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Transactions, each of documents and what they are written: `None` removes.
    Write(Vec<Vec<(u8, Option<&'static str>)>>),
    Create(usize),
    Drop(usize),
    /// At the end of that batch of the engine from here on, while documents are written.
    Crash {
        batches: u64,
        power_loss: bool,
        writes: Vec<(u8, Option<&'static str>)>,
    },
    /// Opened again.
    Reopen,
}

const FIELDS: &[&str] = &[
    "{}",
    r#"{"age":1}"#,
    r#"{"age":1.5,"name":"a"}"#,
    r#"{"age":null,"name":"2024-02-29"}"#,
    r#"{"age":"2024-02-29T10:00:00Z","address":{"city":"Bern"}}"#,
    r#"{"age":"2024-02-29T10:00+02","address":{"city":["a",1]}}"#,
    r#"{"age":{"a":1},"address":1}"#,
    r#"{"age":-0.0,"address":{"city":"Aarau"}}"#,
];

fn write() -> impl Strategy<Value = (u8, Option<&'static str>)> {
    (0..12_u8, prop_oneof![4 => select(FIELDS).prop_map(Some), 1 => Just(None)])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => vec(vec(write(), 1..4), 1..6).prop_map(Step::Write),
        3 => (0..4_usize).prop_map(Step::Create),
        1 => (0..4_usize).prop_map(Step::Drop),
        3 => (1..30_u64, any::<bool>(), vec(write(), 1..12))
            .prop_map(|(batches, power_loss, writes)| Step::Crash { batches, power_loss, writes }),
        1 => Just(Step::Reopen),
    ]
}

struct World {
    root: tempfile::TempDir,
    copies: usize,
    memory: MemoryDisk,
    open: Option<(Arc<DataDir>, Arc<App>)>,
}

impl World {
    fn new() -> Self {
        let mut world =
            Self { root: tempfile::tempdir().unwrap(), copies: 0, memory: MemoryDisk::default(), open: None };
        world.open();
        world
    }

    fn dir(&self) -> std::path::PathBuf {
        self.root.path().join(self.copies.to_string())
    }

    fn open(&mut self) {
        let options = StoreOptions { memory: Some(self.memory.clone()), builds_slowly: true, ..options() };
        let data = open_with(&self.dir(), options, HandClock::at(START_MS)).unwrap();
        let app = data.app("shop");
        let app = app.unwrap_or_else(|_| data.create_app(&store::AppName::new("shop").unwrap()).unwrap());
        self.open = Some((data, app));
    }

    fn app(&self) -> &Arc<App> {
        &self.open.as_ref().unwrap().1
    }

    fn close(&mut self) {
        let (data, app) = self.open.take().unwrap();
        drop(app);
        data.stop();
    }

    async fn write(&self, writes: &[(u8, Option<&'static str>)]) {
        let operation = |(n, json): &(u8, Option<&str>)| match json {
            Some(json) => upsert(&format!("d{n}"), json),
            None => remove(&format!("d{n}")),
        };
        let operations: Vec<_> = writes.iter().map(operation).collect();
        self.app().commit(changeset(operations)).await.unwrap();
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Write(transactions) => {
                for writes in transactions {
                    self.write(&writes).await;
                }
            }
            Step::Create(n) => match self.app().create_index(&known(n)).await {
                Ok(()) | Err(CreateIndexError::NameTaken { .. }) => {}
                Err(other) => panic!("{other}"),
            },
            Step::Drop(n) => drop(self.app().drop_index(&people(), &known(n).name).await.unwrap()),
            Step::Crash { batches, power_loss, writes } => {
                let crash = if power_loss { Crash::PowerLoss } else { Crash::Kill };
                self.crash(batches, crash, &writes).await;
            }
            Step::Reopen => {
                self.close();
                self.open();
            }
        }
    }

    async fn crash(&mut self, batches: u64, crash: Crash, writes: &[(u8, Option<&'static str>)]) {
        let (from, to) = (self.dir(), self.root.path().join((self.copies + 1).to_string()));
        let crashed = self.memory.plan_crash(batches, crash);
        let taking = tokio::task::spawn_blocking({
            let to = to.clone();
            move || {
                let crashed = crashed.recv().ok()?;
                copy_dir(&from, &to);
                Some(crashed.disk.clone())
            }
        });
        for write in writes {
            self.write(&[*write]).await;
        }
        self.memory.unplan_crash();
        let left = taking.await.unwrap().unwrap_or_else(|| {
            let left = self.memory.after(crash);
            copy_dir(&self.dir(), &to);
            left
        });
        self.close();
        std::fs::remove_dir_all(self.dir()).unwrap();
        self.copies += 1;
        self.memory = left;
        self.open();
    }

    /// Every index is built, and is what it must be.
    async fn check(&self) {
        let app = self.app();
        for index in app.indexes() {
            let name = index.definition.name.clone();
            let ready = app.index_when_ready(&people(), &name, READY_WITHIN).await.unwrap();
            assert!(ready.is_ready, "{ready:?}");
        }
        assert_eq!(app.index_findings(), [""; 0]);
        let snapshot = app.snapshot().unwrap();
        let raw = snapshot.raw_documents(&people(), Bound::Unbounded, Bound::Unbounded).map(Result::unwrap);
        let documents: BTreeSet<String> =
            raw.filter(|one| one.exists().unwrap()).map(|one| one.id_json().unwrap().to_owned()).collect();
        assert_eq!(snapshot.documents_in(&people()).unwrap(), documents.len() as u64);
        let indexes = snapshot.indexes(&people()).unwrap();
        assert_eq!(indexes.len(), app.indexes().len());
        for index in indexes {
            let ids = |backwards| {
                let entries = snapshot.index_entries(&index, &Span::all(), backwards).map(Result::unwrap);
                entries.map(|entry| entry.id_json().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let (forwards, mut backwards) = (ids(false), ids(true));
            backwards.reverse();
            assert_eq!(forwards, backwards);
            assert_eq!(forwards.into_iter().collect::<BTreeSet<_>>(), documents);
        }
    }
}

/// How many histories are tried; `INDEX_HISTORIES` says another number.
fn histories() -> u32 {
    std::env::var("INDEX_HISTORIES").map_or(150, |number| number.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn an_index_is_what_its_documents_are(steps in vec(step(), 1..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                let is_crash = matches!(step, Step::Crash { .. } | Step::Reopen);
                world.take(step).await;
                if is_crash {
                    world.check().await;
                }
            }
            world.check().await;
            world.close();
        });
    }
}

#[test]
fn an_index_is_built_over_what_is_there_and_found_by() {
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    let runtime = runtime();
    runtime.block_on(async {
        for chunk in 0..20 {
            let operations: Vec<_> =
                (0..100).map(|n| upsert(&format!("d{chunk}-{n}"), &format!(r#"{{"age":{n}}}"#))).collect();
            app.commit(changeset(operations)).await.unwrap();
        }
        app.create_index(&known(0)).await.unwrap();
        app.create_index(&known(0)).await.unwrap(); // the same again
        let taken = app.create_index(&known(1)).await.unwrap_err();
        assert!(matches!(&taken, CreateIndexError::NameTaken { .. }), "{taken}");
        let ready = app.index_when_ready(&people(), "by-age", READY_WITHIN).await.unwrap();
        assert!(ready.is_ready && ready.entries == 2000 && ready.documents == 2000, "{ready:?}");
        app.commit(changeset([upsert("d0-7", r#"{"age":"seven"}"#), remove("d1-7")])).await.unwrap();
    });
    let snapshot = app.snapshot().unwrap();
    let index = snapshot.indexes(&people()).unwrap().remove(0);
    let seven = document::Value::Int(7);
    let span = Span::of(&index.definition, &[], KeyStart::At(Some(&seven)), KeyEnd::At(Some(&seven)));
    let found: Vec<_> = snapshot.index_entries(&index, &span, false).collect();
    assert_eq!((found.len(), index.statistics[0].texts), (18, 1));
    drop((snapshot, app));
    data.stop();
    drop(data);
    let report = store::verify(dir.path(), &mut |_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn too_many_indexes_and_too_large_a_transaction_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        for n in 0..store::limits::INDEXES_MAX {
            app.create_index(&index(&format!("i{n}"), &[("age", n % 2 == 0)])).await.unwrap();
        }
        let refused = app.create_index(&index("one-more", &[("age", false)])).await;
        assert!(matches!(refused, Err(CreateIndexError::TooMany)), "{refused:?}");
        for n in 0..store::limits::INDEXES_MAX {
            app.index_when_ready(&people(), &format!("i{n}"), READY_WITHIN).await.unwrap();
        }
        let operations: Vec<_> = (0..20_000).map(|n| upsert(&format!("d{n}"), "{}")).collect();
        let refused = app.commit(changeset(operations)).await;
        assert!(matches!(refused, Err(CommitError::TooManyIndexEntries { .. })), "{refused:?}");
        assert_eq!(app.newest_txn().0, 0, "nothing happened");
        assert!(app.drop_index(&people(), "i0").await.unwrap());
        assert!(!app.drop_index(&people(), "i0").await.unwrap());
        assert!(!app.drop_index(&CollectionName::new("other").unwrap(), "i1").await.unwrap());
    });
}

/// As a server that knows nothing of indexes leaves it: it has written documents since.
#[test]
fn what_an_older_version_wrote_is_counted_and_indexed_at_the_next_start() {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    runtime.block_on(async {
        app.commit(changeset([upsert("a", r#"{"age":1}"#), upsert("b", r#"{"age":2}"#)])).await.unwrap();
        app.create_index(&known(0)).await.unwrap();
        app.index_when_ready(&people(), "by-age", READY_WITHIN).await.unwrap();
        app.commit(changeset([upsert("a", r#"{"age":3}"#)])).await.unwrap();
        app.as_if_an_older_version_had_written_last();
    });
    drop(app);
    data.stop();
    drop(data);
    assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
    let (_data, app) = open_app(dir.path());
    let ready = runtime.block_on(app.index_when_ready(&people(), "by-age", READY_WITHIN)).unwrap();
    assert!(ready.is_ready && ready.entries == 2 && ready.documents == 2, "{ready:?}");
    assert_eq!(app.index_findings(), [""; 0]);
}

#[test]
fn long_values_are_cut_and_arrays_and_objects_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    let long = |end: &str| {
        format!(
            r#"{{"age":"{}{end}","name":[{}],"address":{{"city":{{"a":[1]}}}}}}"#,
            "x".repeat(1 << 20),
            "7,".repeat(1000) + "8"
        )
    };
    runtime().block_on(async {
        let keys = [("age", false), ("name", true), ("address.city", false), ("nothing", true)];
        app.create_index(&index("wide", &keys)).await.unwrap();
        for (n, end) in ["a", "b", "c"].into_iter().enumerate() {
            app.commit(changeset([upsert(&format!("d{n}"), &long(end))])).await.unwrap();
        }
        app.commit(changeset([remove("d1")])).await.unwrap();
        app.index_when_ready(&people(), "wide", READY_WITHIN).await.unwrap();
    });
    assert_eq!(app.index_findings(), [""; 0]);
    let snapshot = app.snapshot().unwrap();
    let wide = snapshot.indexes(&people()).unwrap().remove(0);
    assert_eq!((wide.entries, wide.statistics[0].cut, wide.statistics[2].containers), (2, 2, 2));
    let sought = document::Value::String("x".repeat(1 << 20) + "a");
    let span = Span::of(&wide.definition, &[], KeyStart::At(Some(&sought)), KeyEnd::At(Some(&sought)));
    assert!(!span.is_exact, "others look like it, and have to be looked at");
    let found: Vec<_> = snapshot.index_entries(&wide, &span, false).map(Result::unwrap).collect();
    assert!(found.len() == 2 && found.iter().all(|entry| entry.key().len() < 8 << 10));
}

/// A text that ends where longer ones are cut has the key that they have.
#[test]
fn what_looks_like_a_cut_value_is_not_taken_for_exact() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.create_index(&known(0)).await.unwrap();
        let operations: Vec<_> = (1024..1029)
            .map(|length| upsert(&format!("d{length}"), &format!(r#"{{"age":"{}"}}"#, "x".repeat(length))))
            .collect();
        app.commit(changeset(operations)).await.unwrap();
        app.index_when_ready(&people(), "by-age", READY_WITHIN).await.unwrap();
    });
    let snapshot = app.snapshot().unwrap();
    let by_age = snapshot.indexes(&people()).unwrap().remove(0);
    let bound = document::Value::String("x".repeat(1023));
    let behind = Span::of(&by_age.definition, &[], KeyStart::After(&bound), KeyEnd::LastOfKind(&bound));
    assert_eq!((snapshot.index_entries(&by_age, &behind, false).count(), behind.is_exact), (5, false));
    let at = Span::of(&by_age.definition, &[], KeyStart::At(Some(&bound)), KeyEnd::At(Some(&bound)));
    assert!(!at.is_exact);
}
