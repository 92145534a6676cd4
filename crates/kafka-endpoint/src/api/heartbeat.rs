//! Heartbeat (12).

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::{generations, session::Session};

pub(super) fn handle(session: &Session, request: &HeartbeatRequest) -> HeartbeatResponse {
    let key = session.group(&request.group_id);
    let instance_id = request.group_instance_id.as_deref();
    let beat = || {
        super::check_group(session, &request.group_id)?;
        let coordinator = &session.server.coordinator;
        let noted = || generations::of_member(session, &request.group_id, &request.member_id);
        let member = (request.member_id.as_str(), instance_id, request.generation_id);
        let beat = coordinator.heartbeat(&key, member, &session.topics.layout(), noted);
        beat.map_err(super::group_error)
    };
    HeartbeatResponse::default().with_error_code(super::code(&beat()))
}
