//! Damaged events: a consumer gets what lies before, then an error that its client shows; nobody
//! waits in silence.

use std::{collections::BTreeSet, os::unix::fs::FileExt as _, path::Path};

use crate::support::*;
use kafka_protocol::messages::{
    FetchRequest, ListOffsetsRequest, TopicName,
    fetch_request::{FetchPartition, FetchTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
};
use store::StoreOptions;
use topics::{LiveQuery, OnGap};

/// Java's consumer throws on it, librdkafka hands it to the application.
const CORRUPT_MESSAGE: i16 = 2;
const EVENTS: usize = 200;
const ADULTS: &str = "user-consumable-shop.adults";
const EVERYONE: &str = "user-consumable-shop.everyone";

fn options() -> StoreOptions {
    StoreOptions { segment_bytes: 64 * 1024, ..StoreOptions::default() }
}

fn live_query(name: &str, created_ms: u64) -> LiveQuery {
    LiveQuery {
        name: name.into(),
        collection: Some("people".into()),
        query: (name == "adults").then(|| "age >= 18".into()),
        query_language: topics::QueryLanguage::Legacy,
        partitions: 1,
        on_gap: OnGap::Requery,
        compression: topics::Compression::None,
        permission: None,
        created_ms,
    }
}

fn fetch(topic: &str, offset: i64, wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(20_000);
    let topic = FetchTopic::default().with_topic(TopicName(topic.to_owned().into())).with_partitions(vec![partition]);
    FetchRequest::default().with_max_wait_ms(wait_ms).with_min_bytes(1).with_max_bytes(1 << 20).with_topics(vec![topic])
}

/// Offsets from `from` on until there is an error, and its code.
async fn consume(server: &Server, topic: &str, from: i64) -> (Vec<i64>, i16) {
    let mut wire = server.connect("shop").await;
    let (mut offsets, mut next) = (Vec::new(), from);
    loop {
        let answer = wire.call(fetch(topic, next, 15_000), 12).await;
        let partition = &answer.responses[0].partitions[0];
        let records = partition.records.clone().unwrap_or_default();
        if partition.error_code != 0 {
            assert!(records.is_empty());
            return (offsets, partition.error_code);
        }
        assert!(!records.is_empty(), "{topic} stands still at {next}");
        let mut rest = &records[..];
        while !rest.is_empty() {
            let header = kafka_wire::record_batch::verify(rest).unwrap();
            let records = kafka_wire::record_batch::decode_records(rest).unwrap();
            offsets.extend(records.iter().map(|record| record.offset).filter(|offset| *offset >= next));
            next = header.last_offset + 1;
            rest = &rest[header.len_bytes..];
        }
    }
}

/// Bytes behind the last frame of a sealed segment.
const FOOTER_BYTES: usize = 44;

/// Flips a bit in the last event of the `n`th segment; gives the first offset of the frame it is
/// in, and of the next segment.
fn flip(directory: &Path, n: usize) -> (i64, i64) {
    let files = std::fs::read_dir(directory.join("apps/shop/journal")).unwrap().map(|entry| entry.unwrap().path());
    let segments: Vec<_> = files.collect::<BTreeSet<_>>().into_iter().collect();
    let first_offset = |bytes: &[u8]| i64::from_le_bytes(bytes[56..64].try_into().unwrap());
    let bytes = std::fs::read(&segments[n]).unwrap();
    let (mut at, mut frame) = (96, 0);
    while at < bytes.len() - FOOTER_BYTES {
        frame = at;
        at += u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    }
    let file = std::fs::File::options().write(true).open(&segments[n]).unwrap();
    let place = bytes.len() - FOOTER_BYTES - 100;
    file.write_all_at(&[bytes[place] ^ 1], place as u64).unwrap();
    let damaged = i64::from_le_bytes(bytes[frame + 24..frame + 32].try_into().unwrap());
    (damaged, first_offset(&std::fs::read(&segments[n + 1]).unwrap()))
}

/// A server whose fourth segment is damaged.
async fn damaged() -> (Server, i64, i64) {
    let server = Server::start_with(tempfile::tempdir().unwrap(), options()).await;
    server.topics.create(live_query("everyone", 1)).await.unwrap();
    let filler = "x".repeat(2_000);
    for n in 0..EVENTS {
        server.upsert(&n.to_string(), &format!(r#"{{"age":{},"filler":"{filler}"}}"#, 18 + n)).await;
    }
    let everyone = server.topics.by_name(EVERYONE).unwrap().partition(0).unwrap();
    assert_eq!(everyone.settled_high_watermark().await, Ok(EVENTS as u64));
    drop(everyone);
    let directory = server.stop().await;
    let (damaged, behind) = flip(directory.path(), 3);
    (Server::start_with(directory, options()).await, damaged, behind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_gets_what_lies_before_and_then_an_error() {
    let (server, damaged, behind) = damaged().await;
    assert_eq!(server.app.damage(), None, "nobody has met it");
    assert_eq!(consume(&server, TOPIC, 0).await, ((0..damaged).collect(), CORRUPT_MESSAGE));
    let damage = server.app.damage().unwrap();
    assert!(damage.contains(".segment at byte "), "{damage}");
    assert!(server.metric("headwater_kafka_unreadable_total") >= 1.0);
    let mut wire = server.connect("shop").await;
    let answer = wire.call(fetch(TOPIC, behind, 0), 12).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, 0, "other segments are whole");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_query_stops_there_and_says_so_and_others_go_on() {
    let (server, damaged, _) = damaged().await;
    server.topics.create(live_query("adults", 2)).await.unwrap();
    assert_eq!(consume(&server, ADULTS, 0).await, ((0..damaged).collect(), CORRUPT_MESSAGE));
    assert_eq!(server.metric("headwater_kafka_live_queries_stopped{app=\"shop\"}"), 1.0);
    assert!(server.app.damage().is_some() && server.topics.stopped().unwrap().contains("adults"));
    let latest = ListOffsetsPartition::default().with_timestamp(-1);
    let topic =
        ListOffsetsTopic::default().with_name(TopicName(ADULTS.to_owned().into())).with_partitions(vec![latest]);
    let by_time = ListOffsetsPartition::default().with_timestamp(now_ms() as i64);
    let answer = server.connect("shop").await.call(ListOffsetsRequest::default().with_topics(vec![topic]), 5).await;
    let latest = &answer.topics[0].partitions[0];
    assert_eq!((latest.error_code, latest.offset), (0, damaged));
    drop(by_time);

    // One that had seen the events before they were damaged, and one that consumes there.
    server.upsert("new", r#"{"age":18}"#).await;
    let mut wire = server.connect("shop").await;
    let answer = wire.call(fetch(EVERYONE, EVENTS as i64, 15_000), 12).await;
    let partition = &answer.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    assert!(!partition.records.as_ref().unwrap().is_empty());
    assert_eq!(consume(&server, EVERYONE, 0).await, ((0..damaged).collect(), CORRUPT_MESSAGE));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_waits_on_a_live_query_hears_of_its_end() {
    let server = Server::start().await;
    server.topics.create(live_query("adults", 1)).await.unwrap();
    let mut wire = server.connect("shop").await;
    wire.send(&fetch(ADULTS, 0, 60_000), 12).await;
    until(|| server.metric("headwater_kafka_fetches_waiting") >= 1.0, "the fetch").await;
    server.topics.delete("adults").await.unwrap();
    let answer = wire.receive::<FetchRequest>(12).await.unwrap();
    assert_eq!(answer.responses[0].partitions[0].error_code, 3, "the topic is not known any more");
    server.stop().await;
}
