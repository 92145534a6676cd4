//! OffsetForLeaderEpoch (23): where an epoch ends. There is one epoch, so a consumer's log never diverges.

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
    topics::{self, LEADER_EPOCH, Topic, to_offset},
};

pub(super) fn handle(session: &Session, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = super::topic_by_name(session, &wanted.topic);
        let partitions = wanted.partitions.iter().map(|partition| {
            let end = topic.as_ref().map_err(|error| *error).and_then(|topic| end(topic, partition));
            let response =
                EpochEndOffset::default().with_partition(partition.partition).with_error_code(super::code(&end));
            match end {
                Ok(Some(offset)) => response.with_leader_epoch(LEADER_EPOCH).with_end_offset(offset),
                _ => response.with_leader_epoch(-1).with_end_offset(-1),
            }
        });
        OffsetForLeaderTopicResult::default().with_partitions(partitions.collect()).with_topic(wanted.topic)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// Where the wanted epoch ends; `None` for one that has not been.
fn end(topic: &Topic, wanted: &OffsetForLeaderPartition) -> Result<Option<i64>, ResponseError> {
    let partition = topics::partition(topic, wanted.partition)?;
    if wanted.current_leader_epoch > LEADER_EPOCH {
        return Err(ResponseError::UnknownLeaderEpoch);
    }
    Ok((wanted.leader_epoch == LEADER_EPOCH).then(|| to_offset(partition.high_watermark())))
}
