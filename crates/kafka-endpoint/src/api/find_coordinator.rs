//! FindCoordinator (10): this server coordinates every group, and every transaction, of which there are none.

use kafka_protocol::{
    ResponseError,
    messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator},
    protocol::StrBytes,
};

use crate::session::{NODE_ID, Session};

/// Kafka's `CoordinatorType`. Who asks for the third, of share groups, is answered as by a Kafka that cannot read the
/// key.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

pub(super) fn handle(session: &Session, request: FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
    if version >= 4 {
        let keys = request.coordinator_keys.into_iter();
        return FindCoordinatorResponse::default()
            .with_coordinators(keys.map(|key| find(session, request.key_type, key, version)).collect());
    }
    let found = find(session, request.key_type, request.key, version);
    let response = FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port);
    if version >= 1 { response.with_error_message(found.error_message) } else { response }
}

fn find(session: &Session, key_type: i8, key: StrBytes, version: i16) -> Coordinator {
    let coordinator = Coordinator::default().with_key(key);
    match key_type {
        GROUP if session.check_group(&coordinator.key).is_err() => coordinator
            .with_error_code(ResponseError::GroupAuthorizationFailed.code())
            .with_error_message(Some(StrBytes::from_static_str("Group authorization failed.")))
            .with_node_id(BrokerId(-1))
            .with_port(-1),
        GROUP | TRANSACTION => coordinator
            .with_error_message(Some(StrBytes::from_static_str(if version < 4 { "NONE" } else { "" })))
            .with_node_id(BrokerId(NODE_ID))
            .with_host(session.server.advertised_host.clone())
            .with_port(session.server.advertised_port.into()),
        _ => {
            let words =
                if key_type == SHARE && version >= 4 { "" } else { super::words(ResponseError::InvalidRequest) };
            coordinator
                .with_error_code(ResponseError::InvalidRequest.code())
                .with_error_message(Some(StrBytes::from_static_str(words)))
                .with_node_id(BrokerId(-1))
                .with_port(-1)
        }
    }
}
