//! DescribeGroups (15).

use kafka_protocol::{
    ResponseError,
    messages::{
        DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
        describe_groups_response::{DescribedGroup, DescribedGroupMember},
    },
    protocol::StrBytes,
};

use crate::{
    groups::{GroupState, GroupView, MemberView},
    session::Session,
};

/// What may be done with a group: READ, DELETE and DESCRIBE, as bits of Kafka's `AclOperation`.
pub(super) const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8;

pub(super) fn handle(session: &Session, request: DescribeGroupsRequest, version: i16) -> DescribeGroupsResponse {
    let with_operations = request.include_authorized_operations;
    let with_offsets = session.app.groups_with_offsets();
    let groups = request.groups.into_iter().map(|id| {
        if let Err(error) = session.check_group(&id) {
            return DescribedGroup::default().with_group_id(id).with_error_code(error.code());
        }
        let key = session.group(&id);
        // Kafka's clients ask ConsumerGroupDescribe first, and here only for groups that it does not know.
        if session.server.coordinator.describe_consumer(&key).is_some() {
            return absent(id, version);
        }
        let described = match (session.server.coordinator.describe(&key), with_offsets.binary_search(&id.to_string())) {
            (Some(view), _) => present(id, view, version),
            (None, Ok(_)) => DescribedGroup::default()
                .with_group_id(id)
                .with_group_state(StrBytes::from_static_str(GroupState::Empty.as_str())),
            (None, Err(_)) => absent(id, version),
        };
        if with_operations { described.with_authorized_operations(GROUP_OPERATIONS) } else { described }
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn present(id: GroupId, view: GroupView, version: i16) -> DescribedGroup {
    let member = |member: MemberView| {
        DescribedGroupMember::default()
            .with_member_id(member.id.into())
            .with_group_instance_id(member.instance_id.filter(|_| version >= 4).map(StrBytes::from))
            .with_client_id(member.client_id.into())
            .with_client_host(member.client_host.into())
            .with_member_metadata(member.metadata)
            .with_member_assignment(member.assignment)
    };
    DescribedGroup::default()
        .with_group_id(id)
        .with_group_state(StrBytes::from_static_str(view.state.as_str()))
        .with_protocol_type(view.protocol_type.into())
        .with_protocol_data(view.protocol.into())
        .with_members(view.members.into_iter().map(member).collect())
}

/// A group that is not there is dead, and from version 6 an error too (KIP-1043).
fn absent(id: GroupId, version: i16) -> DescribedGroup {
    let message = format!("Group {} not found.", id.as_str());
    let described = DescribedGroup::default().with_group_id(id).with_group_state(StrBytes::from_static_str("Dead"));
    if version < 6 {
        return described;
    }
    described.with_error_code(ResponseError::GroupIdNotFound.code()).with_error_message(Some(message.into()))
}
