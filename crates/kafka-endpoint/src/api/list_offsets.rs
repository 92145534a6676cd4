//! ListOffsets (2): where a partition begins, where it ends, and what lies at a time.

use kafka_protocol::{
    ResponseError,
    messages::{
        ListOffsetsRequest, ListOffsetsResponse,
        list_offsets_request::ListOffsetsPartition,
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
    },
};
use store::OffsetAndTimestamp;
use tokio::time::Instant;

use crate::{
    session::Session,
    topics::{self, LOG_START, Topic, to_offset},
};

/// The high watermark.
const LATEST: i64 = -1;
/// The log start.
const EARLIEST: i64 = -2;
/// The newest of the events with the greatest timestamp (KIP-734, version 7).
const MAX_TIMESTAMP: i64 = -3;
/// The start of what is on local disk (KIP-405, version 8): all of it.
const EARLIEST_LOCAL: i64 = -4;
/// The end of what is in remote storage (KIP-1005, version 9): there is none.
const LATEST_TIERED: i64 = -5;

/// The start of what is yet to be copied to remote storage (KIP-1023, version 11): nothing is copied.
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// An offset, its timestamp and its leader epoch; -1 is "none".
type Found = (i64, i64, i32);

pub(super) async fn handle(session: &Session, request: ListOffsetsRequest, version: i16) -> ListOffsetsResponse {
    // All of them wait for the same evaluator.
    let deadline = Instant::now() + ::topics::SETTLE_WAIT;
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let topic = super::topic_by_name(session, &wanted.name);
        let mut partitions = Vec::with_capacity(wanted.partitions.len());
        for partition in wanted.partitions {
            let found = match &topic {
                _ if !is_known(partition.timestamp, version) => Err(ResponseError::UnsupportedVersion),
                Ok(topic) => find(session, topic, &partition, (version, deadline)).await,
                Err(error) => Err(*error),
            };
            partitions.push(respond(partition.partition_index, found, version));
        }
        topics.push(ListOffsetsTopicResponse::default().with_name(wanted.name).with_partitions(partitions));
    }
    ListOffsetsResponse::default().with_topics(topics)
}

/// Whether the version has this timestamp; Kafka looks at that before anything else.
fn is_known(timestamp: i64, version: i16) -> bool {
    match timestamp {
        LATEST | EARLIEST | 0.. => true,
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL => version >= 8,
        LATEST_TIERED => version >= 9,
        EARLIEST_PENDING_UPLOAD => version >= 11,
        _ => false,
    }
}

async fn find(
    session: &Session,
    topic: &Topic,
    wanted: &ListOffsetsPartition,
    (version, deadline): (i16, Instant),
) -> Result<Found, ResponseError> {
    let partition = topics::partition(topic, wanted.partition_index)?;
    topics::check_epoch(topic, wanted.current_leader_epoch)?;
    // Clients of before KIP-207 know another word for "not yet".
    let not_yet = if version >= 5 { ResponseError::OffsetNotAvailable } else { ResponseError::LeaderNotAvailable };
    // An offset by time is behind some of the events that the end depends on, too.
    let end = match wanted.timestamp {
        EARLIEST | EARLIEST_LOCAL | LATEST_TIERED | EARLIEST_PENDING_UPLOAD => 0,
        _ => partition.settled_by(deadline).await.map_err(|_| not_yet)?,
    };
    let at = |found: Option<OffsetAndTimestamp>| {
        found.map_or((-1, -1), |found| (to_offset(found.offset), to_offset(found.timestamp_ms)))
    };
    let unreadable = |error: ::topics::TopicError| {
        let refusals = &session.server.refusals;
        refusals.note_unreadable(session.peer, &session.who(), wanted.partition_index, wanted.timestamp, &error);
        topics::UNREADABLE
    };
    let (offset, timestamp) = match wanted.timestamp {
        LATEST => Ok((to_offset(end), -1)),
        EARLIEST => Ok((LOG_START, -1)),
        MAX_TIMESTAMP => partition.max_timestamp().await.map(at).map_err(unreadable),
        EARLIEST_LOCAL => Ok((LOG_START, -1)),
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok((-1, -1)),
        0.. => {
            let timestamp_ms = wanted.timestamp.unsigned_abs();
            partition.offset_for_timestamp(timestamp_ms).await.map(at).map_err(unreadable)
        }
        _ => Err(ResponseError::UnsupportedVersion),
    }?;
    let epoch = match u64::try_from(offset) {
        Ok(offset) => partition.epoch_at(offset).await.map_err(unreadable)?,
        Err(_) => -1,
    };
    Ok((offset, timestamp, epoch))
}

fn respond(index: i32, found: Result<Found, ResponseError>, version: i16) -> ListOffsetsPartitionResponse {
    let response =
        ListOffsetsPartitionResponse::default().with_partition_index(index).with_error_code(super::code(&found));
    let Ok((offset, timestamp, epoch)) = found else { return response.with_offset(-1).with_timestamp(-1) };
    let response = response.with_offset(offset).with_timestamp(timestamp);
    if version >= 4 { response.with_leader_epoch(epoch) } else { response }
}
