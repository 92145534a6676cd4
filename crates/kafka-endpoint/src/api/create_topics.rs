//! CreateTopics (19): refused, as topics come from live queries; a topic that is there already is told apart, since
//! many clients make what they need and go on when it is there.

use std::collections::BTreeMap;

use kafka_protocol::{
    ResponseError,
    messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName, create_topics_response::CreatableTopicResult},
    protocol::StrBytes,
};

use super::read_only;
use crate::{request::Request, session::Session};

pub(super) fn handle(session: &Session, request: &Request, create: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times_named: BTreeMap<TopicName, usize> = BTreeMap::new();
    for topic in &create.topics {
        *times_named.entry(topic.name.clone()).or_default() += 1;
    }
    let topics = times_named.into_iter().map(|(name, times)| {
        let (error, message) = refuse(session, &name, times);
        if error == ResponseError::PolicyViolation {
            read_only::note(session, request, &name.as_str());
        }
        let result = CreatableTopicResult::default()
            .with_error_code(error.code())
            .with_error_message(Some(message))
            .with_name(name);
        if request.version >= 5 { result.with_configs(Some(Vec::new())) } else { result }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn refuse(session: &Session, name: &TopicName, times: usize) -> (ResponseError, StrBytes) {
    if times > 1 {
        return (ResponseError::InvalidRequest, StrBytes::from_static_str("Duplicate topic name."));
    }
    match super::topic_by_name(session, name) {
        Ok(_) => (ResponseError::TopicAlreadyExists, format!("Topic '{}' already exists.", name.as_str()).into()),
        Err(ResponseError::UnknownTopicOrPartition) => read_only::refusal(read_only::MADE),
        Err(error) => read_only::of_missing(error, name),
    }
}
