//! What would make, change or write topics: refused here, and done by Kafka; what both refuse they refuse alike.

use kafka_protocol::messages::{
    AlterConfigsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, TransactionalId,
    alter_configs_request::AlterConfigsResource,
    create_partitions_request::CreatePartitionsTopic,
    create_topics_request::CreatableTopic,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_topics_request::DeleteTopicState,
    incremental_alter_configs_request::AlterConfigsResource as IncrementalResource,
};

use super::{
    both::{Both, Difference, difference, text, topic},
    support::TOPIC,
};

const READ_ONLY: &str = "topics are read-only: POLICY_VIOLATION, with the command that makes them";

pub(super) const MEANT: &[Difference] = &[
    difference("CreateTopics of a new one", "", READ_ONLY),
    difference("CreatePartitions of one that exists", "", READ_ONLY),
    difference("DeleteRecords of one that exists", "", READ_ONLY),
    difference("AlterConfigs of one that exists", "", READ_ONLY),
    difference("IncrementalAlterConfigs of one that exists", "", READ_ONLY),
    difference("InitProducerId", "producer_id", "any number does, and Kafka counts"),
    difference("InitProducerId for a transaction", "", "there are no transactions; Kafka begins one"),
    difference("DeleteTopics of one that exists", "", READ_ONLY),
];

pub(super) async fn ask(both: &mut Both) {
    making(both).await;
    altering(both).await;
    producing(both).await;
    let by_name = |name| DeleteTopicState::default().with_name(Some(topic(name)));
    let by_id = DeleteTopicState::default().with_name(None).with_topic_id(uuid::Uuid::from_bytes([9; 16]));
    let delete = |topics| DeleteTopicsRequest::default().with_topics(topics).with_timeout_ms(10_000);
    both.ask("DeleteTopics of others", delete(vec![by_name("nonsense")]), 6).await;
    both.ask("DeleteTopics of others", delete(vec![by_name("not a topic")]), 6).await;
    both.ask("DeleteTopics of others", delete(vec![by_id]), 6).await;
    both.ask("DeleteTopics of one that exists", delete(vec![by_name("user-consumable-shop.four")]), 6).await;
}

async fn making(both: &mut Both) {
    let new = |name: &str| {
        let new = CreatableTopic::default().with_name(topic(name)).with_num_partitions(1);
        new.with_replication_factor(1)
    };
    let create = |names: &[&str]| {
        let topics = names.iter().map(|name| new(name)).collect();
        CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(10_000)
    };
    for version in 2..=7 {
        both.ask("CreateTopics of one that exists", create(&[TOPIC]), version).await;
    }
    both.ask("CreateTopics of no name", create(&["not a topic"]), 7).await;
    both.ask("CreateTopics of no name", create(&[""]), 7).await;
    both.ask("CreateTopics of no name", create(&[".."]), 7).await;
    both.ask("CreateTopics twice", create(&["new", "new"]), 7).await;
    both.ask("CreateTopics of a new one", create(&["new"]), 7).await;
    let more =
        |name: &str| CreatePartitionsTopic::default().with_name(topic(name)).with_count(9).with_assignments(None);
    let partitions =
        |name: &str| CreatePartitionsRequest::default().with_topics(vec![more(name)]).with_timeout_ms(10_000);
    both.ask("CreatePartitions of others", partitions("nonsense"), 3).await;
    both.ask("CreatePartitions of others", partitions("not a topic"), 3).await;
    both.ask("CreatePartitions of one that exists", partitions(TOPIC), 3).await;
    let before = |index| DeleteRecordsPartition::default().with_partition_index(index);
    let of =
        |name: &str, index| DeleteRecordsTopic::default().with_name(topic(name)).with_partitions(vec![before(index)]);
    let delete = |of| DeleteRecordsRequest::default().with_topics(vec![of]).with_timeout_ms(10_000);
    both.ask("DeleteRecords of others", delete(of("nonsense", 0)), 2).await;
    both.ask("DeleteRecords of others", delete(of("not a topic", 0)), 2).await;
    both.ask("DeleteRecords of others", delete(of(TOPIC, 99)), 2).await;
    both.ask("DeleteRecords of one that exists", delete(of(TOPIC, 0)), 2).await;
}

async fn altering(both: &mut Both) {
    for (what, kind, name) in [("one that exists", 2, TOPIC), ("others", 2, "nonsense"), ("others", 2, "not a topic")] {
        let resource = AlterConfigsResource::default().with_resource_type(kind).with_resource_name(text(name));
        let alter = AlterConfigsRequest::default().with_resources(vec![resource]);
        both.ask(&format!("AlterConfigs of {what}"), alter, 2).await;
        let resource = IncrementalResource::default().with_resource_type(kind).with_resource_name(text(name));
        let alter = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        both.ask(&format!("IncrementalAlterConfigs of {what}"), alter, 1).await;
    }
}

async fn producing(both: &mut Both) {
    let init = |id: Option<&str>| {
        let id = id.map(|id| TransactionalId(text(id)));
        InitProducerIdRequest::default().with_transactional_id(id).with_transaction_timeout_ms(10_000)
    };
    both.ask("InitProducerId", init(None), 5).await;
    both.ask("InitProducerId", init(Some("")), 5).await;
    both.ask("InitProducerId for a transaction", init(Some("t")), 5).await;
}
