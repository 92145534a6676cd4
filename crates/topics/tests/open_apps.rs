//! Apps are opened on their first use, closed when nobody uses them, and one that cannot be opened
//! concerns nobody else.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
use store::{App, AppName, AppUnavailable, DataDir, StoreOptions, WallClock};
use topics::{LiveQuery, OnGap, TopicRegistry};

const START_MS: u64 = 1_645_444_800_000;

#[derive(Debug)]
struct HandClock(AtomicU64);

impl WallClock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

fn directory(path: &Path, options: StoreOptions, apps: &[&str]) -> (Arc<DataDir>, Arc<HandClock>) {
    let clock = Arc::new(HandClock(START_MS.into()));
    let data = DataDir::open(path, options, clock.clone(), || *b"0123456789abcdef").unwrap();
    for app in apps {
        data.make_app(&AppName::new(app).unwrap()).unwrap();
    }
    (data, clock)
}

fn options() -> StoreOptions {
    StoreOptions { segment_bytes: 4096, ..StoreOptions::default() }
}

async fn write(app: &App, id: &str, filler: usize) {
    let mut value = Map::new();
    value.insert("filler".into(), Value::String("x".repeat(filler)));
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action: Action::upsert(value),
    };
    app.commit(Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() })
        .await
        .unwrap();
}

fn open_names(registry: &TopicRegistry) -> Vec<String> {
    registry.all_opened().iter().map(|topics| topics.app().name().as_str().to_owned()).collect()
}

/// Closes what nobody holds; tasks that just looked at an app may hold it for a moment.
async fn close_all_unused(registry: &TopicRegistry, left: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while open_names(registry) != left {
        registry.close_unused_for(Duration::ZERO).await;
        assert!(Instant::now() < deadline, "still open: {:?}", open_names(registry));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_opened_once_for_all_who_want_it_and_closed_when_nobody_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (data, _) = directory(dir.path(), options(), &["a", "b"]);
    let registry = TopicRegistry::new(data.clone());
    assert_eq!(open_names(&registry), [""; 0]);
    let wanted: Vec<_> = (0..16)
        .map(|_| {
            let registry = registry.clone();
            tokio::spawn(async move { registry.app("a").await.unwrap() })
        })
        .collect();
    let mut all = Vec::new();
    for one in wanted {
        all.push(one.await.unwrap());
    }
    assert!(all.iter().all(|topics| Arc::ptr_eq(topics, &all[0])));
    assert!(matches!(registry.app("none").await, Err(AppUnavailable::NotFound { .. })));
    registry.app("b").await.unwrap();
    close_all_unused(&registry, &["a"]).await;

    // Whatever holds it keeps it open.
    let topics = all.pop().unwrap();
    drop(all);
    let partition = topics.main().partition(0).unwrap();
    write(topics.app(), "1", 0).await;
    drop(topics);
    assert_eq!((registry.close_unused_for(Duration::ZERO).await, partition.high_watermark()), (0, 1), "a consumer");
    let snapshot = registry.app("a").await.unwrap().app().snapshot().unwrap();
    drop(partition);
    assert_eq!(registry.close_unused_for(Duration::ZERO).await, 0, "a snapshot");
    drop(snapshot);
    close_all_unused(&registry, &[]).await;
    assert_eq!((data.open_apps().len(), data.newest_txn("a").map(|newest| newest.0)), (0, Some(1)));
    assert_eq!(registry.app("a").await.unwrap().main().partition(0).unwrap().high_watermark(), 1);
    registry.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_query_of_a_closed_app_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (data, _) = directory(dir.path(), options(), &["a"]);
    let registry = TopicRegistry::new(data);
    let people = LiveQuery {
        name: "people".into(),
        collection: Some("people".into()),
        query: None,
        query_language: topics::QueryLanguage::Legacy,
        partitions: 1,
        on_gap: OnGap::Requery,
        compression: topics::Compression::None,
        permission: None,
        created_ms: 1,
    };
    for round in 1..=3 {
        let topics = registry.app("a").await.unwrap();
        if round == 1 {
            topics.create(people.clone()).await.unwrap();
        }
        write(topics.app(), &round.to_string(), 0).await;
        let partition = topics.by_name(&topics.topic_of(&people)).unwrap().partition(0).unwrap();
        assert_eq!(partition.settled_high_watermark().await, Ok(round));
        drop((topics, partition));
        close_all_unused(&registry, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_one_more_the_least_used_is_closed_and_while_all_are_held_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (data, _) = directory(dir.path(), options(), &["a", "b", "c"]);
    let registry = TopicRegistry::with_limits(data, 2, Duration::from_secs(2));
    let a = registry.app("a").await.unwrap();
    registry.app("b").await.unwrap();
    let c = registry.app("c").await.unwrap();
    assert_eq!(open_names(&registry), ["a", "c"]);
    let refused = registry.app("b").await.unwrap_err();
    assert!(matches!(&refused, AppUnavailable::Busy { app, .. } if app == "b"), "{refused}");
    let waiting = tokio::spawn({
        let registry = registry.clone();
        async move {
            loop {
                if let Ok(topics) = registry.app("b").await {
                    return topics;
                }
            }
        }
    });
    drop(a);
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap().unwrap();
    assert_eq!(open_names(&registry), ["b", "c"]);
    drop(c);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_is_told_and_the_others_are() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["a", "gone", "unreadable"];
    drop(directory(dir.path(), options(), &names));
    std::fs::remove_dir_all(dir.path().join("apps/gone")).unwrap();
    std::fs::write(dir.path().join("apps/unreadable/live-queries.json"), "{\"version\":1,").unwrap();
    let (data, _) = directory(dir.path(), options(), &[]);
    let registry = TopicRegistry::new(data.clone());
    registry.open_at_start(&AppName::new("gone").unwrap()).await;
    assert_eq!(open_names(&registry), ["a"]);
    let damaged: Vec<_> = data.damaged_apps().into_iter().map(|(app, _)| app.as_str().to_owned()).collect();
    assert_eq!(damaged, ["gone", "unreadable"]);
    for (app, why) in [("gone", "is missing"), ("unreadable", "live queries cannot be read")] {
        let error = registry.app(app).await.unwrap_err();
        assert!(matches!(&error, AppUnavailable::Damaged { reason, .. } if reason.contains(why)), "{error}");
    }
    assert!(!dir.path().join("apps/gone").exists(), "no fresh start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_by_time_reaches_an_app_that_nobody_opens() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { retention_ms: Some(1000), ..options() };
    let (data, clock) = directory(dir.path(), options, &["a", "empty"]);
    let registry = TopicRegistry::new(data.clone());
    let topics = registry.app("a").await.unwrap();
    for n in 0..4 {
        write(topics.app(), &n.to_string(), 3000).await;
    }
    drop(topics);
    close_all_unused(&registry, &[]).await;
    registry.open_for_retention().await;
    assert_eq!(open_names(&registry), [""; 0], "nothing is old yet");
    clock.0.store(START_MS + 10_000, SeqCst);
    registry.open_for_retention().await;
    assert_eq!(open_names(&registry), ["a"]);
    let app = data.opened("a").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while app.events().log_start() == 0 {
        assert!(Instant::now() < deadline, "waited in vain until it is trimmed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
