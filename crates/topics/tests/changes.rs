//! Live queries are made and deleted whole, whatever their callers do and wherever a kill came.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use store::{AppName, CommittedOffset, DataDir, StoreOptions, WallClock};
use topics::{AppTopics, LiveQuery, OnGap, TopicRegistry};

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        1_645_444_800_000
    }
}

async fn open(dir: &Path) -> (Arc<TopicRegistry>, Arc<AppTopics>) {
    let data = DataDir::open(dir, StoreOptions::default(), Arc::new(Noon), || *b"0123456789abcdef").unwrap();
    data.create_app(&AppName::new("shop").unwrap()).unwrap();
    let registry = TopicRegistry::new(data);
    let topics = registry.app("shop").await.unwrap();
    (registry, topics)
}

fn adults() -> LiveQuery {
    LiveQuery {
        name: "adults".into(),
        collection: Some("people".into()),
        query: Some("age >= 18".into()),
        partitions: 1,
        on_gap: OnGap::Requery,
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
    app.note_view("adults", Some(b"older")).unwrap();

    topics.create(adults()).await.unwrap();
    let left: Vec<_> = app.committed_offsets("group").into_iter().map(|(topic, ..)| topic).collect();
    assert_eq!(left, [other]);
    assert_eq!(app.view("adults").unwrap(), None);
    registry.stop().await;
}
