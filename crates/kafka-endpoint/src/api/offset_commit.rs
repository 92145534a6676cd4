//! OffsetCommit (8): makes a group's positions durable, all of a request's in one step.

use kafka_protocol::{
    ResponseError,
    messages::{
        OffsetCommitRequest, OffsetCommitResponse,
        offset_commit_request::OffsetCommitRequestPartition,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    },
};
use store::CommittedOffset;

use crate::{generations, limits, offsets_expiry, session::Session};

pub(super) async fn handle(session: &Session, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let group = request.group_id.to_string();
    let mut accepted = Vec::new();
    let mut codes = Vec::new(); // of every partition, in the request's order
    let admitted = admit(session, &request);
    for topic in &request.topics {
        let known = super::topic_by_name(session, &topic.name);
        for partition in &topic.partitions {
            let outcome = admitted.and_then(|()| {
                crate::topics::partition(known.as_ref().map_err(|error| *error)?, partition.partition_index)?;
                check(partition)
            });
            if let Ok(offset) = &outcome {
                accepted.push((topic.name.to_string(), partition.partition_index, offset.clone()));
            }
            codes.push(super::code(&outcome));
        }
    }
    if let Err(error) = commit(session, &group, accepted).await {
        codes.iter_mut().filter(|code| **code == 0).for_each(|code| *code = error.code());
    } else if request.generation_id_or_member_epoch < 0 {
        offsets_expiry::note_commit(&session.server, &session.app, &group).await;
    }
    respond(&request, codes)
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

fn admit(session: &Session, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    super::check_group(&request.group_id)?;
    let key = session.group(&request.group_id);
    let instance_id = request.group_instance_id.as_deref();
    let coordinator = &session.server.coordinator;
    let noted = || generations::of_member(session, &request.group_id, &request.member_id);
    coordinator
        .check_commit(&key, &request.member_id, instance_id, request.generation_id_or_member_epoch, noted)
        .map_err(super::group_error)
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

fn respond(request: &OffsetCommitRequest, codes: Vec<i16>) -> OffsetCommitResponse {
    let mut codes = codes.into_iter();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(codes.by_ref()).map(|(partition, code)| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
