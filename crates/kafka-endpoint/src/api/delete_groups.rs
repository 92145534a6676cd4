//! DeleteGroups (42): forgets the offsets of groups without members.

use kafka_protocol::{
    ResponseError,
    messages::{DeleteGroupsRequest, DeleteGroupsResponse, delete_groups_response::DeletableGroupResult},
};

use crate::session::Session;

pub(super) async fn handle(session: &Session, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in request.groups_names {
        let outcome = delete(session, &id).await;
        results.push(DeletableGroupResult::default().with_group_id(id).with_error_code(super::code(&outcome)));
    }
    DeleteGroupsResponse::default().with_results(results)
}

async fn delete(session: &Session, group: &str) -> Result<(), ResponseError> {
    super::check_group(session, group)?;
    let (coordinator, key) = (&session.server.coordinator, session.group(group));
    if coordinator.has_members(&key) {
        return Err(ResponseError::NonEmptyGroup);
    }
    if session.app.groups_with_offsets().iter().any(|stored| stored == group) {
        let deleted = session.app.delete_offsets(group, None).await;
        return deleted.map_err(|error| super::commit_error(session, group, &error));
    }
    if coordinator.knows(&key) { Ok(()) } else { Err(ResponseError::GroupIdNotFound) }
}
