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

use crate::{
    session::Session,
    topics::{self, Topic, to_offset},
};

pub(super) fn handle(session: &Session, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = super::topic_by_name(session, &wanted.topic);
        let partitions = wanted.partitions.iter().map(|partition| {
            let end = topic.as_ref().map_err(|error| *error).and_then(|topic| end(topic, partition));
            let response =
                EpochEndOffset::default().with_partition(partition.partition).with_error_code(super::code(&end));
            match end {
                Ok(Some((epoch, offset))) => response.with_leader_epoch(epoch).with_end_offset(offset),
                _ => response.with_leader_epoch(-1).with_end_offset(-1),
            }
        });
        OffsetForLeaderTopicResult::default().with_partitions(partitions.collect()).with_topic(wanted.topic)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// The greatest epoch up to the wanted one and where it ends; `None` if there is none.
fn end(topic: &Topic, wanted: &OffsetForLeaderPartition) -> Result<Option<(i32, i64)>, ResponseError> {
    let partition = topics::partition(topic, wanted.partition)?;
    topics::check_epoch(topic, wanted.current_leader_epoch)?;
    Ok(partition.end_of_epoch(wanted.leader_epoch).map(|(epoch, offset)| (epoch, to_offset(offset))))
}
