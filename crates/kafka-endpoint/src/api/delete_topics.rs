//! DeleteTopics (20): refused, as topics go with their live queries.

use kafka_protocol::{
    ResponseError,
    messages::{
        DeleteTopicsRequest, DeleteTopicsResponse, TopicName, delete_topics_request::DeleteTopicState,
        delete_topics_response::DeletableTopicResult,
    },
    protocol::StrBytes,
};

use super::read_only;
use crate::{request::Request, session::Session};

pub(super) fn handle(session: &Session, request: &Request, delete: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let wanted = if request.version >= 6 {
        delete.topics
    } else {
        let by_name = |name: TopicName| DeleteTopicState::default().with_name(Some(name));
        delete.topic_names.into_iter().map(by_name).collect()
    };
    let results = wanted.into_iter().map(|wanted| {
        let (error, message) = refuse(session, request, &wanted);
        let result = DeletableTopicResult::default()
            .with_name(wanted.name)
            .with_topic_id(wanted.topic_id)
            .with_error_code(error.code());
        if request.version >= 5 { result.with_error_message(Some(message)) } else { result }
    });
    DeleteTopicsResponse::default().with_responses(results.collect())
}

fn refuse(session: &Session, request: &Request, wanted: &DeleteTopicState) -> (ResponseError, StrBytes) {
    let found = match &wanted.name {
        Some(name) => super::topic_by_name(session, name),
        None => session.topic_by_id(wanted.topic_id),
    };
    match found {
        Ok(topic) => {
            read_only::note(session, request, &topic.name());
            read_only::refusal(read_only::DELETED)
        }
        // Kafka does not look whether a name could be a topic's here.
        Err(ResponseError::InvalidTopicException) => read_only::of_missing(ResponseError::UnknownTopicOrPartition, ""),
        Err(error) => read_only::of_missing(error, ""),
    }
}
