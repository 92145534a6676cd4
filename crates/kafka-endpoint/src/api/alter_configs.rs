//! AlterConfigs (33) and IncrementalAlterConfigs (44): refused, as nothing is set over Kafka.

use kafka_protocol::{
    ResponseError,
    messages::{
        AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
        alter_configs_response::AlterConfigsResourceResponse,
        incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResourceResponse,
    },
    protocol::StrBytes,
};

use super::{
    describe_configs::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC},
    read_only,
};
use crate::{request::Request, session::Session};

pub(super) fn handle(session: &Session, request: &Request, alter: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = alter.resources.into_iter().map(|wanted| {
        let (error, message) = refuse(session, request, wanted.resource_type, &wanted.resource_name);
        AlterConfigsResourceResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(message))
            .with_resource_type(wanted.resource_type)
            .with_resource_name(wanted.resource_name)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

pub(super) fn handle_incremental(
    session: &Session,
    request: &Request,
    alter: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = alter.resources.into_iter().map(|wanted| {
        let (error, message) = refuse(session, request, wanted.resource_type, &wanted.resource_name);
        IncrementalResourceResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(message))
            .with_resource_type(wanted.resource_type)
            .with_resource_name(wanted.resource_name)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn refuse(session: &Session, request: &Request, kind: i8, name: &str) -> (ResponseError, StrBytes) {
    let missing = match kind {
        TOPIC => super::topic_by_name(session, name).err(),
        BROKER | BROKER_LOGGER | CLIENT_METRICS | GROUP => None,
        _ => Some(ResponseError::InvalidRequest),
    };
    match missing {
        Some(ResponseError::UnknownTopicOrPartition) => {
            (ResponseError::UnknownTopicOrPartition, format!("The topic '{name}' does not exist.").into())
        }
        Some(error) => read_only::of_missing(error, name),
        None => {
            read_only::note(session, request, &name);
            read_only::refusal(read_only::SETTINGS)
        }
    }
}
