//! OffsetCommit (8): makes a group's positions durable, all of a request's in one step.

use kafka_protocol::{
    ResponseError,
    messages::{
        OffsetCommitRequest, OffsetCommitResponse,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    },
};
use kafka_wire::offsets_by_id;
use store::CommittedOffset;

use crate::{
    coordination::{CommitRefusal, Committer},
    generations, limits, offsets_expiry,
    session::Session,
    topics::Topic,
};

/// The first version in which members of the consumer protocol may commit (KIP-848).
const MEMBER_EPOCH_SINCE: i16 = 9;

pub(super) async fn handle(session: &Session, request: OffsetCommitRequest, version: i16) -> OffsetCommitResponse {
    let group = request.group_id.to_string();
    let mut accepted = Vec::new();
    let mut codes = Vec::new(); // of every partition, in the request's order
    let admitted = admit(session, &request, version);
    for topic in &request.topics {
        let known = find(session, topic, version);
        for partition in &topic.partitions {
            // Kafka asks the group only about partitions that are there.
            let found = known.as_ref().map_err(|error| *error);
            let outcome = found
                .and_then(|topic| crate::topics::partition(topic, partition.partition_index))
                .and_then(|_| admitted.or_else(|error| admit_late(session, &request, error, &known, partition)))
                .and_then(|()| check(partition));
            if let Ok(offset) = &outcome {
                let name = known.as_ref().map(|known| known.name().to_owned()).unwrap_or_default();
                accepted.push((name, partition.partition_index, offset.clone()));
            }
            codes.push(super::code(&outcome));
        }
    }
    if let Err(error) = commit(session, &group, accepted).await {
        codes.iter_mut().filter(|code| **code == 0).for_each(|code| *code = error.code());
    } else if request.generation_id_or_member_epoch < 0 {
        offsets_expiry::note_commit(&session.server, &session.app, &group).await;
    }
    respond(&request, codes, version)
}

/// By its name, or from version 10 on by its id.
fn find(session: &Session, topic: &OffsetCommitRequestTopic, version: i16) -> Result<Topic, ResponseError> {
    if version >= offsets_by_id::VERSION {
        return session.topic_by_id(topic.topic_id);
    }
    super::topic_by_name(session, &topic.name)
}

async fn commit(
    session: &Session,
    group: &str,
    accepted: Vec<(String, i32, CommittedOffset)>,
) -> Result<(), ResponseError> {
    if accepted.is_empty() {
        return Ok(());
    }
    super::check_groups_room(session, group)?;
    check_room(session, group, &accepted)?;
    let committed = session.app.commit_offsets(group, accepted).await;
    committed.map_err(|error| super::commit_error(session, group, &error))
}

fn admit(session: &Session, request: &OffsetCommitRequest, version: i16) -> Result<(), ResponseError> {
    super::check_group(session, &request.group_id)?;
    let key = session.group(&request.group_id);
    let noted = || generations::of_member(session, &request.group_id, &request.member_id);
    let by = Committer {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_deref(),
        epoch: request.generation_id_or_member_epoch,
        is_of_consumer_protocol: version >= MEMBER_EPOCH_SINCE,
    };
    session.server.coordinator.check_commit(&key, by, noted).map_err(|refusal| match refusal {
        CommitRefusal::Classic(error) => super::group_error(error),
        CommitRefusal::Consumer(error) => super::consumer_group_error(error),
    })
}

/// A member of a consumer group may commit in an epoch that has passed what it had then and has still (KIP-1251).
fn admit_late(
    session: &Session,
    request: &OffsetCommitRequest,
    error: ResponseError,
    topic: &Result<Topic, ResponseError>,
    partition: &OffsetCommitRequestPartition,
) -> Result<(), ResponseError> {
    let is_late = matches!(error, ResponseError::StaleMemberEpoch | ResponseError::IllegalGeneration);
    let Some(topic) = topic.as_ref().ok().filter(|_| is_late) else { return Err(error) };
    let (coordinator, key) = (&session.server.coordinator, session.group(&request.group_id));
    let place = (topic.id(), partition.partition_index);
    let epoch = request.generation_id_or_member_epoch;
    if coordinator.may_commit_late(&key, &request.member_id, epoch, place) { Ok(()) } else { Err(error) }
}

/// Whether there is room for them; there always is for what makes nothing larger.
fn check_room(session: &Session, group: &str, offsets: &[(String, i32, CommittedOffset)]) -> Result<(), ResponseError> {
    let (now, then) = session.app.offsets_bytes_with(group, offsets);
    if then <= limits::OFFSETS_BYTES_PER_APP_MAX.max(now) {
        return Ok(());
    }
    tracing::warn!(app = %session.app_name, group, bytes = now, "the offsets of consumer groups take up all that they may");
    Err(ResponseError::InvalidCommitOffsetSize)
}

fn check(partition: &OffsetCommitRequestPartition) -> Result<CommittedOffset, ResponseError> {
    let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
    if metadata.len() > limits::OFFSET_METADATA_BYTES_MAX {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    if partition.committed_offset < 0 {
        return Err(ResponseError::OffsetOutOfRange);
    }
    Ok(CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: metadata.to_owned(),
    })
}

fn respond(request: &OffsetCommitRequest, codes: Vec<i16>, version: i16) -> OffsetCommitResponse {
    let mut codes = codes.into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(codes.by_ref()).map(|(partition, code)| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        let topic_id = if version >= offsets_by_id::VERSION { topic.topic_id } else { uuid::Uuid::nil() };
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic_id)
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
