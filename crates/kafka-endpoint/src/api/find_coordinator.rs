//! FindCoordinator (10): this server coordinates every group.

use kafka_protocol::{
    ResponseError,
    messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator},
    protocol::StrBytes,
};

use crate::session::{NODE_ID, Session};

/// Kafka's `CoordinatorType.GROUP`; the others (transactions, shares) are not served.
const GROUP: i8 = 0;

pub(super) fn handle(session: &Session, request: FindCoordinatorRequest, version: i16) -> FindCoordinatorResponse {
    if version >= 4 {
        let keys = request.coordinator_keys.into_iter();
        return FindCoordinatorResponse::default()
            .with_coordinators(keys.map(|key| find(session, request.key_type, key)).collect());
    }
    let found = find(session, request.key_type, request.key);
    let response = FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port);
    if version >= 1 { response.with_error_message(found.error_message) } else { response }
}

fn find(session: &Session, key_type: i8, key: StrBytes) -> Coordinator {
    let coordinator = Coordinator::default().with_key(key);
    if key_type != GROUP {
        return coordinator
            .with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code())
            .with_error_message(Some(StrBytes::from_static_str("only consumer groups are coordinated here")))
            .with_node_id(BrokerId(-1))
            .with_port(-1);
    }
    coordinator
        .with_node_id(BrokerId(NODE_ID))
        .with_host(session.server.advertised_host.clone())
        .with_port(session.server.advertised_port.into())
}
