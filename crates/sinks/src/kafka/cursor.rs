//! Where a sink goes on, as its target keeps it: the last record of the cursor topic.
//!
//! ```text
//! key    position
//! value  {"version":1,"owner":"…","sinkCreatedMs":…,"atMs":…,"position":{"topicId":"…","nextOffsets":[7],…}}
//! ```
//! `owner` is the run of the server that wrote it, which is how a fenced one knows who has fenced it. A sink
//! that was deleted and made again under its name has another `sinkCreatedMs`, and begins anew.
//! Invariant: it is in the transaction of the events before it.

use std::time::{Duration, Instant};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use serde::{Deserialize, Serialize};

use super::{
    client::{self, Context},
    trouble::Trouble,
};
use crate::{feed::Position, limits::ASK_TIMEOUT, work::Work};

/// The key of every record of a cursor topic.
pub(super) const KEY: &str = "position";

const VERSION: u32 = 1;

/// How far before the end the last cursor is looked for first. Behind it are what marks its transaction's end
/// and, at most, transactions that came to nothing.
const LOOK_BACK: i64 = 64;

/// How long the topic may take to be read.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a sink goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cursor {
    version: u32,
    pub(super) owner: String,
    pub(super) sink_created_ms: u64,
    /// When it was written.
    pub(super) at_ms: u64,
    pub(super) position: Position,
}

impl Cursor {
    /// That of the sink, which goes on at `position`.
    pub(super) fn of(work: &Work, position: Position) -> Self {
        Self {
            version: VERSION,
            owner: work.host.run_id.clone(),
            sink_created_ms: work.sink.created_ms,
            at_ms: work.host.clock.now_ms(),
            position,
        }
    }

    /// As it is kept.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // texts and numbers cannot fail
    }

    fn from_json(json: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(VERSION) => {
                Err(format!("it is of a newer server (version {version})"))
            }
            _ => serde_json::from_value(value).map_err(|error| error.to_string()),
        }
    }
}

/// The last that was committed to the topic; `None` if none ever was.
pub(super) fn read(work: &Work, consumer: &BaseConsumer<Context>, topic: &str) -> Result<Option<Cursor>, Trouble> {
    let doing = format!("the cursor topic {topic} cannot be read");
    let failed = |error: KafkaError| {
        client::listen(consumer);
        Trouble::of(&doing, &error, consumer.context())
    };
    let (first, end) = consumer.fetch_watermarks(topic, 0, ASK_TIMEOUT).map_err(&failed)?;
    if end == first && first == 0 {
        return Ok(None);
    }
    let mut look_back = LOOK_BACK;
    loop {
        let from = (end - look_back).max(first);
        if let Some(json) = last_from(consumer, topic, from, work).map_err(&failed)? {
            let cursor = Cursor::from_json(&json);
            return cursor.map(Some).map_err(|why| Trouble::Fail(format!("{doing}: {why}")));
        }
        if from == first {
            break;
        }
        look_back *= 8;
    }
    if first > 0 {
        return Err(Trouble::Fail(format!(
            "the cursor topic {topic} has lost its records: it must have cleanup.policy=compact, not delete. \
             Nobody knows what was delivered: delete the sink and make it again"
        )));
    }
    Ok(None)
}

/// The last record from that offset on; `None` if all of them were of transactions that came to nothing.
fn last_from(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    from: i64,
    work: &Work,
) -> Result<Option<Vec<u8>>, KafkaError> {
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(topic, 0, Offset::Offset(from))?;
    consumer.assign(&at)?;
    let (mut last, latest) = (None, Instant::now() + READ_TIMEOUT);
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => last = message.payload().map(<[u8]>::to_vec).or(last),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(last),
            // The group that librdkafka wants named is not used.
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {}
            Some(Err(error)) if is_lasting(&error) => return Err(error),
            Some(Err(_)) | None => {}
        }
        if Instant::now() > latest || *work.stopping.borrow() {
            return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
        }
    }
}

/// Whether asking on is in vain.
fn is_lasting(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    !matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::OperationTimedOut)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_and_a_newer_one_is_called_that() {
        let position = Position { topic_id: "t".into(), next_offsets: vec![7, 0], leader_epoch: 1, tombstone_floor: 3 };
        let cursor = Cursor { version: VERSION, owner: "run".into(), sink_created_ms: 5, at_ms: 9, position };
        assert_eq!(Cursor::from_json(cursor.to_json().as_bytes()), Ok(cursor));
        let newer = Cursor::from_json(br#"{"version":2,"x":1}"#).unwrap_err();
        assert!(newer.contains("version 2"), "{newer}");
        Cursor::from_json(b"{}").unwrap_err();
    }
}
