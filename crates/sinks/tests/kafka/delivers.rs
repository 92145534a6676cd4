//! What arrives is what our own endpoint gives.

use topics::{LiveQuery, OnGap};
use wire::admin::{NewSink, SinkFormat, SinkStart};

use super::{
    reader::{assert_delivered, delivered, expected, flat},
    server::{Server, broker, remove, sink},
};

fn everybody(partitions: u16) -> LiveQuery {
    LiveQuery {
        name: "everybody".into(),
        collection: Some("people".into()),
        query: None,
        query_language: topics::QueryLanguage::Legacy,
        partitions,
        on_gap: OnGap::Requery,
        compression: topics::Compression::None,
        permission: None,
        created_ms: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_once_with_the_same_bytes_key_headers_time_and_partition() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open(dir.path(), "run-1").await;
    server.topics.create(everybody(2)).await.unwrap();
    for n in 0..50 {
        server.write(&format!("id-{}", n % 20), 10).await;
    }
    let bootstrap = broker().bootstrap();
    server.sinks.create(&server.topics, sink("main", "delivers-main", &bootstrap)).await.unwrap();
    let of_view = NewSink { live_query: Some("everybody".into()), ..sink("view", "delivers-view", &bootstrap) };
    server.sinks.create(&server.topics, of_view).await.unwrap();
    let latest = NewSink { start: SinkStart::Latest, ..sink("late", "delivers-late", &bootstrap) };
    server.sinks.create(&server.topics, latest).await.unwrap();
    server.until_delivered("late").await;
    for n in 0..50 {
        server.write(&format!("id-{}", n % 30), 10).await;
    }
    for name in ["main", "view", "late"] {
        server.until_delivered(name).await;
    }
    assert_eq!(server.shown("main").events, 100);
    let main = expected(&server.topics.main(), 3).await;
    assert_delivered(&bootstrap, "delivers-main", &main);
    let view = server.topics.live_queries().into_iter().find(|it| it.name == "everybody").unwrap();
    let view = server.topics.by_name(&server.topics.topic_of(&view)).unwrap();
    // Of two partitions into three: no order is promised but that of one document.
    let (mut found, mut wanted) = (flat(delivered(&bootstrap, "delivers-view", 100)), flat(expected(&view, 3).await));
    let by_document = |it: &super::reader::Event| (it.key.clone(), it.header("txnId").parse::<u64>().unwrap());
    assert!(found.chunk_by(|a, b| a.key == b.key).all(|it| it.is_sorted_by_key(by_document)));
    found.sort_by_key(by_document);
    wanted.sort_by_key(by_document);
    assert_eq!(found, wanted);
    assert_eq!(flat(delivered(&bootstrap, "delivers-late", 50)).len(), 50, "only what came after it");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_where_it_was_and_begins_anew_when_it_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let bootstrap = broker().bootstrap();
    for run in 0..3 {
        let server = Server::open(dir.path(), &format!("run-{run}")).await;
        if run == 0 {
            server.sinks.create(&server.topics, sink("again", "goes-on", &bootstrap)).await.unwrap();
        }
        for n in 0..10 {
            server.write(&format!("id-{n}"), 10).await;
        }
        server.until_delivered("again").await;
        server.sinks.set_paused(&server.topics, "again", true).await.unwrap();
        server.write("paused", 10).await;
        server.sinks.set_paused(&server.topics, "again", false).await.unwrap();
        server.until_delivered("again").await;
        assert_delivered(&bootstrap, "goes-on", &expected(&server.topics.main(), 3).await);
        if run == 2 {
            server.sinks.delete(&server.topics, "again").await.unwrap();
            server.sinks.create(&server.topics, sink("again", "goes-on-2", &bootstrap)).await.unwrap();
            server.until_delivered("again").await;
            assert_delivered(&bootstrap, "goes-on-2", &expected(&server.topics.main(), 3).await);
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_debezium_has_its_envelope_and_a_tombstone_behind_a_remove() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open(dir.path(), "run").await;
    server.write("a", 1).await;
    server.write("a", 2).await;
    remove(&server.topics, "a").await;
    let bootstrap = broker().bootstrap();
    let envelope = NewSink { format: SinkFormat::Debezium, ..sink("debezium", "debezium", &bootstrap) };
    server.sinks.create(&server.topics, envelope).await.unwrap();
    server.until_delivered("debezium").await;
    let found = flat(delivered(&bootstrap, "debezium", 4));
    assert!(found.iter().all(|event| event.key_text() == r#"{"_id":"a"}"#));
    let ops: Vec<_> = found
        .iter()
        .map(|event| {
            let value: serde_json::Value =
                event.value.as_deref().map_or_else(Default::default, |it| serde_json::from_slice(it).unwrap());
            let filler = |side: &str| value[side]["filler"].as_str().map(str::len);
            (value["op"].as_str().map(str::to_owned), filler("before"), filler("after"))
        })
        .collect();
    let op = |op: &str| Some(op.to_owned());
    assert_eq!(
        ops,
        [(op("c"), None, Some(1)), (op("u"), Some(1), Some(2)), (op("d"), Some(2), None), (None, None, None)]
    );
    server.stop().await;
}
