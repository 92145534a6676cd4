//! DescribeCluster (60): the one broker.

use kafka_protocol::{
    ResponseError,
    messages::{
        BrokerId, DescribeClusterRequest, DescribeClusterResponse, describe_cluster_response::DescribeClusterBroker,
    },
    protocol::StrBytes,
};

use crate::session::{NODE_ID, Session};

/// Kafka's `EndpointType.BROKER`; the other is a controller, which we have none of (KIP-919).
const BROKERS: i8 = 1;

/// What may be done with the cluster: DESCRIBE, as a bit of Kafka's `AclOperation`.
const CLUSTER_OPERATIONS: i32 = 1 << 8;

pub(super) fn handle(session: &Session, request: &DescribeClusterRequest, version: i16) -> DescribeClusterResponse {
    if version >= 1 && request.endpoint_type != BROKERS {
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(StrBytes::from_static_str(
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
            )))
            .with_endpoint_type(BROKERS);
    }
    let response = DescribeClusterResponse::default()
        .with_cluster_id(session.cluster_id())
        .with_controller_id(BrokerId(NODE_ID))
        .with_brokers(vec![
            DescribeClusterBroker::default()
                .with_broker_id(BrokerId(NODE_ID))
                .with_host(session.server.advertised_host.clone())
                .with_port(session.server.advertised_port.into()),
        ]);
    let asked = request.include_cluster_authorized_operations;
    if asked { response.with_cluster_authorized_operations(CLUSTER_OPERATIONS) } else { response }
}
