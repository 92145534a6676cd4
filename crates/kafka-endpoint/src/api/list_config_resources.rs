//! ListConfigResources (74, KIP-1142): what DescribeConfigs can be asked about.
//!
//! Groups and client metrics are listed by Kafka once something is set for them, which nothing here can be.

use kafka_protocol::{
    ResponseError,
    messages::{
        ListConfigResourcesRequest, ListConfigResourcesResponse, list_config_resources_response::ConfigResource,
    },
};

use super::describe_configs::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::session::{NODE_ID, Session};

/// Version 0 asks for client metrics without saying so (KIP-714).
pub(super) fn handle(
    session: &Session,
    request: &ListConfigResourcesRequest,
    version: i16,
) -> ListConfigResourcesResponse {
    let known = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
    if request.resource_types.iter().any(|wanted| !known.contains(wanted)) {
        return ListConfigResourcesResponse::default().with_error_code(ResponseError::UnsupportedVersion.code());
    }
    if version == 0 {
        return ListConfigResourcesResponse::default();
    }
    let is_wanted = |kind| request.resource_types.is_empty() || request.resource_types.contains(&kind);
    let entry = |kind, name: String| ConfigResource::default().with_resource_type(kind).with_resource_name(name.into());
    let mut found = Vec::new();
    for kind in [BROKER_LOGGER, BROKER].into_iter().filter(|kind| is_wanted(*kind)) {
        found.push(entry(kind, NODE_ID.to_string()));
    }
    if is_wanted(TOPIC) {
        found.extend(session.all_topics().iter().map(|topic| entry(TOPIC, topic.name().to_owned())));
    }
    ListConfigResourcesResponse::default().with_config_resources(found)
}
