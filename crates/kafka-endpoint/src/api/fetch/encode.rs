//! The bytes of a fetch response, written by hand so that stored batches go to the socket without being copied
//! together first.
//!
//! ```text
//!            v4-11                         v12-17: lengths are unsigned varints of length + 1, a 0 (no tags) closes each struct
//! response   throttle 0 | v7: error, session | topics
//! topic      name (from v13: id) | partitions
//! partition  index | error | high watermark | last stable offset | v5: log start | aborted | v11: preferred replica | records
//! ```
//!
//! Invariant: the same bytes as `kafka-protocol` encodes; a test compares them in every version.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    ResponseError,
    messages::FetchResponse,
    protocol::{HeaderVersion, StrBytes},
};
use uuid::Uuid;

use crate::{
    admission::HeldBytes,
    reply::{self, Reply},
    request::Request,
    topics::LOG_START,
};

/// Batches up to this size are copied into what surrounds them: that costs less than a piece of their own.
const COPIED_BYTES_MAX: usize = 1024;

/// A topic's part of an answer.
pub(super) struct FetchedTopic {
    pub(super) name: StrBytes,
    pub(super) id: Uuid,
    pub(super) partitions: Vec<FetchedPartition>,
}

/// A partition's part of an answer.
pub(super) struct FetchedPartition {
    pub(super) index: i32,
    pub(super) error_code: i16,
    /// -1 with an error.
    pub(super) high_watermark: i64,
    pub(super) batches: Vec<Bytes>,
    /// Where the client's log and this one part, told from version 12 on: an epoch and its end.
    pub(super) diverging: Option<(i32, i64)>,
}

/// An answer without topics.
pub(super) fn refusal(request: &Request, error: ResponseError) -> Reply {
    let pieces = encode(request.version, error.code(), 0, &[], false);
    frame(request, pieces, None)
}

/// An answer with what was found. `is_committed_only`: the client asked for READ_COMMITTED, which is all there is.
pub(super) fn reply(
    request: &Request,
    session_id: i32,
    topics: Vec<FetchedTopic>,
    is_committed_only: bool,
    held: Option<HeldBytes>,
) -> Reply {
    frame(request, encode(request.version, 0, session_id, &topics, is_committed_only), held)
}

fn frame(request: &Request, body: Vec<Bytes>, held: Option<HeldBytes>) -> Reply {
    let head = reply::begin(request, FetchResponse::header_version(request.version));
    let head = reply::finish(head, body.iter().map(Bytes::len).sum());
    Reply { pieces: std::iter::once(head).chain(body).collect(), held }
}

fn encode(
    version: i16,
    error_code: i16,
    session_id: i32,
    topics: &[FetchedTopic],
    is_committed_only: bool,
) -> Vec<Bytes> {
    let mut writer = Writer { flexible: version >= 12, out: BytesMut::with_capacity(256), pieces: Vec::new() };
    writer.out.put_i32(0);
    if version >= 7 {
        writer.out.put_i16(error_code);
        writer.out.put_i32(session_id);
    }
    writer.length(topics.len());
    for topic in topics {
        if version >= 13 {
            writer.out.put_slice(topic.id.as_bytes());
        } else {
            writer.text(&topic.name);
        }
        writer.length(topic.partitions.len());
        for partition in &topic.partitions {
            writer.partition(version, partition, is_committed_only);
        }
        writer.end_of_struct();
    }
    writer.end_of_struct();
    writer.cut();
    writer.pieces
}

struct Writer {
    flexible: bool,
    out: BytesMut,
    pieces: Vec<Bytes>,
}

impl Writer {
    fn partition(&mut self, version: i16, partition: &FetchedPartition, is_committed_only: bool) {
        self.out.put_i32(partition.index);
        self.out.put_i16(partition.error_code);
        self.out.put_i64(partition.high_watermark);
        self.out.put_i64(partition.high_watermark);
        if version >= 5 {
            self.out.put_i64(if partition.error_code == 0 { LOG_START } else { -1 });
        }
        if is_committed_only {
            self.length(0)
        } else {
            self.null()
        }
        if version >= 11 {
            self.out.put_i32(-1);
        }
        self.length(partition.batches.iter().map(Bytes::len).sum());
        for batch in &partition.batches {
            if batch.len() <= COPIED_BYTES_MAX {
                self.out.put_slice(batch);
            } else {
                self.cut();
                self.pieces.push(batch.clone());
            }
        }
        match partition.diverging.filter(|_| self.flexible) {
            // One tag: its number, its size, and a struct without tags.
            Some((epoch, end)) => {
                self.out.put_slice(&[1, 0, 13]);
                self.out.put_i32(epoch);
                self.out.put_i64(end);
                self.end_of_struct();
            }
            None => self.end_of_struct(),
        }
    }

    /// The length of an array or of bytes.
    fn length(&mut self, len: usize) {
        let len = u32::try_from(len).expect("responses are bounded far below 2 GiB");
        if self.flexible { self.varint(len + 1) } else { self.out.put_u32(len) }
    }

    fn text(&mut self, text: &str) {
        if self.flexible {
            self.length(text.len());
        } else {
            self.out.put_u16(u16::try_from(text.len()).expect("it came in a field of this size"));
        }
        self.out.put_slice(text.as_bytes());
    }

    /// An array that is not there.
    fn null(&mut self) {
        if self.flexible { self.out.put_u8(0) } else { self.out.put_i32(-1) }
    }

    fn end_of_struct(&mut self) {
        if self.flexible {
            self.out.put_u8(0);
        }
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }

    /// Closes the piece being written.
    fn cut(&mut self) {
        if !self.out.is_empty() {
            self.pieces.push(self.out.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::{
        messages::{
            BrokerId, TopicName,
            fetch_response::{EpochEndOffset, FetchableTopicResponse, PartitionData},
        },
        protocol::Encodable,
    };

    use super::*;

    const SESSION: i32 = 0x0102_0304;

    fn topics() -> Vec<FetchedTopic> {
        let batches = vec![Bytes::from(vec![1; 61]), Bytes::from(vec![2; 200_000]), Bytes::from(vec![3; 100])];
        let partition = |index, error_code, high_watermark, batches| FetchedPartition {
            index,
            error_code,
            high_watermark,
            batches,
            diverging: (index == 2).then_some((3, 41)),
        };
        vec![
            FetchedTopic {
                name: "user-consumable-shop".into_text(),
                id: Uuid::from_bytes([7; 16]),
                partitions: vec![
                    partition(0, 0, 42, batches),
                    partition(1, 1, -1, Vec::new()),
                    partition(2, 0, 42, Vec::new()),
                ],
            },
            FetchedTopic { name: "x".repeat(249).into(), id: Uuid::nil(), partitions: Vec::new() },
        ]
    }

    trait IntoText {
        fn into_text(self) -> StrBytes;
    }

    impl IntoText for &str {
        fn into_text(self) -> StrBytes {
            self.to_owned().into()
        }
    }

    fn by_the_codec(version: i16, topics: &[FetchedTopic], is_committed_only: bool) -> Vec<u8> {
        let partition = |partition: &FetchedPartition| {
            let diverging = partition
                .diverging
                .filter(|_| version >= 12)
                .map(|(epoch, end)| EpochEndOffset::default().with_epoch(epoch).with_end_offset(end));
            PartitionData::default()
                .with_diverging_epoch(diverging.unwrap_or_default())
                .with_partition_index(partition.index)
                .with_error_code(partition.error_code)
                .with_high_watermark(partition.high_watermark)
                .with_last_stable_offset(partition.high_watermark)
                .with_log_start_offset(if partition.error_code == 0 { 0 } else { -1 })
                .with_aborted_transactions(is_committed_only.then(Vec::new))
                .with_preferred_read_replica(BrokerId(-1))
                .with_records(Some(partition.batches.concat().into()))
        };
        let topic = |topic: &FetchedTopic| {
            FetchableTopicResponse::default()
                .with_topic(TopicName(topic.name.clone()))
                .with_topic_id(topic.id)
                .with_partitions(topic.partitions.iter().map(partition).collect())
        };
        let mut out = BytesMut::new();
        FetchResponse::default()
            .with_session_id(if version >= 7 { SESSION } else { 0 })
            .with_responses(topics.iter().map(topic).collect())
            .encode(&mut out, version)
            .expect("no field is set that a version lacks");
        out.to_vec()
    }

    #[test]
    fn the_same_bytes_as_the_codec_in_every_version() {
        let served = kafka_wire::api_versions::advertised_api(1).expect("fetch is served");
        for version in served.version_min..=served.version_max {
            for is_committed_only in [false, true] {
                for topics in [topics(), Vec::new()] {
                    let ours = encode(version, 0, SESSION, &topics, is_committed_only).concat();
                    assert_eq!(ours, by_the_codec(version, &topics, is_committed_only), "version {version}");
                }
            }
        }
    }

    #[test]
    fn large_batches_are_not_copied() {
        let topics = topics();
        let stored = topics[0].partitions[0].batches[1].as_ptr();
        assert!(encode(17, 0, SESSION, &topics, false).iter().any(|piece| piece.as_ptr() == stored));
    }
}
