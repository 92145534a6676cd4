//! ElectLeaders (43, KIP-460): the one broker leads every partition, so no election is ever needed.

use kafka_protocol::{
    ResponseError,
    messages::{
        ElectLeadersRequest, ElectLeadersResponse, TopicName,
        elect_leaders_request::TopicPartitions,
        elect_leaders_response::{PartitionResult, ReplicaElectionResult},
    },
    protocol::StrBytes,
};

use crate::{session::Session, topics};

/// Kafka's `ElectionType`: preferred and unclean.
const ELECTION_TYPES: std::ops::RangeInclusive<i8> = 0..=1;

pub(super) fn handle(session: &Session, request: ElectLeadersRequest, version: i16) -> ElectLeadersResponse {
    let election = request.election_type;
    let is_known = ELECTION_TYPES.contains(&election);
    let results = match request.topic_partitions {
        // Kafka names every topic then, with those partitions that had an election.
        None => session.all_topics().iter().map(|topic| none_of(topic.name())).collect(),
        Some(wanted) => {
            let elect = |wanted: TopicPartitions| {
                let result = |index: &i32| {
                    if is_known { elect(session, &wanted.topic, *index) } else { unknown(election, *index) }
                };
                let results = wanted.partitions.iter().map(result).collect();
                ReplicaElectionResult::default().with_partition_result(results).with_topic(wanted.topic)
            };
            wanted.into_iter().map(elect).collect()
        }
    };
    let response = ElectLeadersResponse::default().with_replica_election_results(results);
    if is_known || version < 1 { response } else { response.with_error_code(ResponseError::InvalidRequest.code()) }
}

fn unknown(election: i8, index: i32) -> PartitionResult {
    PartitionResult::default()
        .with_partition_id(index)
        .with_error_code(ResponseError::InvalidRequest.code())
        .with_error_message(Some(format!("Unknown election type {election}").into()))
}

fn none_of(topic: &str) -> ReplicaElectionResult {
    ReplicaElectionResult::default().with_topic(TopicName(topic.to_owned().into()))
}

fn elect(session: &Session, topic: &TopicName, index: i32) -> PartitionResult {
    let result = PartitionResult::default().with_partition_id(index);
    let (error, message) = match super::topic_by_name(session, topic) {
        Ok(found) => match topics::partition(&found, index) {
            Ok(_) => (ResponseError::ElectionNotNeeded, super::words(ResponseError::ElectionNotNeeded).to_owned()),
            Err(error) => (error, format!("No such partition as {}-{index}", topic.as_str())),
        },
        Err(error @ ResponseError::TopicAuthorizationFailed) => (error, super::words(error).to_owned()),
        Err(_) => (ResponseError::UnknownTopicOrPartition, format!("No such topic as {}", topic.as_str())),
    };
    result.with_error_code(error.code()).with_error_message(Some(StrBytes::from(message)))
}
