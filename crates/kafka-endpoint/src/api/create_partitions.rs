//! CreatePartitions (37): refused, as a topic keeps the partitions that its live query is made with.

use kafka_protocol::{
    ResponseError,
    messages::{
        CreatePartitionsRequest, CreatePartitionsResponse, TopicName,
        create_partitions_response::CreatePartitionsTopicResult,
    },
    protocol::StrBytes,
};

use super::read_only;
use crate::{request::Request, session::Session};

pub(super) fn handle(
    session: &Session,
    request: &Request,
    create: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let results = create.topics.into_iter().map(|wanted| {
        let (error, message) = refuse(session, request, &wanted.name);
        CreatePartitionsTopicResult::default()
            .with_name(wanted.name)
            .with_error_code(error.code())
            .with_error_message(message)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn refuse(session: &Session, request: &Request, name: &TopicName) -> (ResponseError, Option<StrBytes>) {
    match super::topic_by_name(session, name) {
        Ok(_) => {
            read_only::note(session, request, &name.as_str());
            let (error, why) = read_only::refusal(read_only::PARTITIONS);
            (error, Some(why))
        }
        Err(ResponseError::TopicAuthorizationFailed) => (ResponseError::TopicAuthorizationFailed, None),
        Err(_) => (ResponseError::UnknownTopicOrPartition, None),
    }
}
