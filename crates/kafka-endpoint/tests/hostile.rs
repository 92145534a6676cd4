//! Whatever comes in: the connection ends with a counted reason, and the server goes on.

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::time::Duration;

use kafka_client::{ClientError, Consumer};
use kafka_protocol::{
    ResponseError,
    messages::{
        MetadataRequest, ProduceRequest, TopicName,
        metadata_request::MetadataRequestTopic,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
};
use support::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn still_serves(server: &Server) {
    let mut consumer = Consumer::connect(&server.endpoint(), server.tls("shop")).await.unwrap();
    assert_eq!(consumer.partitions(TOPIC).await.unwrap(), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_impossible_sizes() {
    let server = Server::start().await;
    let sizes = [-1_i32, i32::MIN, i32::MAX, (1 << 20) + 1, 0, 7];
    for size in sizes {
        let mut wire = server.connect("shop").await;
        wire.send_bytes(&size.to_be_bytes()).await;
        wire.ended().await;
    }
    server.refused("frame_size", sizes.len() as f64).await;
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_that_claims_more_than_there_is() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    // Metadata v1, correlation 0, no client id, 2^31 - 1 topics
    let body = [0, 3, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff];
    wire.send_bytes(&[&14_i32.to_be_bytes()[..], &body].concat()).await;
    wire.ended().await;
    let mut wire = server.connect("shop").await;
    // Metadata v9: the same as a compact array
    let body = [0, 3, 0, 9, 0, 0, 0, 0, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0];
    wire.send_bytes(&[&18_i32.to_be_bytes()[..], &body].concat()).await;
    wire.ended().await;
    server.refused("malformed", 2.0).await;
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apis_that_are_not_served() {
    let server = Server::start().await;
    let heads: [[u8; 8]; 5] = [
        [0, 17, 0, 0, 0, 0, 0, 1],      // SaslHandshake
        [0x7f, 0xff, 0, 0, 0, 0, 0, 1], // no such API
        [0, 3, 0, 99, 0, 0, 0, 1],      // Metadata of the far future
        [0, 1, 0, 3, 0, 0, 0, 1],       // Fetch before KIP-896
        [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
    ];
    for head in heads {
        let mut wire = server.connect("shop").await;
        wire.send_bytes(&[&8_i32.to_be_bytes()[..], &head].concat()).await;
        wire.ended().await;
    }
    server.refused("unknown_api", heads.len() as f64).await;
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_versions_of_the_future_is_told_what_we_speak() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    wire.send_bytes(&[&12_i32.to_be_bytes()[..], &[0, 18, 0, 99, 0, 0, 0, 7, 0, 0, 0, 0]].concat()).await;
    let answer = wire.receive_frame().await.unwrap();
    // correlation id, error 35, one entry: API 18 in versions 0 to 4
    assert_eq!(&answer[..], [0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    wire.call(MetadataRequest::default().with_topics(None), 12).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_off() {
    let server = Server::start().await;
    let whole = frame(&MetadataRequest::default().with_topics(None), 12, 1);
    for len in 0..whole.len() {
        let mut wire = server.connect("shop").await;
        wire.send_bytes(&whole[..len]).await;
        wire.stream.shutdown().await.unwrap();
        wire.ended().await;
    }
    // What claims to be whole and is not
    for len in 4 + 8..whole.len() - 1 {
        let mut wire = server.connect("shop").await;
        let cut = [&i32::try_from(len - 4).unwrap().to_be_bytes()[..], &whole[4..len]].concat();
        wire.send_bytes(&cut).await;
        wire.stream.shutdown().await.unwrap();
        wire.ended().await;
    }
    still_serves(&server).await;
    server.stop().await;
}

/// A generator that gives the same numbers each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_random_frames() {
    let server = Server::start().await;
    let mut numbers = Numbers(42);
    let before = resident_bytes();
    let mut wire = server.connect("shop").await;
    for n in 0..10_000 {
        let len = 8 + (numbers.next() % 200) as usize;
        let mut body: Vec<u8> = (0..len).map(|_| numbers.next() as u8).collect();
        if n % 2 == 0 {
            // Half of them get as far as a decoder: an API and a version that are served.
            let apis = kafka_wire::api_versions::ADVERTISED;
            let api = apis[numbers.next() as usize % apis.len()];
            let versions = (api.version_max - api.version_min + 1) as u64;
            body[..2].copy_from_slice(&(api.api as i16).to_be_bytes());
            body[2..4].copy_from_slice(&(api.version_min + (numbers.next() % versions) as i16).to_be_bytes());
        }
        let frame = [&i32::try_from(len).unwrap().to_be_bytes()[..], &body].concat();
        if wire.stream.write_all(&frame).await.is_err() || n % 4 == 0 {
            drop(wire);
            wire = server.connect("shop").await;
        }
    }
    drop(wire);
    until(|| server.metric("headwater_kafka_connections") == 0.0, "every connection's end").await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more");
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_is_recognised() {
    let server = Server::start().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(&frame(&MetadataRequest::default(), 1, 0)).await.unwrap();
    let mut rest = Vec::new();
    let _ = within(socket.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
    server.refused("plain_text", 1.0).await;
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_handshakes_end() {
    let server = Server::start().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    still_serves(&server).await;
    let mut rest = Vec::new();
    within(silent.read_to_end(&mut rest)).await.ok();
    within(half.read_to_end(&mut rest)).await.ok();
    server.refused("handshake_timeout", 2.0).await;
    server.stop().await;
}

/// More than there is room for in all, from one address.
const HANDSHAKES: usize = kafka_endpoint::limits::HANDSHAKES_MAX + 8;

/// Opens connections that say `bytes` and nothing more. None of them may be what a new client has
/// to wait for.
async fn beside(bytes: &[u8]) {
    let server = Server::start().await;
    let mut unfinished = Vec::new();
    for _ in 0..HANDSHAKES {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        unfinished.push(socket);
    }
    still_serves(&server).await;
    let timed_out = server.metric("headwater_kafka_refusals_total{reason=\"handshake_timeout\"}");
    assert_eq!(timed_out, 0.0, "it did not wait until others had to go");
    server.refused("handshake_cut", (HANDSHAKES - kafka_endpoint::limits::HANDSHAKES_PER_ADDRESS_MAX) as f64).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_hellos_keep_nobody_out() {
    beside(&[0x16, 3, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_hellos_without_an_end_keep_nobody_out() {
    let server = Server::start().await;
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    rustls::ClientConnection::new(server.tls("shop"), name).unwrap().write_tls(&mut hello).unwrap();
    server.stop().await;
    beside(&hello).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hellos_sent_byte_by_byte_keep_nobody_out() {
    let server = Server::start().await;
    let mut slow = Vec::new();
    for _ in 0..kafka_endpoint::limits::HANDSHAKES_PER_ADDRESS_MAX {
        slow.push(TcpStream::connect(server.address).await.unwrap());
    }
    for byte in [0x16, 3, 1, 2, 0, 1] {
        for socket in &mut slow {
            let _ = socket.write_all(&[byte]).await;
        }
        still_serves(&server).await;
    }
    server.refused("handshake_cut", 1.0).await;
    let timed_out = server.metric("headwater_kafka_refusals_total{reason=\"handshake_timeout\"}");
    assert_eq!(timed_out, 0.0, "nobody waited until others had to go");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_ends_and_holds_nothing_that_others_need() {
    let server = Server::start().await;
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut wire = server.connect("shop").await;
        // The head of a request of a megabyte
        wire.send_bytes(&[&(1_i32 << 20).to_be_bytes()[..], &[0, 3, 0, 12, 0, 0, 0, 0]].concat()).await;
        halves.push(wire);
    }
    let topics: Vec<_> = (0..5_000)
        .map(|n| MetadataRequestTopic::default().with_name(Some(TopicName(format!("a-topic-of-no-app-{n}").into()))))
        .collect();
    let mut wire = server.connect("shop").await;
    let answer = wire.call(MetadataRequest::default().with_topics(Some(topics)), 12).await;
    assert_eq!(answer.topics.len(), 5_000, "more than is read ahead");
    for wire in &mut halves {
        wire.ended().await;
    }
    server.refused("request_stalled", halves.len() as f64).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_open_nothing() {
    let server = Server::start().await;
    let stranger = Server::start().await;
    let bundle = |server: &Server| server.directory.path().join("credentials").join("shop");
    let refused = |error: ClientError| matches!(error, ClientError::CertificateRefused { .. });
    let none = Consumer::connect(&server.endpoint(), client_config(&bundle(&server), None)).await.unwrap_err();
    assert!(refused(none));
    let foreign = client_config(&bundle(&server), Some(&bundle(&stranger)));
    let foreign = Consumer::connect(&server.endpoint(), foreign).await.unwrap_err();
    assert!(refused(foreign));
    server.refused("handshake", 2.0).await;
    // It trusts the other server, and says so.
    assert!(Wire::connect(server.address, client_config(&bundle(&stranger), None)).await.is_err());
    server.refused("server_not_trusted", 1.0).await;
    stranger.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_apps_topic_is_refused_and_not_shown() {
    let server = Server::start().await;
    let mut consumer = Consumer::connect(&server.endpoint(), server.tls("other")).await.unwrap();
    for (topic, exists) in [(TOPIC, true), ("user-consumable-nowhere", false)] {
        let error = consumer.partitions(topic).await.unwrap_err();
        assert!(matches!(error, ClientError::TopicNotAuthorized { .. }), "{topic} (exists: {exists}): {error:?}");
    }
    let mut wire = server.connect("other").await;
    let all = wire.call(MetadataRequest::default().with_topics(None), 12).await;
    let names: Vec<&str> = all.topics.iter().map(|topic| topic.name.as_ref().unwrap().as_str()).collect();
    assert_eq!(names, ["user-consumable-other"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_cannot_be_opened_is_an_error_that_clients_try_again_after() {
    let server = Server::start().await;
    let app = server.data.opened("other").unwrap();
    server.data.close_app(app, || {});
    let (folder, elsewhere) = (server.directory.path().join("apps/other"), server.directory.path().join("elsewhere"));
    std::fs::rename(&folder, &elsewhere).unwrap();
    let ask = async || {
        let mut wire = server.connect("other").await;
        let all = wire.call(MetadataRequest::default().with_topics(None), 12).await;
        (all.topics[0].name.as_ref().unwrap().to_string(), all.topics[0].error_code)
    };
    let other = "user-consumable-other".to_owned();
    assert_eq!(ask().await, (other.clone(), ResponseError::KafkaStorageError.code()));
    server.refused("app_unavailable", 1.0).await;
    let mut wire = server.connect("shop").await;
    assert_eq!(wire.call(MetadataRequest::default().with_topics(None), 12).await.topics[0].error_code, 0);
    std::fs::rename(&elsewhere, &folder).unwrap();
    within(async {
        while ask().await != (other.clone(), 0) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_cut_off_and_stays_out() {
    let server = Server::start().await;
    let directory = server.directory.path().join("credentials/shop/users/ann");
    server.credentials.issue_user("shop", "ann", TOPIC, &server.endpoint(), &directory, now_ms()).unwrap();
    let ann = client_config(&directory, Some(&directory));
    let mut wire = Wire::connect(server.address, ann.clone()).await.unwrap();
    wire.call(MetadataRequest::default().with_topics(None), 12).await;
    let mut other = server.connect("shop").await;
    server.credentials.revoke_user("shop", "ann", now_ms()).unwrap();
    wire.ended().await;
    server.refused("revoked", 1.0).await;
    assert!(Consumer::connect(&server.endpoint(), ann).await.is_err());
    other.call(MetadataRequest::default().with_topics(None), 12).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producing_is_refused() {
    let server = Server::start().await;
    let partition = PartitionProduceData::default().with_records(Some(vec![0; 100].into()));
    let topic = TopicProduceData::default()
        .with_name(kafka_protocol::messages::TopicName(TOPIC.to_owned().into()))
        .with_partition_data(vec![partition]);
    let produce = ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000).with_topic_data(vec![topic]);
    let mut wire = server.connect("shop").await;
    let answer = wire.call(produce.clone(), 7).await;
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 29);
    wire.send(&produce.with_acks(0), 7).await;
    wire.ended().await;
    server.refused("produce", 1.0).await;
    assert_eq!(server.app.events().high_watermark(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().await;
    let wire = server.connect("shop").await;
    let request = MetadataRequest::default().with_topics(None);
    let all: Vec<u8> = (0..2_000).flat_map(|n| frame(&request, 12, n)).collect();
    let (mut reader, mut writer) = tokio::io::split(wire.stream);
    let sending = tokio::spawn(async move {
        writer.write_all(&all).await.unwrap();
        writer.flush().await.unwrap();
        writer
    });
    for n in 0..2_000_i32 {
        let mut length = [0; 4];
        within(reader.read_exact(&mut length)).await.unwrap();
        let mut answer = vec![0; i32::from_be_bytes(length).try_into().unwrap()];
        within(reader.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer[..4], n.to_be_bytes());
    }
    drop((reader, tokio::time::timeout(Duration::from_secs(20), sending).await.unwrap().unwrap()));
    server.stop().await;
}
