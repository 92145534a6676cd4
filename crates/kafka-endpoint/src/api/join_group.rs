//! JoinGroup (11): waits until the group's next generation begins.

use bytes::Bytes;
use kafka_protocol::{
    ResponseError,
    messages::{JoinGroupRequest, JoinGroupResponse, join_group_response::JoinGroupResponseMember},
    protocol::StrBytes,
};

use crate::{
    generations,
    groups::{Join, JoinAnswer, JoinedMember, Protocol},
    limits,
    request::Request,
    session::Session,
};

pub(super) async fn handle(session: &Session, request: &Request, join: JoinGroupRequest) -> JoinGroupResponse {
    let key = session.group(&join.group_id);
    let answer = match check(session, &join).and_then(|()| super::check_groups_room(session, &join.group_id)) {
        Ok(()) => {
            let is_static = join.group_instance_id.is_some();
            let (join, layout) = (to_join(session, request, join), session.topics.layout());
            let answer = session.server.coordinator.join(&key, join, &layout).await;
            generations::note(session, &key, &answer, is_static).await;
            answer
        }
        Err(error) => return refused(error, join.member_id, request.version),
    };
    to_response(answer, request.version)
}

fn check(session: &Session, join: &JoinGroupRequest) -> Result<(), ResponseError> {
    super::check_group(session, &join.group_id)?;
    let instance = join.group_instance_id.as_deref().unwrap_or_default();
    if join.member_id.len().max(instance.len()) > limits::GROUP_NAME_BYTES_MAX {
        return Err(ResponseError::InvalidGroupId);
    }
    if !(limits::SESSION_TIMEOUT_MS_MIN..=limits::SESSION_TIMEOUT_MS_MAX).contains(&join.session_timeout_ms) {
        return Err(ResponseError::InvalidSessionTimeout);
    }
    Ok(())
}

fn to_join(session: &Session, request: &Request, join: JoinGroupRequest) -> Join {
    // Version 0 has no rebalance time-out; it waits as long as a session.
    let rebalance_ms = if join.rebalance_timeout_ms < 0 { join.session_timeout_ms } else { join.rebalance_timeout_ms };
    let random = uuid::Uuid::from_bytes((session.server.random)());
    let name: String = request.client_id.chars().take(128).collect();
    let copied = |metadata: &Bytes| Bytes::copy_from_slice(metadata); // or each member would keep its whole request alive
    let protocols = join.protocols.iter();
    Join {
        member_id: join.member_id.to_string(),
        instance_id: join.group_instance_id.as_ref().map(ToString::to_string),
        new_member_id: format!("{name}-{random}"),
        must_know_its_id: request.version >= 4,
        can_skip_assignment: request.version >= 9,
        client_id: name,
        client_host: format!("/{}", session.peer.ip()),
        session_timeout_ms: join.session_timeout_ms.unsigned_abs().into(),
        rebalance_timeout_ms: rebalance_ms.min(limits::REBALANCE_TIMEOUT_MS_MAX).unsigned_abs().into(),
        protocol_type: join.protocol_type.to_string(),
        protocols: protocols
            .map(|protocol| Protocol { name: protocol.name.to_string(), metadata: copied(&protocol.metadata) })
            .collect(),
        noted_generation: generations::last(session, &join.group_id),
    }
}

fn refused(error: ResponseError, member_id: StrBytes, version: i16) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_protocol_name(protocol_name(None, version))
        .with_member_id(member_id)
}

/// Null only where clients expect it.
fn protocol_name(name: Option<String>, version: i16) -> Option<StrBytes> {
    if version >= 7 { name.map(StrBytes::from) } else { Some(name.unwrap_or_default().into()) }
}

fn to_response(answer: JoinAnswer, version: i16) -> JoinGroupResponse {
    let member = |member: JoinedMember| {
        JoinGroupResponseMember::default()
            .with_member_id(member.id.into())
            .with_group_instance_id(member.instance_id.filter(|_| version >= 5).map(StrBytes::from))
            .with_metadata(member.metadata)
    };
    JoinGroupResponse::default()
        .with_error_code(answer.error.map_or(0, |error| super::group_error(error).code()))
        .with_generation_id(answer.generation)
        .with_protocol_type(answer.protocol_type.filter(|_| version >= 7).map(StrBytes::from))
        .with_protocol_name(protocol_name(answer.protocol, version))
        .with_leader(answer.leader.into())
        .with_skip_assignment(answer.skip_assignment && version >= 9)
        .with_member_id(answer.member_id.into())
        .with_members(answer.members.into_iter().map(member).collect())
}
