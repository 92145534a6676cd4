//! DescribeProducers (61, KIP-664): no producer is at work on any partition; the database writes the topics.

use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse,
    describe_producers_response::{PartitionResponse, TopicResponse},
};

use crate::{session::Session, topics};

pub(super) fn handle(session: &Session, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = super::topic_by_name(session, &wanted.name);
        let partition = |index: i32| {
            let response = PartitionResponse::default().with_partition_index(index);
            match &topic {
                Ok(topic) => response.with_error_code(super::code(&topics::partition(topic, index))),
                Err(error) => response
                    .with_error_code(error.code())
                    .with_error_message(Some(super::topic_message(*error, &wanted.name))),
            }
        };
        let partitions = wanted.partition_indexes.iter().map(|index| partition(*index)).collect();
        TopicResponse::default().with_partitions(partitions).with_name(wanted.name)
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}
