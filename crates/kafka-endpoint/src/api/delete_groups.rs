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
    super::check_group(group)?;
    let view = session.server.coordinator.describe(&session.group(group));
    if view.as_ref().is_some_and(|view| !view.members.is_empty()) {
        return Err(ResponseError::NonEmptyGroup);
    }
    if session.app.groups_with_offsets().iter().any(|stored| stored == group) {
        let deleted = session.app.delete_offsets(group, None).await;
        return deleted.map_err(|error| super::commit_error(session, group, &error));
    }
    if view.is_some() { Ok(()) } else { Err(ResponseError::GroupIdNotFound) }
}
