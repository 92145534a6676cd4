//! OffsetFetch (9): a group's committed positions; from version 8 those of several groups.

use std::collections::BTreeMap;

use kafka_protocol::{
    ResponseError,
    messages::{
        GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName,
        offset_fetch_request::OffsetFetchRequestGroup,
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    },
};
use kafka_wire::offsets_by_id;
use store::CommittedOffset;

use crate::{opens::Opens, session::Session};

/// The first version in which members of the consumer protocol say their epoch (KIP-848).
const MEMBER_EPOCH_SINCE: i16 = 9;

/// Topics with the partitions asked for.
type Wanted = Option<Vec<(TopicName, Vec<i32>)>>;

/// A partition's position, or why there is none to be had.
type Position = (i32, Result<Option<CommittedOffset>, ResponseError>);

pub(super) fn handle(session: &Session, request: OffsetFetchRequest, version: i16) -> OffsetFetchResponse {
    if version >= 8 {
        let groups = request.groups.into_iter();
        return OffsetFetchResponse::default()
            .with_groups(groups.map(|group| of_group(session, group, version)).collect());
    }
    let topics = request.topics;
    let wanted = topics.map(|topics| topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect());
    match positions(session, &request.group_id, wanted) {
        Ok(topics) => OffsetFetchResponse::default().with_topics(topics.into_iter().map(to_topic_v7).collect()),
        Err(error) if version >= 2 => OffsetFetchResponse::default().with_error_code(error.code()),
        Err(_) => OffsetFetchResponse::default(),
    }
}

fn of_group(session: &Session, group: OffsetFetchRequestGroup, version: i16) -> OffsetFetchResponseGroup {
    // Before version 9 nobody says who asks.
    if version >= MEMBER_EPOCH_SINCE {
        let (coordinator, key) = (&session.server.coordinator, session.group(&group.group_id));
        if let Err(error) = coordinator.check_fetch(&key, group.member_id.as_deref(), group.member_epoch) {
            return OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id)
                .with_error_code(super::consumer_group_error(error).code());
        }
    }
    if version >= offsets_by_id::VERSION {
        return of_group_by_id(session, group);
    }
    let wanted = group.topics.map(|topics| topics.into_iter().map(|it| (it.name, it.partition_indexes)).collect());
    to_group(session, group.group_id, wanted)
}

/// Topics are named by ids; of one that is not there each partition has an error.
fn of_group_by_id(session: &Session, group: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let find = |id| session.topic_by_id(id);
    let wanted = group.topics.as_ref().map(|topics| {
        let known = topics.iter().filter_map(|it| Some((find(it.topic_id).ok()?, it.partition_indexes.clone())));
        known.map(|(topic, partitions)| (TopicName(topic.name().to_owned().into()), partitions)).collect()
    });
    let mut response = to_group(session, group.group_id, wanted);
    // Topics that have gone since have no id.
    response.topics.retain_mut(|topic| {
        let id = session.opens.by_name(&session.topics, &topic.name).map(|topic| topic.id());
        topic.topic_id = id.unwrap_or_default();
        topic.name = TopicName::default();
        id.is_ok()
    });
    let unknown = group.topics.into_iter().flatten().filter_map(|topic| Some((find(topic.topic_id).err()?, topic)));
    response.topics.extend(unknown.map(|(error, topic)| {
        let positions = topic.partition_indexes.into_iter().map(|index| (index, Err(error)));
        to_topic_v8((TopicName::default(), positions.collect())).with_topic_id(topic.topic_id)
    }));
    response
}

fn positions(session: &Session, group: &str, wanted: Wanted) -> Result<Vec<(TopicName, Vec<Position>)>, ResponseError> {
    super::check_group(session, group)?;
    let mut committed: BTreeMap<(String, i32), CommittedOffset> = session
        .app
        .committed_offsets(group)
        .into_iter()
        .map(|(topic, partition, offset)| ((topic, partition), offset))
        .collect();
    let Some(wanted) = wanted else {
        let mut topics: BTreeMap<String, Vec<Position>> = BTreeMap::new();
        committed.retain(|(topic, _), _| session.opens == Opens::App || super::topic_by_name(session, topic).is_ok());
        for ((topic, partition), offset) in committed {
            topics.entry(topic).or_default().push((partition, Ok(Some(offset))));
        }
        return Ok(topics.into_iter().map(|(topic, positions)| (TopicName(topic.into()), positions)).collect());
    };
    let mut position = |topic: &TopicName, partition: i32| match super::topic_by_name(session, topic) {
        Err(ResponseError::TopicAuthorizationFailed) => Err(ResponseError::TopicAuthorizationFailed),
        // A topic that has gone keeps its positions until the group is deleted.
        _ => Ok(committed.remove(&(topic.to_string(), partition))),
    };
    let of_topic = |(topic, partitions): (TopicName, Vec<i32>)| {
        let positions = partitions.into_iter().map(|partition| (partition, position(&topic, partition))).collect();
        (topic, positions)
    };
    Ok(wanted.into_iter().map(of_topic).collect())
}

/// Offset, leader epoch, metadata, error; -1 is "none".
fn fields(position: Result<Option<CommittedOffset>, ResponseError>) -> (i64, i32, String, i16) {
    let code = super::code(&position);
    match position {
        Ok(Some(committed)) => (committed.offset, committed.leader_epoch, committed.metadata, code),
        _ => (-1, -1, String::new(), code),
    }
}

fn to_group(session: &Session, group: GroupId, wanted: Wanted) -> OffsetFetchResponseGroup {
    let found = positions(session, &group, wanted);
    let response = OffsetFetchResponseGroup::default().with_group_id(group).with_error_code(super::code(&found));
    response.with_topics(found.unwrap_or_default().into_iter().map(to_topic_v8).collect())
}

fn to_topic_v8((name, positions): (TopicName, Vec<Position>)) -> OffsetFetchResponseTopics {
    let partitions = positions.into_iter().map(|(index, position)| {
        let (offset, epoch, metadata, code) = fields(position);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(Some(metadata.into()))
            .with_error_code(code)
    });
    OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions.collect())
}

fn to_topic_v7((name, positions): (TopicName, Vec<Position>)) -> OffsetFetchResponseTopic {
    let partitions = positions.into_iter().map(|(index, position)| {
        let (offset, epoch, metadata, code) = fields(position);
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(Some(metadata.into()))
            .with_error_code(code)
    });
    OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions.collect())
}
