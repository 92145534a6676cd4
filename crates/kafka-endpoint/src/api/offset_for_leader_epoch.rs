//! OffsetForLeaderEpoch (23): where a leader epoch ends (KIP-101, KIP-320). An epoch is an
//! incarnation of the data: one that ended at a restore ends where the next one begins, and a
//! consumer that stands behind it learns that its log diverged.

use kafka_protocol::{
    ResponseError,
    messages::{
        OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
        offset_for_leader_epoch_request::OffsetForLeaderPartition,
        offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
    },
};

use tokio::time::Instant;

use crate::{
    session::Session,
    topics::{self, Topic, to_offset},
};

pub(super) async fn handle(session: &Session, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let deadline = Instant::now() + ::topics::SETTLE_WAIT;
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let topic = super::topic_by_name(session, &wanted.topic);
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in &wanted.partitions {
            let end = match &topic {
                Ok(topic) => end(session, topic, partition, deadline).await,
                Err(error) => Err(*error),
            };
            let response =
                EpochEndOffset::default().with_partition(partition.partition).with_error_code(super::code(&end));
            partitions.push(match end {
                Ok(Some((epoch, offset))) => response.with_leader_epoch(epoch).with_end_offset(offset),
                _ => response.with_leader_epoch(-1).with_end_offset(-1),
            });
        }
        topics.push(OffsetForLeaderTopicResult::default().with_partitions(partitions).with_topic(wanted.topic));
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}

/// The greatest epoch up to the wanted one and where it ends; `None` if there is none.
async fn end(
    session: &Session,
    topic: &Topic,
    wanted: &OffsetForLeaderPartition,
    deadline: Instant,
) -> Result<Option<(i32, i64)>, ResponseError> {
    let partition = topics::partition(topic, wanted.partition)?;
    topics::check_epoch(topic, wanted.current_leader_epoch)?;
    partition.settled_by(deadline).await.map_err(|_| ResponseError::OffsetNotAvailable)?;
    let end = partition.end_of_epoch(wanted.leader_epoch).await.map_err(|error| {
        let refusals = &session.server.refusals;
        refusals.note_unreadable(session.peer, &session.who(), wanted.partition, wanted.leader_epoch.into(), &error);
        topics::UNREADABLE
    })?;
    Ok(end.map(|(epoch, offset)| (epoch, to_offset(offset))))
}
