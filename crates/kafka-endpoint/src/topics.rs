//! Topics as Kafka requests ask for them: names, ids, and the errors that Kafka gives.
//!
//! Invariants: a name or id of another app's topic is answered like one that does not exist
//! anywhere; a topic's log start is 0 for ever (docs/reference/live-queries.md).
//! Not here: what a topic carries (`topics`).

use std::cmp::Ordering;

use kafka_protocol::ResponseError;
use topics::AppTopics;
pub(crate) use topics::{Partition, Stop, Tail, Topic};
use uuid::Uuid;

/// Where every topic's log begins.
pub(crate) const LOG_START: i64 = 0;

/// What the names of all apps' topics begin with.
const PREFIX: &str = "user-consumable-";

/// Longest name of a topic, in bytes (Kafka's rule).
const NAME_BYTES_MAX: usize = 249;

/// The topic of that name, or the error that Kafka gives: INVALID_TOPIC_EXCEPTION,
/// TOPIC_AUTHORIZATION_FAILED for whatever looks like another app's (whether it exists or not),
/// UNKNOWN_TOPIC_OR_PARTITION.
pub(crate) fn by_name(topics: &AppTopics, name: &str) -> Result<Topic, ResponseError> {
    if let Some(topic) = topics.by_name(name) {
        return Ok(topic);
    }
    let is_valid = (1..=NAME_BYTES_MAX).contains(&name.len()) && name != "." && name != ".." && has_legal_letters(name);
    if !is_valid {
        return Err(ResponseError::InvalidTopicException);
    }
    let owner = name.strip_prefix(PREFIX).map(|rest| rest.split('.').next().unwrap_or(rest));
    match owner {
        Some(owner) if owner != topics.app().name().as_str() => Err(ResponseError::TopicAuthorizationFailed),
        _ => Err(ResponseError::UnknownTopicOrPartition),
    }
}

fn has_legal_letters(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Why a name cannot be a topic's, in Kafka's words.
pub(crate) fn why_invalid(name: &str) -> String {
    let why = match name {
        "" => "the empty string is not allowed".to_owned(),
        "." | ".." => format!("'{name}' is not allowed"),
        _ if name.len() > NAME_BYTES_MAX => {
            format!("the length of '{name}' is longer than the max allowed length {NAME_BYTES_MAX}")
        }
        _ => format!("'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    };
    format!("Topic name is invalid: {why}")
}

/// The topic of that id, or UNKNOWN_TOPIC_ID.
pub(crate) fn by_id(topics: &AppTopics, id: Uuid) -> Result<Topic, ResponseError> {
    topics.by_id(id).ok_or(ResponseError::UnknownTopicId)
}

/// The partition of that number, or UNKNOWN_TOPIC_OR_PARTITION.
pub(crate) fn partition(topic: &Topic, index: i32) -> Result<Partition, ResponseError> {
    topic.partition(index).ok_or(ResponseError::UnknownTopicOrPartition)
}

/// Compares the leader epoch that a client stands in, -1 if it does not say (KIP-320): one of an
/// earlier life of the data is fenced, and the client then asks where that ended.
pub(crate) fn check_epoch(topic: &Topic, client_epoch: i32) -> Result<(), ResponseError> {
    match client_epoch.cmp(&topic.leader_epoch()) {
        Ordering::Greater => Err(ResponseError::UnknownLeaderEpoch),
        Ordering::Less if client_epoch >= 0 => Err(ResponseError::FencedLeaderEpoch),
        _ => Ok(()),
    }
}

/// The error of a partition whose events cannot be read. Java's consumer throws on CORRUPT_MESSAGE
/// and librdkafka hands it to the application; KAFKA_STORAGE_ERROR is a moved leader to both, and
/// asked again for ever without a word.
pub(crate) const UNREADABLE: ResponseError = ResponseError::CorruptMessage;

/// An offset as Kafka's signed number.
pub(crate) fn to_offset(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
