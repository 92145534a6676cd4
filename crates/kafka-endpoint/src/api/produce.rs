//! Produce (0): refused. Topics are written by the database; the API is served only because librdkafka asks for it before it fetches.

use kafka_protocol::{
    ResponseError,
    messages::{
        ProduceRequest, ProduceResponse,
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
};

use crate::reason::Reason;

/// A producer that wants no answer cannot be told; as in Kafka, its connection ends.
pub(super) fn handle(request: ProduceRequest) -> Result<ProduceResponse, Reason> {
    if request.acks == 0 {
        return Err(Reason::UnacknowledgedProduce);
    }
    let topics = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(ResponseError::TopicAuthorizationFailed.code())
                .with_base_offset(-1)
        });
        TopicProduceResponse::default().with_partition_responses(partitions.collect()).with_name(topic.name)
    });
    Ok(ProduceResponse::default().with_responses(topics.collect()))
}
