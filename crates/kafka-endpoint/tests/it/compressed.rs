//! A compressed live query as the wire has it: whole batches with Kafka's attribute bits, within the
//! bounds of a fetch, and none that the client's version cannot read.

use crate::support::*;
use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, DescribeConfigsRequest, FetchRequest, MetadataRequest, TopicName,
    describe_configs_request::DescribeConfigsResource,
    fetch_request::{FetchPartition, FetchTopic},
};
use kafka_wire::{
    api_versions::advertised_api,
    compression::decompress,
    record_batch::{decode_records, verify},
};
use topics::{Compression, LiveQuery, OnGap};

const PEOPLE: &str = "user-consumable-shop.people";
const EVENTS: i64 = 600;
const CELL: i64 = 256;

async fn with_events(compression: Compression) -> Server {
    let server = Server::start().await;
    let live_query = LiveQuery {
        name: "people".into(),
        collection: Some("people".into()),
        query: None,
        query_language: topics::QueryLanguage::Legacy,
        partitions: 1,
        on_gap: OnGap::Requery,
        compression,
        permission: None,
        created_ms: 1,
    };
    server.topics.create(live_query).await.unwrap();
    // At once: they are committed in groups.
    let mut writing = tokio::task::JoinSet::new();
    for n in 0..EVENTS {
        let app = server.app.clone();
        let document = changeset(&n.to_string(), &format!(r#"{{"filler":"{}"}}"#, "text ".repeat(100)));
        writing.spawn(async move { app.commit(document).await.unwrap() });
    }
    writing.join_all().await;
    let partition = server.topics.by_name(PEOPLE).unwrap().partition(0).unwrap();
    assert_eq!(partition.settled_high_watermark().await, Ok(EVENTS as u64));
    server
}

fn fetch(version: i16, id: uuid::Uuid, offset: i64, bytes_max: i32) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(bytes_max);
    let topic = FetchTopic::default().with_partitions(vec![partition]);
    let name = TopicName(PEOPLE.to_owned().into());
    let topic = if version >= 13 { topic.with_topic_id(id) } else { topic.with_topic(name) };
    FetchRequest::default().with_max_wait_ms(0).with_min_bytes(1).with_max_bytes(bytes_max).with_topics(vec![topic])
}

/// The codec, the first and the last offset of each batch.
fn batches(records: &Bytes) -> Vec<(u8, i64, i64)> {
    let (mut batches, mut rest) = (Vec::new(), &records[..]);
    while !rest.is_empty() {
        let header = verify(rest).unwrap();
        let plain = decompress(rest, 1 << 20).unwrap();
        let offsets: Vec<i64> = decode_records(&plain).unwrap().iter().map(|record| record.offset).collect();
        assert_eq!(offsets, (header.base_offset..=header.last_offset).collect::<Vec<_>>());
        batches.push((rest[22] & 7, header.base_offset, header.last_offset));
        rest = &rest[header.len_bytes..];
    }
    batches
}

async fn topic_id(wire: &mut Wire) -> uuid::Uuid {
    let metadata = wire.call(MetadataRequest::default().with_topics(None), 12).await;
    let of = |name: &Option<TopicName>| name.as_ref().is_some_and(|name| name.as_str() == PEOPLE);
    metadata.topics.iter().find(|topic| of(&topic.name)).unwrap().topic_id
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_gets_what_it_reads() {
    for (compression, bits) in
        [(Compression::Gzip, 1), (Compression::Snappy, 2), (Compression::Lz4, 3), (Compression::Zstd, 4)]
    {
        let server = with_events(compression).await;
        let mut wire = server.connect("shop").await;
        let id = topic_id(&mut wire).await;
        let served = advertised_api(ApiKey::Fetch as i16).unwrap();
        for version in served.version_min..=served.version_max {
            let answer = wire.call(fetch(version, id, 300, 1 << 20), version).await;
            let partition = &answer.responses[0].partitions[0];
            let found = batches(partition.records.as_ref().unwrap());
            let place = format!("{compression:?}, version {version}");
            assert_eq!(partition.error_code, 0, "{place}");
            assert_eq!(found.last().unwrap().2, EVENTS - 1, "{place}");
            if compression == Compression::Zstd && version < 10 {
                assert!(found.iter().all(|(codec, ..)| *codec == 0) && found[0].1 == 300, "{place}: {found:?}");
            } else {
                assert_eq!(found, [(bits, CELL, 2 * CELL - 1), (bits, 2 * CELL, EVENTS - 1)], "{place}");
            }
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_whole_however_small_the_fetch_and_no_more_than_fit_come() {
    let server = with_events(Compression::Lz4).await;
    let mut wire = server.connect("shop").await;
    let answer = wire.call(fetch(12, uuid::Uuid::nil(), 0, 1), 12).await;
    let first = answer.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(batches(&first), [(3, 0, CELL - 1)]);
    assert!(first.len() < 40_000, "{} bytes of 150,000", first.len());
    // Two full cells do not fit.
    let bytes_max = first.len() + first.len() / 2;
    let answer = wire.call(fetch(12, uuid::Uuid::nil(), 0, bytes_max as i32), 12).await;
    let fitting = answer.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(fitting, first, "made once");
    let answer = wire.call(fetch(12, uuid::Uuid::nil(), 0, 1 << 20), 12).await;
    assert_eq!(batches(answer.responses[0].partitions[0].records.as_ref().unwrap()).len(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topics_settings_tell_it() {
    let server = with_events(Compression::Snappy).await;
    let mut wire = server.connect("shop").await;
    let described = |name: &str| {
        DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(name.to_owned().into())
            .with_configuration_keys(Some(vec!["compression.type".into()]))
    };
    let wanted = DescribeConfigsRequest::default().with_resources(vec![described(TOPIC), described(PEOPLE)]);
    let answer = wire.call(wanted, 4).await;
    let value = |n: usize| answer.results[n].configs[0].value.as_ref().unwrap().to_string();
    assert_eq!([value(0), value(1)], ["uncompressed", "snappy"]);
    server.stop().await;
}
