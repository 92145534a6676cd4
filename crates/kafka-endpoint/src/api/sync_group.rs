//! SyncGroup (14): waits for the leader's assignment.

use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{SyncGroupRequest, SyncGroupResponse},
    protocol::StrBytes,
};

use crate::{groups::Sync, session::Session};

pub(super) async fn handle(session: &Session, request: SyncGroupRequest, version: i16) -> SyncGroupResponse {
    // From KIP-559 on a member says which protocol it takes the assignment for.
    if version >= 5 && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
        return SyncGroupResponse::default().with_error_code(ResponseError::InconsistentGroupProtocol.code());
    }
    if let Err(error) = super::check_group(session, &request.group_id) {
        return SyncGroupResponse::default().with_error_code(error.code());
    }
    let key = session.group(&request.group_id);
    let assignments = request.assignments.iter();
    let sync = Sync {
        member_id: request.member_id.to_string(),
        instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments
            .map(|one| (one.member_id.to_string(), Bytes::copy_from_slice(&one.assignment)))
            .collect(),
    };
    let answer = session.server.coordinator.sync(&key, sync).await;
    let named = |name: Option<String>| name.filter(|_| version >= 5).map(StrBytes::from);
    SyncGroupResponse::default()
        .with_error_code(answer.error.map_or(0, |error| super::group_error(error).code()))
        .with_protocol_type(named(answer.protocol_type))
        .with_protocol_name(named(answer.protocol))
        .with_assignment(answer.assignment)
}
