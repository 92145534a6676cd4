//! Reading a topic: with the project's own consumer, and with requests of every kind.

use std::time::{Duration, Instant};

use credentials::NewUser;
use kafka_client::Consumer;
use kafka_protocol::{
    ResponseError,
    messages::{
        FetchRequest, FindCoordinatorRequest, GroupId, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest,
        TopicName,
        fetch_request::{FetchPartition, FetchTopic},
        metadata_request::MetadataRequestTopic,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    },
};
use topics::LiveQuery;

use crate::support::*;

fn fetch(offset: i64, wait_ms: i32, bytes_min: i32, bytes_max: i32) -> FetchRequest {
    let partition = FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(bytes_max);
    let topic = FetchTopic::default().with_topic(TopicName(TOPIC.to_owned().into())).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(wait_ms)
        .with_min_bytes(bytes_min)
        .with_max_bytes(bytes_max)
        .with_topics(vec![topic])
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_were_committed() {
    let server = Server::start().await;
    let txn = server.upsert("abc", r#"{"name":"Susan"}"#).await;
    server.upsert("def", r#"{"name":"Frank"}"#).await;
    let mut consumer = Consumer::connect(&server.endpoint(), server.tls("shop")).await.unwrap();
    assert_eq!(consumer.partitions(TOPIC).await.unwrap(), [0]);
    assert_eq!(consumer.offsets(TOPIC, 0).await.unwrap(), (0, 2));
    let fetched = consumer.fetch(TOPIC, 0, 0, Duration::ZERO, 1 << 20).await.unwrap();
    let mut records = fetched.records;
    while records.len() < 2 {
        let next = records.last().unwrap().offset + 1;
        records.extend(consumer.fetch(TOPIC, 0, next, Duration::ZERO, 1 << 20).await.unwrap().records);
    }
    assert_eq!(records[0].key.as_deref(), Some(&br#"["people","abc"]"#[..]));
    let value = format!(
        r#"{{"txnId":{txn},"type":"documentChanged","collection":"people","change":{{"method":"upsert","oldValue":null,"newValue":{{"_id":"abc","name":"Susan"}}}}}}"#
    );
    assert_eq!(std::str::from_utf8(records[0].value.as_ref().unwrap()).unwrap(), value);
    assert_eq!((records[0].offset, records[1].offset), (0, 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_names_what_is_new() {
    let server = Server::start().await;
    server.upsert("abc", r#"{"n":1}"#).await;
    let mut wire = server.connect("shop").await;
    let full = fetch(0, 0, 1, 1 << 20).with_session_epoch(0);
    let begun = wire.call(full, 11).await;
    assert_eq!((begun.error_code, begun.responses.len()), (0, 1));
    assert_ne!(begun.session_id, 0);
    let next = |epoch: i32, wait_ms: i32| {
        let request = FetchRequest::default().with_session_id(begun.session_id).with_session_epoch(epoch);
        request.with_max_wait_ms(wait_ms).with_min_bytes(1).with_max_bytes(1 << 20)
    };
    let moved = next(1, 0).with_topics(fetch(1, 0, 1, 1 << 20).topics);
    let idle = wire.call(moved, 11).await;
    assert_eq!((idle.session_id, idle.responses.len()), (begun.session_id, 0), "nothing is new");
    wire.send(&next(2, 20_000), 11).await;
    server.upsert("def", r#"{"n":2}"#).await;
    let woken = wire.receive::<FetchRequest>(11).await.unwrap();
    let partition = &woken.responses[0].partitions[0];
    assert_eq!((partition.high_watermark, partition.records.is_some()), (2, true));
    let refused = wire.call(next(2, 0), 11).await;
    assert_eq!(refused.error_code, ResponseError::InvalidFetchSessionEpoch.code());
    // It was not said that the partition has moved: it is answered again.
    assert_eq!(wire.call(next(3, 0), 11).await.responses.len(), 1);
    let mut elsewhere = server.connect("shop").await;
    let unknown = elsewhere.call(next(4, 0), 11).await;
    assert_eq!(unknown.error_code, ResponseError::FetchSessionIdNotFound.code());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_wakes_a_fetch_that_waits() {
    let server = Server::start().await;
    let mut consumer = Consumer::connect(&server.endpoint(), server.tls("shop")).await.unwrap();
    for n in 0..20 {
        let waiting = consumer.fetch(TOPIC, 0, n, Duration::from_secs(20), 1 << 20);
        let (fetched, ()) = tokio::join!(waiting, async {
            until(|| server.metric("headwater_kafka_fetches_waiting") == 1.0, "the fetch").await;
            server.upsert(&n.to_string(), r#"{"n":1}"#).await;
        });
        // One that waits to its end comes back with nothing.
        assert_eq!(fetched.unwrap().records.len(), 1);
    }
    assert!(server.metric("headwater_kafka_fetches_waiting") < 1.0, "nobody waits now");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_its_time_is_up_and_counts_bytes() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    let begun = Instant::now();
    let answer = wire.call(fetch(0, 200, 1, 1 << 20), 12).await;
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(answer.responses[0].partitions[0].records.as_ref().unwrap().len(), 0, "empty, never null");
    server.upsert("a", "{}").await;
    let begun = Instant::now();
    let answer = wire.call(fetch(0, 300, 100_000, 1 << 20), 12).await;
    assert!(begun.elapsed() >= Duration::from_millis(300), "too few bytes to answer at once");
    assert!(!answer.responses[0].partitions[0].records.as_ref().unwrap().is_empty(), "but what there is comes");
    let answer = wire.call(fetch(0, 20_000, 1, 1), 12).await;
    assert!(!answer.responses[0].partitions[0].records.as_ref().unwrap().is_empty(), "one batch however large");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_pile_up_until_there_are_enough() {
    let server = Server::start().await;
    server.upsert("a", "{}").await;
    let mut wire = server.connect("shop").await;
    let (answer, ()) = tokio::join!(wire.call(fetch(0, 20_000, 1_500, 1 << 20), 12), async {
        for n in 0..10 {
            server.upsert(&n.to_string(), r#"{"n":1}"#).await;
        }
    });
    let records = answer.responses[0].partitions[0].records.clone().unwrap();
    assert!(records.len() >= 1_500);
    let first = kafka_wire::record_batch::decode_header(&records).unwrap();
    assert_eq!(first.base_offset, 0);
    let mut rest = &records[..];
    let mut next = 0;
    while !rest.is_empty() {
        let header = kafka_wire::record_batch::verify(rest).unwrap();
        assert_eq!(header.base_offset, next, "no gap and no repetition");
        next = header.last_offset + 1;
        rest = &rest[header.len_bytes..];
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_beyond_the_end_is_out_of_range() {
    let server = Server::start().await;
    server.upsert("a", "{}").await;
    let mut wire = server.connect("shop").await;
    for (offset, code) in [(0, 0), (1, 0), (2, 1), (-1, 1), (i64::MAX, 1)] {
        let answer = wire.call(fetch(offset, 0, 1, 1 << 20), 12).await;
        assert_eq!(answer.responses[0].partitions[0].error_code, code, "offset {offset}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_topic_is_drained_in_order() {
    let server = Server::start().await;
    let filler = "x".repeat(2_000);
    let json = format!(r#"{{"filler":"{filler}"}}"#);
    let writes = (0..64).map(|writer| {
        let (app, json) = (server.app.clone(), json.clone());
        tokio::spawn(async move {
            for n in 0..100 {
                app.commit(changeset(&format!("{writer}-{n}"), &json)).await.unwrap();
            }
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    let mut consumer = Consumer::connect(&server.endpoint(), server.tls("shop")).await.unwrap();
    let (mut next, mut fetches) = (0, 0);
    while next < 6_400 {
        let fetched = consumer.fetch(TOPIC, 0, next, Duration::from_secs(1), 3 << 20).await.unwrap();
        for record in &fetched.records {
            assert_eq!(record.offset, next);
            next += 1;
        }
        fetches += 1;
    }
    assert!(fetches < 30, "{fetches} fetches for 13 MB");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_offsets_survive_a_restart() {
    let server = Server::start().await;
    server.upsert("a", "{}").await;
    let partition = |index, offset, metadata: &str| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(metadata.to_owned().into()))
    };
    let topic = |name: &str, partitions| {
        OffsetCommitRequestTopic::default().with_name(TopicName(name.to_owned().into())).with_partitions(partitions)
    };
    let too_long = "m".repeat(4097);
    let commit = OffsetCommitRequest::default()
        .with_group_id(GroupId(TOPIC.to_owned().into()))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![
            topic(TOPIC, vec![partition(0, 1, "here"), partition(1, 1, ""), partition(0, 1, &too_long)]),
            topic("user-consumable-other", vec![partition(0, 1, "")]),
            topic("nonsense", vec![partition(0, 1, "")]),
        ]);
    let answer = server.connect("shop").await.call(commit, 8).await;
    let codes: Vec<i16> =
        answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, 3, 12, 29, 3]);

    let server = Server::start_in(server.stop().await).await;
    let wanted = OffsetFetchRequestTopics::default()
        .with_name(TopicName(TOPIC.to_owned().into()))
        .with_partition_indexes(vec![0, 1]);
    let named = OffsetFetchRequestGroup::default().with_group_id(GroupId(TOPIC.to_owned().into()));
    let request = OffsetFetchRequest::default()
        .with_groups(vec![named.clone().with_topics(Some(vec![wanted])), named.with_topics(None)]);
    let answer = server.connect("shop").await.call(request.clone(), 9).await;
    let found: Vec<(i32, i64, String)> = answer.groups[0].topics[0]
        .partitions
        .iter()
        .map(|found| (found.partition_index, found.committed_offset, found.metadata.as_deref().unwrap().to_owned()))
        .collect();
    assert_eq!(found, [(0, 1, "here".to_owned()), (1, -1, String::new())]);
    assert_eq!(answer.groups[1].topics[0].partitions.len(), 1, "all that were committed");
    let foreign = server.connect("other").await.call(request, 9).await;
    assert_eq!(foreign.groups[1].topics.len(), 0, "another app's group of that name is another group");
    assert_eq!(foreign.groups[0].topics[0].partitions[0].error_code, 29);

    server.upsert("b", "{}").await;
    let about = |metric: &str| server.metric(&format!("{metric}{{app=\"shop\",group=\"{TOPIC}\",topic=\"{TOPIC}\"}}"));
    assert_eq!((about("headwater_kafka_group_lag"), about("headwater_kafka_group_gap_ahead")), (1.0, 0.0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_answers_those_who_wait_and_closes_cleanly() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    wire.send(&fetch(0, 60_000, 1, 1 << 20), 12).await;
    until(|| server.metric("headwater_kafka_fetches_waiting") >= 1.0, "the fetch").await;
    server.begin_stop();
    let answer = wire.receive::<FetchRequest>(12).await.expect("it is answered");
    assert_eq!(answer.responses[0].partitions[0].error_code, 0);
    assert!(wire.receive_frame().await.is_none(), "then the connection ends");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_wait() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    wire.send(&fetch(0, 60_000, 1, 1 << 20), 12).await;
    until(|| server.metric("headwater_kafka_fetches_waiting") >= 1.0, "the fetch").await;
    drop(wire);
    until(|| server.metric("headwater_kafka_fetches_waiting") == 0.0, "the wait's end").await;
    until(|| server.metric("headwater_kafka_connections") == 0.0, "the connection's end").await;
    server.stop().await;
}

/// The server issues a certificate for one live query with a permission; there are another one, and one without.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_a_live_query_opens_it_and_nothing_else() {
    let server = Server::start().await;
    for (id, json) in [("n1", r#"{"n":1}"#), ("s1", r#"{"n":2}"#), ("n2", r#"{"n":3}"#)] {
        server.upsert(id, json).await;
    }
    let live_query = |name: &str, rule: Option<&str>| LiveQuery {
        name: name.to_owned(),
        collection: Some("people".to_owned()),
        query: Some("n > 0".to_owned()),
        query_language: topics::QueryLanguage::Legacy,
        partitions: 1,
        on_gap: topics::OnGap::Requery,
        compression: topics::Compression::None,
        permission: rule.map(|rule| topics::GrantedQueries {
            everything: false,
            queries_by_collection: [("people".to_owned(), vec![rule.to_owned()])].into(),
        }),
        created_ms: now_ms(),
    };
    let others = [live_query("south", Some("starts_with(_id, 's')")), live_query("open", None)];
    for made in others.into_iter().chain([live_query("north", Some("starts_with(_id, 'n')"))]) {
        server.topics.create(made).await.unwrap();
    }
    let directory = server.directory.path().join("credentials/shop/users/ann");
    let names = ["north".to_owned(), "open".to_owned()];
    let new = NewUser {
        app: "shop",
        user: "ann",
        topic: "user-consumable-shop.north",
        endpoint: &server.endpoint(),
        directory: &directory,
        live_queries: Some(&names),
    };
    server.credentials.issue_new_user(&new, now_ms()).unwrap();
    let ann = client_config(&directory, Some(&directory));
    let own = "user-consumable-shop.north";

    let mut consumer = Consumer::connect(&server.endpoint(), ann.clone()).await.unwrap();
    let mut keys = Vec::new();
    while keys.len() < 2 {
        let fetched = consumer.fetch(own, 0, keys.len() as i64, Duration::from_secs(1), 1 << 20).await.unwrap();
        keys.extend(fetched.records.into_iter().map(|record| String::from_utf8(record.key.unwrap().to_vec()).unwrap()));
    }
    assert_eq!(keys, [r#"["people","n1"]"#, r#"["people","n2"]"#]);
    assert_eq!(consumer.offsets(own, 0).await.unwrap(), (0, 2), "what is not granted is not counted");

    let mut wire = Wire::connect(server.address, ann).await.unwrap();
    let seen = wire.call(MetadataRequest::default().with_topics(None), 12).await;
    let seen: Vec<&str> = seen.topics.iter().map(|topic| topic.name.as_deref().unwrap().as_str()).collect();
    assert_eq!(seen, [own]);
    for other in [TOPIC, "user-consumable-shop.south", "user-consumable-shop.open", "user-consumable-shop.none", "else"]
    {
        let name = Some(TopicName(other.to_owned().into()));
        let asked = MetadataRequest::default().with_topics(Some(vec![MetadataRequestTopic::default().with_name(name)]));
        assert_eq!(wire.call(asked, 12).await.topics[0].error_code, 29, "{other}");
    }
    let by_id = |id| FetchTopic::default().with_topic_id(id).with_partitions(vec![FetchPartition::default()]);
    let main = server.topics.by_name(TOPIC).unwrap().id();
    let fetched = wire.call(FetchRequest::default().with_topics(vec![by_id(main)]), 13).await;
    assert_eq!(fetched.responses[0].partitions[0].error_code, ResponseError::UnknownTopicId.code());

    for (group, code) in [(own, 0), (TOPIC, 30), ("any", 30)] {
        let named = OffsetFetchRequestGroup::default().with_group_id(GroupId(group.to_owned().into()));
        let answer = wire.call(OffsetFetchRequest::default().with_groups(vec![named.with_topics(None)]), 8).await;
        assert_eq!(answer.groups[0].error_code, code, "{group}");
        let find = FindCoordinatorRequest::default().with_coordinator_keys(vec![group.to_owned().into()]);
        assert_eq!(wire.call(find, 4).await.coordinators[0].error_code, code, "{group}");
    }
    server.stop().await;
}
