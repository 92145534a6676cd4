//! ConsumerGroupDescribe (69): groups with members of the consumer protocol (KIP-848).

use kafka_protocol::{
    ResponseError,
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId, TopicName,
        consumer_group_describe_response::{
            Assignment as DescribedAssignment, DescribedGroup, Member, TopicPartitions,
        },
    },
    protocol::StrBytes,
};
use topics::TopicLayout;

use super::describe_groups::GROUP_OPERATIONS;
use crate::{
    consumer_groups::{Assignment, ConsumerGroupView, ConsumerMemberView},
    session::Session,
};

/// What a member speaks, from version 1 on (KIP-1099).
const CLASSIC_MEMBER: i8 = 0;
const CONSUMER_MEMBER: i8 = 1;

pub(super) fn handle(
    session: &Session,
    request: ConsumerGroupDescribeRequest,
    version: i16,
) -> ConsumerGroupDescribeResponse {
    let with_operations = request.include_authorized_operations;
    let groups = request.group_ids.into_iter().map(|id| {
        if let Err(error) = session.check_group(&id) {
            return DescribedGroup::default().with_group_id(id).with_error_code(error.code());
        }
        let described = match session.server.coordinator.describe_consumer(&session.group(&id)) {
            Some((view, layout)) => present(id, view, &layout, version),
            None => absent(session, id),
        };
        if with_operations { described.with_authorized_operations(GROUP_OPERATIONS) } else { described }
    });
    ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}

fn present(id: GroupId, view: ConsumerGroupView, layout: &TopicLayout, version: i16) -> DescribedGroup {
    let member = |member: ConsumerMemberView| to_member(member, layout, version);
    DescribedGroup::default()
        .with_group_id(id)
        .with_group_state(StrBytes::from_static_str(view.state.as_str()))
        .with_group_epoch(view.epoch)
        .with_assignment_epoch(view.assignment_epoch)
        .with_assignor_name(StrBytes::from_static_str(view.assignor))
        .with_members(view.members.into_iter().map(member).collect())
}

fn to_member(member: ConsumerMemberView, layout: &TopicLayout, version: i16) -> Member {
    let names = member.names.into_iter().map(|name| TopicName(name.into()));
    let described = Member::default()
        .with_member_id(member.id.into())
        .with_instance_id(member.instance_id.map(StrBytes::from))
        .with_rack_id(member.rack_id.map(StrBytes::from))
        .with_member_epoch(member.epoch)
        .with_client_id(member.client_id.into())
        .with_client_host(member.client_host.into())
        .with_subscribed_topic_names(names.collect())
        .with_subscribed_topic_regex(member.regex.map(StrBytes::from))
        .with_assignment(assignment(&member.assigned, layout))
        .with_target_assignment(assignment(&member.target, layout));
    let member_type = if member.is_classic { CLASSIC_MEMBER } else { CONSUMER_MEMBER };
    if version >= 1 { described.with_member_type(member_type) } else { described }
}

/// Topics that are not there any more have no name, and are left out.
fn assignment(assignment: &Assignment, layout: &TopicLayout) -> DescribedAssignment {
    let topics = assignment.topics().filter_map(|(id, partitions)| {
        let name = TopicName(layout.name(id)?.to_string().into());
        let partitions = partitions.iter().copied().collect();
        Some(TopicPartitions::default().with_topic_id(id).with_topic_name(name).with_partitions(partitions))
    });
    DescribedAssignment::default().with_topic_partitions(topics.collect())
}

/// In Kafka's words, which its tools print.
fn absent(session: &Session, id: GroupId) -> DescribedGroup {
    let is_classic = session.server.coordinator.describe(&session.group(&id)).is_some()
        || session.app.groups_with_offsets().binary_search(&id.to_string()).is_ok();
    let what = if is_classic { "is not a consumer group" } else { "not found" };
    let message = format!("Group {} {what}.", id.as_str());
    DescribedGroup::default()
        .with_error_code(ResponseError::GroupIdNotFound.code())
        .with_error_message(Some(message.into()))
        .with_group_id(id)
}
