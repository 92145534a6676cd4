//! LeaveGroup (13): one member (to version 2) or several.

use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse, leave_group_response::MemberResponse};

use crate::{groups::Leaver, session::Session};

pub(super) fn handle(session: &Session, request: LeaveGroupRequest, version: i16) -> LeaveGroupResponse {
    if let Err(error) = super::check_group(session, &request.group_id) {
        return LeaveGroupResponse::default().with_error_code(error.code());
    }
    let leavers: Vec<Leaver> = if version >= 3 {
        let members = request.members.iter();
        members
            .map(|member| Leaver {
                member_id: member.member_id.to_string(),
                instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            })
            .collect()
    } else {
        vec![Leaver { member_id: request.member_id.to_string(), instance_id: None }]
    };
    let results = session.server.coordinator.leave(&session.group(&request.group_id), &leavers);
    let mut codes = results.into_iter().map(|result| super::code(&result.map_err(super::group_error)));
    if version < 3 {
        return LeaveGroupResponse::default().with_error_code(codes.next().unwrap_or(0));
    }
    let left = |(member, code): (Leaver, i16)| {
        MemberResponse::default()
            .with_member_id(member.member_id.into())
            .with_group_instance_id(member.instance_id.map(Into::into))
            .with_error_code(code)
    };
    LeaveGroupResponse::default().with_members(leavers.into_iter().zip(codes).map(left).collect())
}
