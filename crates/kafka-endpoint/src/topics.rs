//! Topics: what an app's events look like from Kafka.
//!
//! Invariants: a name or id of another app's topic is answered like one that does not exist anywhere; a topic's log start is 0 for ever
//! and its high watermark is its last event's offset + 1 (CONTRACT section 4).
//! Not here: the events themselves (`store`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::{ResponseError, protocol::StrBytes};
use store::{App, OffsetAndTimestamp, ReadError};
use tokio::sync::watch;
use uuid::Uuid;

/// Where every topic's log begins.
pub(crate) const LOG_START: i64 = 0;

/// The leader epoch of every partition; a restore that takes offsets back would raise it.
pub(crate) const LEADER_EPOCH: i32 = 0;

/// What the names of all apps' topics begin with.
const PREFIX: &str = "user-consumable-";

/// Longest name of a topic, in bytes (Kafka's rule).
const NAME_BYTES_MAX: usize = 249;

/// A topic of one app.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    app: Arc<App>,
    name: StrBytes,
    id: Uuid,
}

/// One partition of a topic.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    app: Arc<App>,
}

/// Every topic of `app`, sorted by name.
pub(crate) fn all(app: &Arc<App>) -> Vec<Topic> {
    vec![Topic::main(app)]
}

/// The topic of that name, or the error that Kafka gives: INVALID_TOPIC_EXCEPTION, TOPIC_AUTHORIZATION_FAILED for whatever looks like
/// another app's (whether it exists or not), UNKNOWN_TOPIC_OR_PARTITION.
pub(crate) fn by_name(app: &Arc<App>, name: &str) -> Result<Topic, ResponseError> {
    if let Some(topic) = all(app).into_iter().find(|topic| &*topic.name == name) {
        return Ok(topic);
    }
    let is_valid = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !is_valid {
        return Err(ResponseError::InvalidTopicException);
    }
    let owner = name.strip_prefix(PREFIX).map(|rest| rest.split('.').next().unwrap_or(rest));
    match owner {
        Some(owner) if owner != app.name().as_str() => Err(ResponseError::TopicAuthorizationFailed),
        _ => Err(ResponseError::UnknownTopicOrPartition),
    }
}

/// The topic of that id, or UNKNOWN_TOPIC_ID.
pub(crate) fn by_id(app: &Arc<App>, id: Uuid) -> Result<Topic, ResponseError> {
    all(app).into_iter().find(|topic| topic.id == id).ok_or(ResponseError::UnknownTopicId)
}

impl Topic {
    fn main(app: &Arc<App>) -> Self {
        let name = app.name().main_topic();
        let id = Uuid::new_v5(&Uuid::from_bytes(app.instance()), name.as_bytes());
        Self { app: app.clone(), name: name.into(), id }
    }

    pub(crate) fn name(&self) -> &StrBytes {
        &self.name
    }

    /// Stable for the life of the app, restores included.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    pub(crate) fn partitions(&self) -> i32 {
        1
    }

    /// The partition of that number, from 0.
    pub(crate) fn partition(&self, index: i32) -> Result<Partition, ResponseError> {
        let exists = (0..self.partitions()).contains(&index);
        if exists { Ok(Partition { app: self.app.clone() }) } else { Err(ResponseError::UnknownTopicOrPartition) }
    }
}

impl Partition {
    /// The offset after the last event.
    pub(crate) fn high_watermark(&self) -> i64 {
        to_offset(self.app.events().high_watermark())
    }

    /// Whole batches from the one that holds `offset` (or, where that is a hole, the next): as many as fit in `bytes_max`, but at least
    /// one if there is any.
    pub(crate) async fn read(&self, offset: i64, bytes_max: usize) -> Result<Vec<Bytes>, ReadError> {
        self.app.events().read(u64::try_from(offset).unwrap_or(0), bytes_max).await
    }

    /// The first event at or after `timestamp_ms`.
    pub(crate) async fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<OffsetAndTimestamp>, ReadError> {
        self.app.events().offset_for_timestamp(u64::try_from(timestamp_ms).unwrap_or(0)).await
    }

    /// The newest event with the greatest timestamp.
    pub(crate) fn max_timestamp(&self) -> Option<OffsetAndTimestamp> {
        self.app.events().max_timestamp()
    }
}

/// Changes whenever any topic of `app` may have grown.
pub(crate) fn watch(app: &App) -> watch::Receiver<u64> {
    app.events().watch()
}

/// An offset as Kafka's signed number.
pub(crate) fn to_offset(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
