//! OffsetDelete (47): forgets a group's offsets of some partitions, while it has no members.

use kafka_protocol::{
    ResponseError,
    messages::{
        OffsetDeleteRequest, OffsetDeleteResponse,
        offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
    },
};

use crate::session::Session;

pub(super) async fn handle(session: &Session, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let group = request.group_id.to_string();
    let refused = |error: ResponseError| OffsetDeleteResponse::default().with_error_code(error.code());
    if let Err(error) = super::check_group(&group) {
        return refused(error);
    }
    let (coordinator, key) = (&session.server.coordinator, session.group(&group));
    if !coordinator.knows(&key) && !session.app.groups_with_offsets().contains(&group) {
        return refused(ResponseError::GroupIdNotFound);
    }
    // Kafka looks into the members' subscriptions; here a group that has members counts as subscribed to all it asks about.
    let is_in_use = coordinator.has_members(&key);
    let partitions = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.name.to_string(), partition.partition_index)));
    let partitions: Vec<(String, i32)> = partitions.collect();
    if !is_in_use
        && !partitions.is_empty()
        && let Err(error) = session.app.delete_offsets(&group, Some(partitions)).await
    {
        return refused(super::commit_error(session, &group, &error));
    }
    let code = if is_in_use { ResponseError::GroupSubscribedToTopic.code() } else { 0 };
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        OffsetDeleteResponseTopic::default().with_partitions(partitions.collect()).with_name(topic.name)
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}
