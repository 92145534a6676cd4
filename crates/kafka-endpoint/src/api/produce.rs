//! Produce (0): refused. Topics are written by the database; the API is served because librdkafka asks for it before it
//! fetches, and so that a producer is told why.

use kafka_protocol::{
    ResponseError,
    messages::{
        ProduceRequest, ProduceResponse,
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::StrBytes,
};

use super::read_only;
use crate::{reason::Reason, request::Request, session::Session};

/// A producer that wants no answer cannot be told; as in Kafka, its connection ends.
pub(super) fn handle(session: &Session, request: &Request, produce: ProduceRequest) -> Result<ProduceResponse, Reason> {
    if produce.acks == 0 {
        return Err(Reason::UnacknowledgedProduce);
    }
    let message = || Some(StrBytes::from_static_str(read_only::READ_ONLY)).filter(|_| request.version >= 8);
    let topics = produce.topic_data.into_iter().map(|topic| {
        read_only::note(session, request, &topic.name.as_str());
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(ResponseError::TopicAuthorizationFailed.code())
                .with_error_message(message())
                .with_base_offset(-1)
        });
        TopicProduceResponse::default().with_partition_responses(partitions.collect()).with_name(topic.name)
    });
    Ok(ProduceResponse::default().with_responses(topics.collect()))
}
