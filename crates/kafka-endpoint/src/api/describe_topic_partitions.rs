//! DescribeTopicPartitions (75, KIP-966): topics page by page, with a cursor where the next page begins.
//!
//! Invariant: topics come by name, so that a cursor means the same in every request.

use std::collections::BTreeSet;

use kafka_protocol::{
    ResponseError,
    messages::{
        BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName,
        describe_topic_partitions_response::{
            Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
        },
    },
};

use super::metadata::TOPIC_OPERATIONS;
use crate::{
    limits,
    session::{NODE_ID, Session},
    topics::Topic,
};

/// What Kafka says of the operations of a topic that may not be seen: nothing.
const UNKNOWN_OPERATIONS: i32 = i32::MIN;

pub(super) fn handle(session: &Session, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    match Pages::of(session, &request) {
        Ok(pages) => pages.next(),
        Err(error) => {
            let refused = |named: TopicName| failed(named, error, UNKNOWN_OPERATIONS);
            let named = request.topics.into_iter().map(|topic| refused(topic.name));
            DescribeTopicPartitionsResponse::default().with_topics(named.collect())
        }
    }
}

/// What is left to tell.
struct Pages<'a> {
    session: &'a Session,
    names: BTreeSet<TopicName>,
    /// The topic that the page begins in, and its first partition.
    from: Option<(TopicName, i32)>,
    room: usize,
}

impl<'a> Pages<'a> {
    fn of(session: &'a Session, request: &DescribeTopicPartitionsRequest) -> Result<Self, ResponseError> {
        let from = request.cursor.as_ref().map(|cursor| (cursor.topic_name.clone(), cursor.partition_index));
        let is_ahead = |name: &TopicName| from.as_ref().is_none_or(|(first, _)| name.as_str() >= first.as_str());
        let is_for_all = request.topics.is_empty();
        let names: BTreeSet<TopicName> = if is_for_all {
            session
                .all_topics()
                .iter()
                .map(|topic| TopicName(topic.name().to_owned().into()))
                .filter(is_ahead)
                .collect()
        } else {
            request.topics.iter().map(|topic| topic.name.clone()).filter(is_ahead).collect()
        };
        if let Some((first, partition)) = &from
            && (*partition < 0 || (!is_for_all && !names.contains(first)))
        {
            return Err(ResponseError::InvalidRequest);
        }
        let wanted = usize::try_from(request.response_partition_limit).unwrap_or(0);
        Ok(Self { session, names, from, room: wanted.clamp(1, limits::DESCRIBED_PARTITIONS_MAX) })
    }

    fn next(mut self) -> DescribeTopicPartitionsResponse {
        let (mut topics, mut foreign, mut next) = (Vec::new(), Vec::new(), None);
        for name in std::mem::take(&mut self.names) {
            if self.room == 0 {
                next = Some((name, 0));
                break;
            }
            match super::topic_by_name(self.session, &name) {
                Ok(topic) => {
                    let (described, goes_on) = self.describe(&topic);
                    topics.push(described);
                    next = goes_on.map(|partition| (name, partition));
                }
                Err(error @ ResponseError::TopicAuthorizationFailed) => {
                    foreign.push(failed(name, error, UNKNOWN_OPERATIONS));
                }
                Err(error) => topics.push(failed(name, error, TOPIC_OPERATIONS)),
            }
            if next.is_some() {
                break;
            }
        }
        topics.append(&mut foreign);
        let cursor =
            next.map(|(name, partition)| Cursor::default().with_topic_name(name).with_partition_index(partition));
        DescribeTopicPartitionsResponse::default().with_topics(topics).with_next_cursor(cursor)
    }

    /// As many of its partitions as there is room for, and the first one that there is none for.
    fn describe(&mut self, topic: &Topic) -> (DescribeTopicPartitionsResponseTopic, Option<i32>) {
        let first = match &self.from {
            Some((name, partition)) if name.as_str() == topic.name() => *partition,
            _ => 0,
        };
        let end = i32::from(topic.partitions());
        let room = i32::try_from(self.room).unwrap_or(i32::MAX);
        let last = end.min(first.saturating_add(room));
        let nodes = || vec![BrokerId(NODE_ID)];
        let partition = |index| {
            DescribeTopicPartitionsResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(NODE_ID))
                .with_leader_epoch(topic.leader_epoch())
                .with_replica_nodes(nodes())
                .with_isr_nodes(nodes())
                .with_eligible_leader_replicas(Some(Vec::new()))
                .with_last_known_elr(Some(Vec::new()))
        };
        let partitions: Vec<_> = (first..last).map(partition).collect();
        self.room -= partitions.len();
        let described = DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(TopicName(topic.name().to_owned().into())))
            .with_topic_id(topic.id())
            .with_topic_authorized_operations(TOPIC_OPERATIONS)
            .with_partitions(partitions);
        (described, (last < end).then_some(last))
    }
}

fn failed(name: TopicName, error: ResponseError, operations: i32) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(name))
        .with_topic_authorized_operations(operations)
}
