//! DeleteRecords (21): refused, as events go by retention. The API has no words beside its errors.

use kafka_protocol::{
    ResponseError,
    messages::{
        DeleteRecordsRequest, DeleteRecordsResponse,
        delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
    },
};

use super::read_only;
use crate::{request::Request, session::Session, topics};

pub(super) fn handle(session: &Session, request: &Request, delete: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = delete.topics.into_iter().map(|wanted| {
        let topic = super::topic_by_name(session, &wanted.name);
        if topic.is_ok() {
            read_only::note(session, request, &wanted.name.as_str());
        }
        let partition = |index: i32| {
            let found = topic.as_ref().map_err(|error| *error).and_then(|topic| topics::partition(topic, index));
            let error = match found {
                Ok(_) => ResponseError::PolicyViolation,
                Err(ResponseError::InvalidTopicException) => ResponseError::UnknownTopicOrPartition,
                Err(error) => error,
            };
            DeleteRecordsPartitionResult::default()
                .with_partition_index(index)
                .with_low_watermark(-1)
                .with_error_code(error.code())
        };
        let partitions = wanted.partitions.iter().map(|wanted| partition(wanted.partition_index)).collect();
        DeleteRecordsTopicResult::default().with_partitions(partitions).with_name(wanted.name)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}
