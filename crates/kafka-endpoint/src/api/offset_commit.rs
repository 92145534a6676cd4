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

use crate::{limits, session::Session};

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
    if !accepted.is_empty()
        && let Err(error) = session.app.commit_offsets(&group, accepted).await
    {
        let failed = super::commit_error(session, &group, &error).code();
        codes.iter_mut().filter(|code| **code == 0).for_each(|code| *code = failed);
    }
    respond(&request, codes)
}

fn admit(session: &Session, request: &OffsetCommitRequest) -> Result<(), ResponseError> {
    super::check_group(&request.group_id)?;
    let key = session.group(&request.group_id);
    let instance_id = request.group_instance_id.as_deref();
    let coordinator = &session.server.coordinator;
    coordinator
        .check_commit(&key, &request.member_id, instance_id, request.generation_id_or_member_epoch)
        .map_err(super::group_error)
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
