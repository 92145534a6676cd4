//! Every API that is served, in every version that is advertised: the answer can be encoded, and is
//! read back whole.

use crate::support::*;
use kafka_protocol::{
    messages::{
        AlterConfigsRequest, ApiKey, ApiVersionsRequest, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest,
        CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
        DescribeAclsRequest, DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest,
        DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeTopicPartitionsRequest,
        DescribeTransactionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest, FetchRequest,
        FindCoordinatorRequest, GroupId, HeartbeatRequest, IncrementalAlterConfigsRequest, InitProducerIdRequest,
        JoinGroupRequest, LeaveGroupRequest, ListConfigResourcesRequest, ListGroupsRequest, ListOffsetsRequest,
        ListPartitionReassignmentsRequest, ListTransactionsRequest, MetadataRequest, OffsetCommitRequest,
        OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, SyncGroupRequest,
        TopicName, TransactionalId,
        alter_configs_request::AlterConfigsResource,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::CreatableTopic,
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        describe_log_dirs_request::DescribableLogDirTopic,
        describe_producers_request::TopicRequest as ProducersTopic,
        describe_topic_partitions_request::{Cursor, TopicRequest},
        describe_user_scram_credentials_request::UserName,
        elect_leaders_request::TopicPartitions,
        fetch_request::{FetchPartition, FetchTopic},
        incremental_alter_configs_request::AlterConfigsResource as IncrementalResource,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        metadata_request::MetadataRequestTopic,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics},
        offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
        produce_request::{PartitionProduceData, TopicProduceData},
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};
use kafka_wire::api_versions::{ADVERTISED, advertised_api};

const FOREIGN: &str = "user-consumable-other";

fn versions(api: ApiKey) -> std::ops::RangeInclusive<i16> {
    let served = advertised_api(api as i16).unwrap();
    served.version_min..=served.version_max
}

fn topic(name: &str) -> TopicName {
    TopicName(name.to_owned().into())
}

fn group(name: &str) -> GroupId {
    GroupId(name.to_owned().into())
}

fn text(text: &str) -> StrBytes {
    text.to_owned().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_and_its_topics() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    for version in versions(ApiKey::ApiVersions) {
        let answer = wire.call(ApiVersionsRequest::default(), version).await;
        assert_eq!(answer.api_keys.len(), ADVERTISED.len());
        // librdkafka before 2.2 asks in version 3, and cannot skip a tagged field.
        assert_eq!(answer.supported_features.is_empty(), version < 4);
        assert_eq!(answer.finalized_features_epoch, if version < 4 { -1 } else { 0 });
        let features = answer.finalized_features.iter().map(|it| (it.name.as_str(), it.max_version_level));
        assert!(features.eq((version >= 4).then_some(("group.version", 1))), "version {version}");
    }
    let mut ids = Vec::new();
    for version in versions(ApiKey::Metadata) {
        let named = |name: &str| MetadataRequestTopic::default().with_name(Some(topic(name)));
        let names = [TOPIC, FOREIGN, "nonsense", "not a topic"].map(named).to_vec();
        let answer = wire.call(MetadataRequest::default().with_topics(Some(names)), version).await;
        let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [0, 29, 3, 17], "version {version}");
        assert_eq!(
            (answer.brokers[0].host.as_str(), answer.brokers[0].port),
            ("localhost", server.address.port().into())
        );
        let all = MetadataRequest::default().with_topics(if version == 0 { Some(Vec::new()) } else { None });
        let all = wire.call(all, version).await;
        assert_eq!(all.topics.len(), 1);
        ids.push(all.topics[0].topic_id);
        if version >= 12 {
            let by_id = MetadataRequestTopic::default().with_topic_id(all.topics[0].topic_id).with_name(None);
            let unknown = by_id.clone().with_topic_id(uuid::Uuid::from_bytes([9; 16]));
            let request = MetadataRequest::default().with_topics(Some(vec![by_id, unknown]));
            let answer = wire.call(request, version).await;
            assert_eq!((answer.topics[0].error_code, answer.topics[1].error_code), (0, 100));
        }
    }
    assert!(ids[10..].iter().all(|id| !id.is_nil() && *id == ids[10]), "the topic's id is stable");
    for version in versions(ApiKey::DescribeCluster) {
        let answer = wire
            .call(DescribeClusterRequest::default().with_include_cluster_authorized_operations(true), version)
            .await;
        assert_eq!((answer.error_code, answer.brokers.len()), (0, 1));
    }
    for version in versions(ApiKey::DescribeConfigs) {
        let resource = |kind, name: &str| {
            DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(name))
                .with_configuration_keys(None)
        };
        let resources = [(2, TOPIC), (4, "1"), (2, FOREIGN), (8, "x"), (32, "g"), (16, "m"), (32, ""), (64, "x")];
        let resources = resources.map(|(kind, name)| resource(kind, name)).to_vec();
        let answer = wire.call(DescribeConfigsRequest::default().with_resources(resources), version).await;
        let codes: Vec<i16> = answer.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [0, 0, 29, 42, 0, 0, 42, 42]);
        assert!(answer.results[0].configs.iter().any(|config| config.name.as_str() == "retention.ms"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_and_events() {
    let server = Server::start().await;
    server.upsert("a", "{}").await;
    let mut wire = server.connect("shop").await;
    let metadata = wire.call(MetadataRequest::default().with_topics(None), 12).await;
    let id = metadata.topics[0].topic_id;
    for version in versions(ApiKey::ListOffsets) {
        let at = |timestamp| ListOffsetsPartition::default().with_timestamp(timestamp);
        let wanted = [-1, -2, 0, i64::MAX, -3, -4, -5, -6].map(at).to_vec();
        let known = ListOffsetsTopic::default().with_name(topic(TOPIC)).with_partitions(wanted);
        let foreign = ListOffsetsTopic::default().with_name(topic(FOREIGN)).with_partitions(vec![at(-1)]);
        let answer = wire.call(ListOffsetsRequest::default().with_topics(vec![known, foreign]), version).await;
        let found: Vec<(i16, i64)> =
            answer.topics[0].partitions.iter().map(|found| (found.error_code, found.offset)).collect();
        let special = |since, offset| if version >= since { (0, offset) } else { (35, -1) };
        let expected = [(0, 1), (0, 0), (0, 0), (0, -1), special(7, 0), special(8, 0), special(9, -1), special(11, -1)];
        assert_eq!(found, expected, "version {version}");
        assert_eq!(answer.topics[1].partitions[0].error_code, 29);
    }
    for version in versions(ApiKey::Fetch) {
        let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
        let known = FetchTopic::default().with_partitions(vec![partition.clone()]);
        let known = if version >= 13 { known.with_topic_id(id) } else { known.with_topic(topic(TOPIC)) };
        let unknown = FetchTopic::default().with_partitions(vec![partition]);
        let unknown = if version >= 13 {
            unknown.with_topic_id(uuid::Uuid::from_bytes([9; 16]))
        } else {
            unknown.with_topic(topic(FOREIGN))
        };
        let request = FetchRequest::default()
            .with_max_wait_ms(1_000)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_topics(vec![known, unknown]);
        let answer = wire.call(request, version).await;
        let found = &answer.responses[0].partitions[0];
        assert_eq!((found.error_code, found.high_watermark, answer.session_id), (0, 1, 0), "version {version}");
        assert!(kafka_wire::record_batch::verify(found.records.as_ref().unwrap()).is_ok());
        assert_eq!(answer.responses[1].partitions[0].error_code, if version >= 13 { 100 } else { 29 });
    }
    for version in versions(ApiKey::OffsetForLeaderEpoch) {
        let at = |epoch| OffsetForLeaderPartition::default().with_leader_epoch(epoch);
        let wanted = OffsetForLeaderTopic::default().with_topic(topic(TOPIC)).with_partitions(vec![at(0), at(5)]);
        let answer = wire.call(OffsetForLeaderEpochRequest::default().with_topics(vec![wanted]), version).await;
        let ends: Vec<i64> = answer.topics[0].partitions.iter().map(|end| end.end_offset).collect();
        assert_eq!(ends, [1, -1]);
    }
    for version in versions(ApiKey::Produce) {
        let data = TopicProduceData::default()
            .with_name(topic(TOPIC))
            .with_partition_data(vec![PartitionProduceData::default().with_records(None)]);
        let answer = wire.call(ProduceRequest::default().with_acks(1).with_topic_data(vec![data]), version).await;
        let refused = &answer.responses[0].partition_responses[0];
        let words = Some("not authorized: this topic is read-only").filter(|_| version >= 8);
        assert_eq!((refused.error_code, refused.error_message.as_deref()), (29, words));
    }
    server.stop().await;
}

/// What would make or change topics: of the app's own, of what is not there, and of another app's.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_refused_in_words() {
    const POLICY: i16 = 44;
    const MADE: &str = "topics are made by `headwater live-query create`";
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    for version in versions(ApiKey::CreateTopics) {
        let new = |name| CreatableTopic::default().with_name(topic(name));
        let names = ["new", "not a topic", "twice", "twice", FOREIGN, TOPIC].map(new).to_vec();
        let answer = wire.call(CreateTopicsRequest::default().with_topics(names), version).await;
        let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [POLICY, 17, 42, 29, 36], "by name");
        assert_eq!(answer.topics[0].error_message.as_deref(), Some(MADE));
    }
    for version in versions(ApiKey::DeleteTopics) {
        let names = [TOPIC, "nonsense", FOREIGN];
        let request = if version >= 6 {
            let state = |name| DeleteTopicState::default().with_name(Some(topic(name)));
            DeleteTopicsRequest::default().with_topics(names.map(state).to_vec())
        } else {
            DeleteTopicsRequest::default().with_topic_names(names.map(topic).to_vec())
        };
        let answer = wire.call(request, version).await;
        let codes: Vec<i16> = answer.responses.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [POLICY, 3, 29]);
        let words = answer.responses[0].error_message.as_deref();
        assert_eq!(words.is_some_and(|words| words.starts_with(MADE)), version >= 5);
    }
    for version in versions(ApiKey::CreatePartitions) {
        let more = |name| CreatePartitionsTopic::default().with_name(topic(name)).with_count(9);
        let topics = [TOPIC, "nonsense", FOREIGN].map(more).to_vec();
        let answer = wire.call(CreatePartitionsRequest::default().with_topics(topics), version).await;
        let codes: Vec<i16> = answer.results.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [POLICY, 3, 29]);
        assert!(answer.results[0].error_message.as_deref().is_some_and(|words| words.starts_with(MADE)));
    }
    for version in versions(ApiKey::DeleteRecords) {
        let partitions = [0, 9].map(|index| DeleteRecordsPartition::default().with_partition_index(index)).to_vec();
        let of = |name| DeleteRecordsTopic::default().with_name(topic(name)).with_partitions(partitions.clone());
        let topics = [TOPIC, "nonsense", FOREIGN].map(of).to_vec();
        let answer = wire.call(DeleteRecordsRequest::default().with_topics(topics), version).await;
        let codes: Vec<i16> =
            answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
        assert_eq!(codes, [POLICY, 3, 3, 3, 29, 29]);
    }
    let resources = [(2, TOPIC), (2, "nonsense"), (2, FOREIGN), (4, "1"), (32, "g"), (3, "x")];
    let expected = [POLICY, 3, 29, POLICY, POLICY, 42];
    for version in versions(ApiKey::AlterConfigs) {
        let resource = |(kind, name): (i8, &str)| {
            AlterConfigsResource::default().with_resource_type(kind).with_resource_name(text(name))
        };
        let request = AlterConfigsRequest::default().with_resources(resources.map(resource).to_vec());
        let codes: Vec<i16> = wire.call(request, version).await.responses.iter().map(|it| it.error_code).collect();
        assert_eq!(codes, expected);
    }
    for version in versions(ApiKey::IncrementalAlterConfigs) {
        let resource = |(kind, name): (i8, &str)| {
            IncrementalResource::default().with_resource_type(kind).with_resource_name(text(name))
        };
        let request = IncrementalAlterConfigsRequest::default().with_resources(resources.map(resource).to_vec());
        let codes: Vec<i16> = wire.call(request, version).await.responses.iter().map(|it| it.error_code).collect();
        assert_eq!(codes, expected);
    }
    for version in versions(ApiKey::InitProducerId) {
        let of = |id: Option<&str>| {
            InitProducerIdRequest::default().with_transactional_id(id.map(|id| TransactionalId(text(id))))
        };
        let given = wire.call(of(None), version).await;
        assert_eq!((given.error_code, given.producer_epoch, given.producer_id.0 >= 0), (0, 0, true));
        assert_eq!(wire.call(of(Some("t")), version).await.error_code, 53);
        assert_eq!(wire.call(of(Some("")), version).await.error_code, 42);
    }
    server.stop().await;
}

/// A consumer that stands in the life before asks where that ended, as Kafka's clients do after a
/// leader has changed.
#[tokio::test(flavor = "multi_thread")]
async fn another_life_of_the_data_is_another_leader_epoch() {
    let server = Server::start().await;
    server.upsert("a", "{}").await;
    server.upsert("b", "{}").await;
    let options = store::StoreOptions { fork: Some([7; 16]), ..store::StoreOptions::default() };
    let server = Server::start_with(server.stop().await, options).await;
    server.upsert("c", "{}").await;
    let mut wire = server.connect("shop").await;
    let metadata = wire.call(MetadataRequest::default().with_topics(None), 12).await;
    assert_eq!(metadata.topics[0].partitions[0].leader_epoch, 1);
    let id = metadata.topics[0].topic_id;
    for (epoch, code) in [(-1, 0), (0, 74), (1, 0), (2, 75)] {
        let partition = FetchPartition::default().with_partition_max_bytes(1 << 20).with_current_leader_epoch(epoch);
        let topic = FetchTopic::default().with_topic_id(id).with_partitions(vec![partition]);
        let request = FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic]);
        let answer = wire.call(request, 13).await;
        assert_eq!(answer.responses[0].partitions[0].error_code, code, "epoch {epoch}");
    }
    let at = |epoch| OffsetForLeaderPartition::default().with_leader_epoch(epoch).with_current_leader_epoch(1);
    let wanted = OffsetForLeaderTopic::default().with_topic(topic(TOPIC)).with_partitions([0, 1, 2].map(at).to_vec());
    let answer = wire.call(OffsetForLeaderEpochRequest::default().with_topics(vec![wanted]), 4).await;
    let ends: Vec<_> = answer.topics[0].partitions.iter().map(|end| (end.leader_epoch, end.end_offset)).collect();
    assert_eq!(ends, [(0, 2), (1, 3), (-1, -1)]);
    let at = |timestamp| ListOffsetsPartition::default().with_timestamp(timestamp);
    let wanted = ListOffsetsTopic::default().with_name(topic(TOPIC)).with_partitions(vec![at(-2), at(-1)]);
    let answer = wire.call(ListOffsetsRequest::default().with_topics(vec![wanted]), 7).await;
    let epochs: Vec<_> = answer.topics[0].partitions.iter().map(|found| found.leader_epoch).collect();
    assert_eq!(epochs, [0, 1]);
    drop(wire);

    // Once all of that life is trimmed it ends where what is kept begins: who stood before has lost
    // nothing.
    let options =
        store::StoreOptions { segment_bytes: 64 * 1024, retention_bytes: Some(0), ..store::StoreOptions::default() };
    let server = Server::start_with(server.stop().await, options).await;
    for id in ["d", "e", "f"] {
        server.upsert(id, &format!(r#"{{"filler":"{}"}}"#, "x".repeat(40_000))).await;
    }
    let mut wire = server.connect("shop").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let at = OffsetForLeaderPartition::default().with_leader_epoch(0).with_current_leader_epoch(1);
        let wanted = OffsetForLeaderTopic::default().with_topic(topic(TOPIC)).with_partitions(vec![at]);
        let answer = wire.call(OffsetForLeaderEpochRequest::default().with_topics(vec![wanted]), 4).await;
        let end = &answer.topics[0].partitions[0];
        assert_eq!((end.leader_epoch, end.error_code), (0, 0));
        if end.end_offset > 2 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "waited in vain until it is trimmed");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    server.stop().await;
}

/// What an administrator's tools ask: of the app's own, of what is not there, and of another app's.
#[tokio::test(flavor = "multi_thread")]
async fn administration_of_topics() {
    let server = Server::start().await;
    server.upsert("a", "{}").await;
    let mut wire = server.connect("shop").await;
    for version in versions(ApiKey::DescribeTopicPartitions) {
        let named = |name: &str| TopicRequest::default().with_name(topic(name));
        let request = DescribeTopicPartitionsRequest::default().with_response_partition_limit(2_000).with_cursor(None);
        let asked = request.clone().with_topics([FOREIGN, TOPIC, "nonsense", TOPIC].map(named).to_vec());
        let answer = wire.call(asked, version).await;
        let codes: Vec<i16> = answer.topics.iter().map(|topic| topic.error_code).collect();
        assert_eq!(codes, [3, 0, 29], "by name, those of others last");
        assert_eq!((answer.topics[1].partitions.len(), answer.next_cursor), (1, None));
        let cursor = |name, index| Some(Cursor::default().with_topic_name(topic(name)).with_partition_index(index));
        let beyond = wire.call(request.clone().with_cursor(cursor(TOPIC, 1)), version).await;
        assert_eq!((beyond.topics.len(), beyond.topics[0].partitions.len()), (1, 0));
        let elsewhere = request.with_topics(vec![named(TOPIC)]).with_cursor(cursor("z", 0));
        assert_eq!(wire.call(elsewhere, version).await.topics[0].error_code, 42);
    }
    for version in versions(ApiKey::DescribeLogDirs) {
        let all = wire.call(DescribeLogDirsRequest::default().with_topics(None), version).await;
        assert!(all.results[0].topics[0].partitions[0].partition_size > 0);
        let named = |name: &str| DescribableLogDirTopic::default().with_topic(topic(name)).with_partitions(vec![0, 9]);
        let request = DescribeLogDirsRequest::default().with_topics(Some(vec![named(FOREIGN), named(TOPIC)]));
        let found = wire.call(request, version).await;
        assert_eq!((found.results[0].topics.len(), found.results[0].topics[0].partitions.len()), (1, 1));
    }
    for version in versions(ApiKey::DescribeProducers) {
        let named = |name: &str| ProducersTopic::default().with_name(topic(name)).with_partition_indexes(vec![0, 9]);
        let request = DescribeProducersRequest::default().with_topics(vec![named(TOPIC), named(FOREIGN)]);
        let answer = wire.call(request, version).await;
        let codes: Vec<i16> =
            answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code).collect();
        assert_eq!(codes, [0, 3, 29, 29]);
    }
    for version in versions(ApiKey::ElectLeaders) {
        let all = wire.call(ElectLeadersRequest::default().with_topic_partitions(None), version).await;
        assert_eq!(all.replica_election_results.len(), 1);
        let named = |name: &str| TopicPartitions::default().with_topic(topic(name)).with_partitions(vec![0, 9]);
        let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![named(TOPIC), named(FOREIGN)]));
        let answer = wire.call(request, version).await;
        let results = answer.replica_election_results.iter().flat_map(|topic| &topic.partition_result);
        assert_eq!(results.map(|result| result.error_code).collect::<Vec<_>>(), [84, 3, 29, 29]);
    }
    for version in versions(ApiKey::ListPartitionReassignments) {
        let answer = wire.call(ListPartitionReassignmentsRequest::default().with_topics(None), version).await;
        assert_eq!((answer.error_code, answer.topics.len()), (0, 0));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_of_what_clients_may_do() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    for version in versions(ApiKey::DescribeAcls) {
        let any = DescribeAclsRequest::default()
            .with_resource_type_filter(1)
            .with_resource_name_filter(None)
            .with_pattern_type_filter(1)
            .with_principal_filter(None)
            .with_host_filter(None)
            .with_operation(1)
            .with_permission_type(1);
        let answer = wire.call(any.clone(), version).await;
        let operations: Vec<usize> = answer.resources.iter().map(|resource| resource.acls.len()).collect();
        assert_eq!((answer.error_code, operations), (0, vec![3, 3, 3, 1]));
        assert!(answer.resources[0].acls.iter().all(|acl| acl.principal.ends_with(",O=shop")), "{answer:?}");
        let reading = wire.call(any.clone().with_operation(3), version).await;
        assert_eq!(reading.resources.len(), 3, "topics and groups");
        let somebody = any.clone().with_principal_filter(Some(text("User:somebody")));
        for nothing in [any.with_permission_type(2), somebody] {
            assert_eq!(wire.call(nothing, version).await.resources.len(), 0);
        }
    }
    for version in versions(ApiKey::ListConfigResources) {
        let all = wire.call(ListConfigResourcesRequest::default(), version).await;
        assert_eq!(all.config_resources.len(), if version >= 1 { 3 } else { 0 }, "loggers, the broker, the topic");
        if version >= 1 {
            let odd = ListConfigResourcesRequest::default().with_resource_types(vec![2, 3]);
            assert_eq!(wire.call(odd, version).await.error_code, 35);
        }
    }
    for version in versions(ApiKey::DescribeClientQuotas) {
        let answer = wire.call(DescribeClientQuotasRequest::default(), version).await;
        assert_eq!((answer.error_code, answer.entries), (0, Some(Vec::new())));
    }
    for version in versions(ApiKey::DescribeUserScramCredentials) {
        let users = ["a", "b", "a"].map(|name| UserName::default().with_name(text(name))).to_vec();
        let request = DescribeUserScramCredentialsRequest::default().with_users(Some(users));
        let codes: Vec<i16> = wire.call(request, version).await.results.iter().map(|user| user.error_code).collect();
        assert_eq!(codes, [92, 91]);
    }
    for version in versions(ApiKey::ListTransactions) {
        let request = ListTransactionsRequest::default().with_state_filters(vec![text("Ongoing"), text("odd")]);
        let answer = wire.call(request, version).await;
        assert_eq!((answer.unknown_state_filters, answer.transaction_states.len()), (vec![text("odd")], 0));
    }
    for version in versions(ApiKey::DescribeTransactions) {
        let ids = ["", "a"].map(|id| TransactionalId(text(id))).to_vec();
        let request = DescribeTransactionsRequest::default().with_transactional_ids(ids);
        let states = wire.call(request, version).await.transaction_states;
        assert_eq!(states.iter().map(|state| state.error_code).collect::<Vec<_>>(), [42, 105]);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    for version in versions(ApiKey::FindCoordinator) {
        let request = FindCoordinatorRequest::default();
        let request = if version >= 4 {
            request.with_coordinator_keys(vec![text("a"), text("b")])
        } else {
            request.with_key(text("a"))
        };
        let answer = wire.call(request.clone(), version).await;
        let port = if version >= 4 { answer.coordinators[1].port } else { answer.port };
        assert_eq!(port, i32::from(server.address.port()));
        if version >= 1 {
            for (key_type, expected) in [(1, 0), (2, 42), (3, 42)] {
                let answer = wire.call(request.clone().with_key_type(key_type), version).await;
                let code = if version >= 4 { answer.coordinators[0].error_code } else { answer.error_code };
                assert_eq!(code, expected, "of type {key_type}");
            }
        }
    }
    for version in versions(ApiKey::JoinGroup) {
        life_of_a_member(&mut wire, version).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_groups() {
    let server = Server::start().await;
    let mut wire = server.connect("shop").await;
    let metadata = wire.call(MetadataRequest::default().with_topics(None), 12).await;
    let id = metadata.topics[0].topic_id;
    for version in versions(ApiKey::ConsumerGroupHeartbeat) {
        let name = format!("new{version}");
        let join = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group(&name))
            .with_member_id(text(if version >= 1 { "m" } else { "" }))
            .with_rebalance_timeout_ms(10_000)
            .with_subscribed_topic_names(Some(vec![topic(TOPIC), topic(FOREIGN)]))
            .with_topic_partitions(Some(Vec::new()));
        let joined = wire.call(join.clone(), version).await;
        assert_eq!((joined.error_code, joined.member_epoch, joined.heartbeat_interval_ms), (0, 2, 5_000));
        let member = joined.member_id.unwrap();
        let assigned = joined.assignment.unwrap().topic_partitions;
        assert_eq!((assigned.len(), assigned[0].topic_id, &assigned[0].partitions), (1, id, &vec![0]));
        assert_eq!(wire.call(join.clone().with_topic_partitions(None), version).await.error_code, 42);
        assert_eq!(wire.call(join.clone().with_server_assignor(Some(text("x"))), version).await.error_code, 112);
        let beat = ConsumerGroupHeartbeatRequest::default().with_group_id(group(&name)).with_member_id(member.clone());
        assert_eq!(wire.call(beat.clone().with_member_epoch(2), version).await.error_code, 0);
        assert_eq!(wire.call(beat.clone().with_member_epoch(7), version).await.error_code, 110);
        for version in versions(ApiKey::ConsumerGroupDescribe) {
            let wanted = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group(&name), group("nobody")]);
            let answer = wire.call(wanted.with_include_authorized_operations(true), version).await;
            let described = &answer.groups[0];
            assert_eq!((described.group_state.as_str(), described.assignor_name.as_str()), ("Stable", "uniform"));
            assert_eq!(described.members[0].assignment.topic_partitions[0].topic_name, topic(TOPIC));
            assert_eq!(described.members[0].member_type, if version >= 1 { 1 } else { -1 });
            assert_eq!(answer.groups[1].error_code, 69);
        }
        commits_with_its_epoch(&mut wire, &name, member.as_str(), id).await;
        let describe = DescribeGroupsRequest::default().with_groups(vec![group(&name)]);
        assert_eq!(wire.call(describe, 6).await.groups[0].error_code, 69, "it is no classic group");
        let listed = ListGroupsRequest::default().with_types_filter(vec![text("consumer")]);
        assert_eq!(wire.call(listed, 5).await.groups[0].group_type.as_str(), "consumer");
        let delete = DeleteGroupsRequest::default().with_groups_names(vec![group(&name)]);
        assert_eq!(wire.call(delete.clone(), 2).await.results[0].error_code, 68);
        assert_eq!(wire.call(beat.with_member_epoch(-1), version).await.member_epoch, -1);
        assert_eq!(wire.call(delete, 2).await.results[0].error_code, 0);
    }
    server.stop().await;
}

/// OffsetCommit and OffsetFetch of a member of the consumer protocol, in the versions that know its epoch; version 10
/// names topics by their ids.
async fn commits_with_its_epoch(wire: &mut Wire, name: &str, member: &str, id: uuid::Uuid) {
    for (version, epoch, expected) in [(8, 2, 35), (9, 2, 0), (9, 1, 113), (10, 2, 0), (10, 1, 113)] {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(i64::from(version));
        let commit = OffsetCommitRequest::default()
            .with_group_id(group(name))
            .with_member_id(text(member))
            .with_generation_id_or_member_epoch(epoch)
            .with_topics(vec![
                OffsetCommitRequestTopic::default()
                    .with_name(if version < 10 { topic(TOPIC) } else { TopicName::default() })
                    .with_topic_id(if version < 10 { uuid::Uuid::nil() } else { id })
                    .with_partitions(vec![partition]),
            ]);
        let answer = wire.commit_offsets(commit, version).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, expected, "version {version}, epoch {epoch}");
        assert_eq!(answer.topics[0].topic_id, if version < 10 { uuid::Uuid::nil() } else { id });
    }
    let unknown = uuid::Uuid::from_bytes([9; 16]);
    let topics =
        [id, unknown].map(|id| OffsetFetchRequestTopics::default().with_topic_id(id).with_partition_indexes(vec![0]));
    for (epoch, expected) in [(2, 0), (1, 113)] {
        let wanted = OffsetFetchRequestGroup::default()
            .with_group_id(group(name))
            .with_member_id(Some(text(member)))
            .with_member_epoch(epoch)
            .with_topics(Some(topics.to_vec()));
        let answer = wire.fetch_offsets(OffsetFetchRequest::default().with_groups(vec![wanted]), 10).await;
        assert_eq!(answer.groups[0].error_code, expected);
        let found: Vec<_> =
            answer.groups[0].topics.iter().map(|it| (it.topic_id, it.partitions[0].error_code)).collect();
        assert_eq!(found, if expected == 0 { vec![(id, 0), (unknown, 100)] } else { Vec::new() });
    }
    let all = OffsetFetchRequestGroup::default().with_group_id(group(name)).with_member_epoch(-1).with_topics(None);
    let answer = wire.fetch_offsets(OffsetFetchRequest::default().with_groups(vec![all]), 10).await;
    let found = &answer.groups[0].topics[0];
    assert_eq!((found.topic_id, found.partitions[0].committed_offset), (id, 10));
}

/// Joins, syncs, beats, commits and leaves, each in the version nearest to `version`.
async fn life_of_a_member(wire: &mut Wire, version: i16) {
    // Version 10 of OffsetCommit names topics by ids: `consumer_groups`.
    let nearest = |api| version.clamp(*versions(api).start(), *versions(api).end().min(&9));
    let name = format!("g{version}");
    let join = JoinGroupRequest::default()
        .with_group_id(group(&name))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(if version >= 1 { 10_000 } else { -1 })
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![
            JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(vec![1, 2, 3].into()),
        ]);
    let mut joined = wire.call(join.clone(), version).await;
    if version >= 4 {
        assert_eq!(joined.error_code, 79, "first the id");
        joined = wire.call(join.with_member_id(joined.member_id), version).await;
    }
    assert_eq!((joined.error_code, joined.members.len()), (0, 1), "version {version}");
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    let (member, generation) = (joined.member_id, joined.generation_id);
    assert!(member.starts_with("test-"));

    let sync = SyncGroupRequest::default()
        .with_group_id(group(&name))
        .with_generation_id(generation)
        .with_member_id(member.clone())
        .with_assignments(vec![
            SyncGroupRequestAssignment::default().with_member_id(member.clone()).with_assignment(vec![4, 5].into()),
        ]);
    let sync_version = nearest(ApiKey::SyncGroup);
    let sync = if sync_version >= 5 {
        sync.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range")))
    } else {
        sync
    };
    let synced = wire.call(sync, sync_version).await;
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &[4, 5][..]));

    let beat = HeartbeatRequest::default()
        .with_group_id(group(&name))
        .with_generation_id(generation)
        .with_member_id(member.clone());
    assert_eq!(wire.call(beat.clone(), nearest(ApiKey::Heartbeat)).await.error_code, 0);
    assert_eq!(wire.call(beat.with_generation_id(99), nearest(ApiKey::Heartbeat)).await.error_code, 22);

    let committed = OffsetCommitRequestPartition::default().with_committed_metadata(Some(text("m")));
    let commit = OffsetCommitRequest::default()
        .with_group_id(group(&name))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(member.clone())
        .with_topics(vec![
            OffsetCommitRequestTopic::default().with_name(topic(TOPIC)).with_partitions(vec![committed]),
        ]);
    let answer = wire.call(commit.clone(), nearest(ApiKey::OffsetCommit)).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    let stale = wire.call(commit.with_generation_id_or_member_epoch(99), nearest(ApiKey::OffsetCommit)).await;
    assert_eq!(stale.topics[0].partitions[0].error_code, 22);

    for version in *versions(ApiKey::OffsetFetch).start()..=9 {
        let (code, offset) = fetch_offset(wire, &name, version).await;
        assert_eq!((code, offset), (0, 0), "version {version}");
    }
    for version in versions(ApiKey::DescribeGroups) {
        let request = DescribeGroupsRequest::default().with_groups(vec![group(&name), group("nobody")]);
        let answer = wire.call(request, version).await;
        assert_eq!((answer.groups[0].group_state.as_str(), answer.groups[0].members.len()), ("Stable", 1));
        assert_eq!(answer.groups[1].group_state.as_str(), "Dead");
        assert_eq!(answer.groups[1].error_code, if version >= 6 { 69 } else { 0 });
    }
    for version in versions(ApiKey::ListGroups) {
        let filter = if version >= 4 { vec![text("Stable")] } else { Vec::new() };
        let answer = wire.call(ListGroupsRequest::default().with_states_filter(filter), version).await;
        assert!(answer.groups.iter().any(|listed| listed.group_id.as_str() == name));
    }
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group(&name), group("nobody")]);
    for version in versions(ApiKey::DeleteGroups) {
        let codes: Vec<i16> =
            wire.call(delete.clone(), version).await.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [68, 69]);
    }
    let forget = OffsetDeleteRequest::default().with_group_id(group(&name)).with_topics(vec![
        OffsetDeleteRequestTopic::default()
            .with_name(topic(TOPIC))
            .with_partitions(vec![OffsetDeleteRequestPartition::default()]),
    ]);
    let in_use = wire.call(forget.clone(), 0).await;
    assert_eq!(in_use.topics[0].partitions[0].error_code, 86);

    let leave = LeaveGroupRequest::default().with_group_id(group(&name));
    let leave_version = nearest(ApiKey::LeaveGroup);
    let leave = if leave_version >= 3 {
        leave.with_members(vec![MemberIdentity::default().with_member_id(member)])
    } else {
        leave.with_member_id(member)
    };
    let left = wire.call(leave, leave_version).await;
    assert_eq!(left.error_code, 0);
    assert!(left.members.iter().all(|member| member.error_code == 0));
    if version % 2 == 0 {
        let forgotten = wire.call(forget, 0).await;
        assert_eq!(forgotten.topics[0].partitions[0].error_code, 0);
    } else {
        assert_eq!(wire.call(delete, 2).await.results[0].error_code, 0);
    }
    assert_eq!(fetch_offset(wire, &name, 7).await, (0, -1));
}

async fn fetch_offset(wire: &mut Wire, name: &str, version: i16) -> (i16, i64) {
    if version >= 8 {
        let topics = OffsetFetchRequestTopics::default().with_name(topic(TOPIC)).with_partition_indexes(vec![0]);
        let wanted = OffsetFetchRequestGroup::default().with_group_id(group(name)).with_topics(Some(vec![topics]));
        let answer = wire.call(OffsetFetchRequest::default().with_groups(vec![wanted]), version).await;
        let found = &answer.groups[0].topics[0].partitions[0];
        return (found.error_code, found.committed_offset);
    }
    let topics = OffsetFetchRequestTopic::default().with_name(topic(TOPIC)).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default().with_group_id(group(name)).with_topics(Some(vec![topics]));
    let answer = wire.call(request, version).await;
    let found = &answer.topics[0].partitions[0];
    (found.error_code, found.committed_offset)
}
