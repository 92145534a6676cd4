//! Room that clients of one certificate share: those that do not read what they asked for, those
//! that read slowly, and those that are too many.

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::time::{Duration, Instant};

use kafka_client::Consumer;
use kafka_protocol::{
    ResponseError,
    messages::{
        ApiVersionsRequest, FetchRequest, FindCoordinatorRequest, MetadataRequest, TopicName,
        fetch_request::{FetchPartition, FetchTopic},
    },
};
use store::StoreOptions;
use support::*;
use tokio::{io::AsyncReadExt as _, sync::watch};

const FETCH_VERSION: i16 = 11;
const REFUSED_STALLED: &str = "headwater_kafka_refusals_total{reason=\"stalled\"}";
const FETCHES: &str = "headwater_kafka_requests_total{api=\"Fetch\"}";

/// Time and memory are measured, so one test runs at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// As much as the server gives.
fn fetch_all() -> FetchRequest {
    let partition = FetchPartition::default().with_partition_max_bytes(i32::MAX);
    let topic = FetchTopic::default().with_topic(TopicName(TOPIC.to_owned().into())).with_partitions(vec![partition]);
    FetchRequest::default().with_max_wait_ms(0).with_max_bytes(i32::MAX).with_topics(vec![topic])
}

/// A server whose topic has events of this size, none of them in memory.
async fn filled(events: usize, bytes: usize) -> Server {
    let server = Server::start().await;
    let json = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
    for n in 0..events {
        server.upsert(&n.to_string(), &json).await;
    }
    Server::start_in(server.stop().await).await
}

/// Connections that ask for all events and read nothing of the answer to the last of `fetches`.
async fn stalled(server: &Server, connections: usize, fetches: usize) -> Vec<Wire> {
    let mut wires = Vec::new();
    for _ in 0..connections {
        let mut wire = Wire::connect_narrow(server.address, server.tls("shop")).await.unwrap();
        for _ in 1..fetches {
            wire.send(&fetch_all(), FETCH_VERSION).await;
            wire.receive_frame().await.unwrap();
        }
        wire.send(&fetch_all(), FETCH_VERSION).await;
        wires.push(wire);
    }
    wires
}

/// How long it takes to read so many events.
async fn read(server: &Server, events: i64) -> Duration {
    let began = Instant::now();
    let mut consumer = Consumer::connect(&server.endpoint(), server.tls("shop")).await.unwrap();
    let mut next = 0;
    while next < events {
        let fetched = consumer.fetch(TOPIC, 0, next, Duration::ZERO, 1 << 20).await.unwrap();
        next = fetched.records.last().unwrap().offset + 1;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_that_never_read_are_no_trouble() {
    let _alone = ALONE.lock().await;
    let server = filled(200, 64 << 10).await;
    let before = resident_bytes();
    let wires = stalled(&server, 50, 1).await;
    let took = read(&server, 100).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(resident_bytes() - before < 100 << 20, "{} MiB", (resident_bytes() - before) >> 20);
    assert_eq!(server.metric(REFUSED_STALLED), 0.0, "there was room for all");
    drop(wires);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_that_read_well_and_stop_make_room() {
    let _alone = ALONE.lock().await;
    let server = filled(200, 64 << 10).await;
    let before = resident_bytes();
    let wires = stalled(&server, 50, 7).await;
    until(|| server.metric(FETCHES) >= 350.0, "the last fetch of each").await;
    let took = read(&server, 100).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(resident_bytes() - before < 100 << 20, "{} MiB", (resident_bytes() - before) >> 20);
    drop(wires);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_stays_where_those_go_that_read_nothing() {
    let _alone = ALONE.lock().await;
    // A response has one event at least, and 64 of them are all that the user may have.
    let server = filled(10, 900 << 10).await;
    let (enough, is_enough) = watch::channel(false);
    let mut slow = Wire::connect_narrow(server.address, server.tls("shop")).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut piece = vec![0; 32 << 10];
        while !*is_enough.borrow() {
            slow.send(&fetch_all(), FETCH_VERSION).await;
            let mut length = [0; 4];
            within(slow.stream.read_exact(&mut length)).await.expect("it is not cut");
            let mut left = usize::try_from(i32::from_be_bytes(length)).unwrap();
            while left > 0 {
                let len = left.min(piece.len());
                within(slow.stream.read_exact(&mut piece[..len])).await.expect("it is not cut");
                left -= len;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let wires = stalled(&server, 90, 1).await;
    server.refused("stalled", 5.0).await;
    assert!(read(&server, 10).await < Duration::from_secs(5));
    enough.send_replace(true);
    within(reading).await.unwrap();
    drop(wires);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_one_too_many_is_told_so() {
    let _alone = ALONE.lock().await;
    let tune = |options: &mut kafka_endpoint::EndpointOptions| options.connections_per_user_max = 2;
    let server = Server::start_tuned(tempfile::tempdir().unwrap(), StoreOptions::default(), tune).await;
    let metadata = || MetadataRequest::default().with_topics(None);
    let mut inside = [server.connect("shop").await, server.connect("shop").await];
    for wire in &mut inside {
        assert_eq!(wire.call(metadata(), 12).await.topics[0].error_code, 0);
    }
    assert_eq!(server.metric("headwater_kafka_connections_of_fullest_user"), 2.0);
    assert_eq!(server.metric("headwater_kafka_connections_per_user_limit"), 2.0);
    let mut outside = server.connect("shop").await;
    let told = ResponseError::ThrottlingQuotaExceeded.code();
    assert_eq!(outside.call(ApiVersionsRequest::default(), 0).await.error_code, 0);
    let answer = outside.call(metadata(), 12).await;
    assert_eq!((answer.topics[0].error_code, answer.brokers.len()), (told, 1));
    let find = FindCoordinatorRequest::default().with_coordinator_keys(vec!["shop".to_owned().into()]);
    assert_eq!(outside.call(find, 4).await.coordinators[0].error_code, told);
    outside.send(&fetch_all(), FETCH_VERSION).await;
    outside.ended().await;
    server.refused("user_connections_full", 1.0).await;
    let mut other = server.connect("other").await;
    assert_eq!(other.call(metadata(), 12).await.topics[0].error_code, 0);
    let mut silent = server.connect("shop").await;
    silent.ended().await;
    drop(inside);
    within(async { while server.connect("shop").await.call(metadata(), 12).await.topics[0].error_code != 0 {} }).await;
    server.stop().await;
}
