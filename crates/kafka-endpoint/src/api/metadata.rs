//! Metadata (3): the one broker, and the app's topics. Topics are never created by asking.

use kafka_protocol::{
    ResponseError,
    messages::{
        BrokerId, MetadataRequest, MetadataResponse, TopicName,
        metadata_request::MetadataRequestTopic,
        metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
    },
};
use uuid::Uuid;

use crate::{
    session::{NODE_ID, Session},
    topics::Topic,
};

/// What may be done with a topic: READ, DESCRIBE and DESCRIBE_CONFIGS, as bits of Kafka's
/// `AclOperation`.
pub(super) const TOPIC_OPERATIONS: i32 = 1 << 3 | 1 << 8 | 1 << 10;

pub(super) fn handle(session: &Session, request: MetadataRequest, version: i16) -> MetadataResponse {
    let with_operations = request.include_topic_authorized_operations;
    let topics = match request.topics {
        Some(named) if version > 0 || !named.is_empty() => {
            named.into_iter().map(|wanted| describe_named(session, wanted, version, with_operations)).collect()
        }
        // No list, or (version 0) an empty one, means all.
        _ => session.all_topics().iter().map(|topic| describe(topic, with_operations)).collect(),
    };
    MetadataResponse::default()
        .with_brokers(vec![
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(NODE_ID))
                .with_host(session.server.advertised_host.clone())
                .with_port(session.server.advertised_port.into()),
        ])
        .with_cluster_id(Some(session.cluster_id()))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics)
}

fn describe_named(
    session: &Session,
    wanted: MetadataRequestTopic,
    version: i16,
    with_operations: bool,
) -> MetadataResponseTopic {
    // Versions 10 and 11 have the field for an id, but ask by name (KIP-516).
    let by_id = version >= 12 && wanted.topic_id != Uuid::nil();
    let name = wanted.name.filter(|_| !by_id);
    let found = match &name {
        None if by_id => session.topic_by_id(wanted.topic_id),
        None => Err(ResponseError::InvalidRequest),
        Some(name) => super::topic_by_name(session, name),
    };
    match found {
        Ok(topic) => describe(&topic, with_operations),
        Err(error) => MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(if version >= 12 { name } else { Some(name.unwrap_or_default()) })
            .with_topic_id(wanted.topic_id),
    }
}

fn describe(topic: &Topic, with_operations: bool) -> MetadataResponseTopic {
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(topic.leader_epoch())
            .with_replica_nodes(vec![BrokerId(NODE_ID)])
            .with_isr_nodes(vec![BrokerId(NODE_ID)])
    };
    let described = MetadataResponseTopic::default()
        .with_name(Some(TopicName(topic.name().to_owned().into())))
        .with_topic_id(topic.id())
        .with_partitions((0..i32::from(topic.partitions())).map(partition).collect());
    if with_operations { described.with_topic_authorized_operations(TOPIC_OPERATIONS) } else { described }
}
