//! Live queries are made and deleted whole, whatever their callers do and wherever a kill came.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use store::{AppName, CommittedOffset, CreateAppError, DataDir, StoreOptions, WallClock};
use topics::{AppTopics, LiveQuery, MAIN, OnGap, Rebuild, Stop, TopicRegistry};

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        1_645_444_800_000
    }
}

async fn open(dir: &Path) -> (Arc<TopicRegistry>, Arc<AppTopics>) {
    open_with(dir, StoreOptions::default()).await
}

async fn open_with(dir: &Path, options: StoreOptions) -> (Arc<TopicRegistry>, Arc<AppTopics>) {
    let data = DataDir::open(dir, options, Arc::new(Noon), || *b"0123456789abcdef").unwrap();
    match data.create_app(&AppName::new("shop").unwrap()) {
        Ok(_) | Err(CreateAppError::Exists(_)) => {}
        Err(error) => panic!("{error}"),
    }
    let registry = TopicRegistry::new(data);
    let topics = registry.app("shop").await.unwrap();
    (registry, topics)
}

fn adults() -> LiveQuery {
    LiveQuery {
        name: "adults".into(),
        collection: Some("people".into()),
        query: Some("age >= 18".into()),
        query_language: topics::QueryLanguage::Legacy,
        partitions: 1,
        on_gap: OnGap::Requery,
        compression: topics::Compression::None,
        permission: None,
        created_ms: 1,
    }
}

#[tokio::test]
async fn a_change_goes_on_when_its_caller_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path()).await;
    tokio::select! {
        biased;
        made = topics.create(adults()) => panic!("{made:?} without waiting for the disk"),
        () = std::future::ready(()) => {}
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while topics.live_queries().len() < 2 {
        assert!(Instant::now() < deadline, "waited in vain for the live query");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_live_query_begins_with_nothing_that_an_older_one_of_its_name_left() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path()).await;
    let app = topics.app();
    // As a kill leaves it after an older one was deleted, and before what belonged to it was.
    let (ours, other) = (topics.topic_of(&adults()), app.name().main_topic());
    let committed = CommittedOffset { offset: 5, leader_epoch: 0, metadata: String::new() };
    let offsets = [&ours, &other].map(|topic| (topic.clone(), 0, committed.clone()));
    app.commit_offsets("group", offsets.into()).await.unwrap();

    topics.create(adults()).await.unwrap();
    let left: Vec<_> = app.committed_offsets("group").into_iter().map(|(topic, ..)| topic).collect();
    assert_eq!(left, [other]);
    registry.stop().await;
}

fn person(id: &str) -> Changeset {
    written(id, &format!(r#"{{"filler":"{}"}}"#, "x".repeat(3000)))
}

fn written(id: &str, json: &str) -> Changeset {
    let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action: Action::upsert(value),
    };
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}

/// A reader that has waited since before the change is no different from one that comes now.
#[tokio::test]
async fn what_a_gap_gets_changes_for_readers_that_wait_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 4096, retention_bytes: Some(0), ..StoreOptions::default() };
    let data = DataDir::open(dir.path(), options, Arc::new(Noon), || *b"0123456789abcdef").unwrap();
    data.create_app(&AppName::new("shop").unwrap()).unwrap();
    let registry = TopicRegistry::new(data);
    let topics = registry.app("shop").await.unwrap();
    topics.create(LiveQuery { query: None, ..adults() }).await.unwrap();
    for n in 0..10 {
        topics.app().commit(person(&n.to_string())).await.unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while topics.app().events().log_start() < 5 {
        assert!(Instant::now() < deadline, "waited in vain until it is trimmed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for (name, topic) in [(MAIN, topics.main()), ("adults", topics.all()[1].clone())] {
        let reader = topic.partition(0).unwrap();
        assert_eq!(reader.settled_high_watermark().await, Ok(10));
        let mut woken = topic.watch();
        woken.mark_unchanged();
        let gap = || async {
            let batches = reader.read(0, 1 << 20, Rebuild::default()).await.unwrap();
            String::from_utf8_lossy(&batches.concat()).contains("requeryRequired")
        };
        assert!(gap().await, "{name} names what is gone");
        topics.set_on_gap(name, OnGap::Snapshot).await.unwrap();
        assert!(!gap().await, "{name} brings it");
        let shown = topics.live_queries().into_iter().find(|query| query.name == name).unwrap();
        assert_eq!(shown.on_gap, OnGap::Snapshot);
        if name != MAIN {
            assert!(woken.has_changed().unwrap(), "{name}: who waits looks again");
        }
    }
    registry.stop().await;
}

/// Null and missing are two in DQL; in the legacy language the text would be none.
#[tokio::test]
async fn a_live_query_by_dql_means_the_same_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path()).await;
    let by_dql = LiveQuery {
        query: Some("age IS MISSING AND name LIKE 'A%'".into()),
        query_language: topics::QueryLanguage::Dql,
        ..adults()
    };
    topics.create(by_dql.clone()).await.unwrap();
    let write = async |topics: &AppTopics, id: &str, json: &str| {
        topics.app().commit(written(id, json)).await.unwrap();
    };
    write(&topics, "a", r#"{"name":"Ada"}"#).await; // carried
    write(&topics, "b", r#"{"name":"Abe","age":null}"#).await;
    write(&topics, "c", r#"{"name":"Bob"}"#).await;
    let carried = async |topics: &AppTopics| topics.all()[1].partition(0).unwrap().settled_high_watermark().await;
    assert_eq!(carried(&topics).await, Ok(1));
    registry.stop().await;
    drop((registry, topics));

    let (registry, topics) = open(dir.path()).await;
    assert_eq!(topics.live_queries()[1], by_dql);
    write(&topics, "a", r#"{"name":"Ada","age":3}"#).await; // carried: it leaves
    write(&topics, "a", r#"{"name":"Ada","age":4}"#).await;
    assert_eq!(carried(&topics).await, Ok(2));
    registry.stop().await;
}

#[tokio::test]
async fn readers_hear_that_a_live_query_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path()).await;
    topics.create(adults()).await.unwrap();
    let topic = topics.all()[1].clone();
    let reader = topic.partition(0).unwrap();
    assert!(reader.stop().is_none());
    let mut woken = topic.watch();
    woken.mark_unchanged();
    topics.delete("adults").await.unwrap();
    assert!(woken.has_changed().unwrap());
    assert!(matches!(reader.stop(), Some(Stop::Gone)));
    registry.stop().await;
}

/// The journal's last segment need not hold an event, and all before it may be trimmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_query_comes_to_its_end_where_all_events_are_trimmed() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { segment_bytes: 4096, retention_bytes: Some(0), ..StoreOptions::default() };
    let (registry, topics) = open_with(dir.path(), options).await;
    let app = topics.app();
    app.commit(person("a")).await.unwrap();
    let offset = CommittedOffset { offset: 1, leader_epoch: 0, metadata: "m".repeat(4000) };
    let deadline = Instant::now() + Duration::from_secs(30);
    while app.events().log_start() < app.events().high_watermark() {
        assert!(Instant::now() < deadline, "waited in vain for the trim");
        app.commit_offsets("group", vec![("t".into(), 0, offset.clone())]).await.unwrap();
    }
    let everybody = LiveQuery { query: None, ..adults() };
    topics.create(everybody.clone()).await.unwrap();
    let partition = topics.by_name(&topics.topic_of(&everybody)).unwrap().partition(0).unwrap();
    // Less than it waits for one that does not get on.
    let settled = tokio::time::timeout(Duration::from_secs(5), partition.settled_high_watermark()).await;
    assert_eq!(settled.expect("it comes to an end"), Ok(1), "the document that is told of");
    assert_eq!(partition.read(0, 1 << 20, partition.rebuild()).await.unwrap().len(), 1);
    registry.stop().await;
}
