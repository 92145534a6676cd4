//! Fetch (1): stored batches, copied as they are, or compressed ones if the topic's are; waits for
//! events if there are none.
//!
//! Invariants: a wait ends by a commit, by the client's time-out, by the server's end or with the
//! connection, never by looking again and again; the first partition that has events gives at least
//! one batch, however large (KIP-74); where events cannot be read, those before come first, and the
//! error with the next fetch.
//! Not here: the bytes of the answer (`encode`), which partitions a session names and answers
//! (`fetch_session`).

mod encode;

use std::{future::Future as _, task::Poll, time::Duration};

use bytes::Bytes;
use kafka_protocol::{
    ResponseError::{self, UnknownTopicId, UnknownTopicOrPartition},
    messages::{FetchRequest, fetch_request::FetchPartition},
};
use kafka_wire::compression::Codec;
use store::Piece;
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use crate::{
    admission::HeldBytes,
    fetch_session::Answering,
    limits,
    reason::Reason,
    reply::Reply,
    request::Request,
    session::Session,
    topics::{self, Partition, Stop, Tail, Topic, UNREADABLE, to_offset},
};
use encode::{FetchedPartition, FetchedTopic};

/// What a request asks for, and what has been found so far.
struct Fetch<'a> {
    session: &'a Session,
    topics: Vec<TopicReader>,
    bytes: usize,
    bytes_max: usize,
    held: Option<HeldBytes>,
}

struct TopicReader {
    name: kafka_protocol::protocol::StrBytes,
    id: Uuid,
    partitions: Vec<PartitionReader>,
    /// Changes when a partition has grown.
    grown: Option<watch::Receiver<u64>>,
}

struct PartitionReader {
    index: i32,
    /// The partition that it is about, once that is known to be there.
    partition: Option<Partition>,
    log: Result<Tail, ResponseError>,
    codec: Option<Codec>,
    /// What a deleted topic is answered with.
    unknown: ResponseError,
    /// Where it was asked to begin.
    fetch_offset: i64,
    /// Pieces of one or more whole batches.
    batches: Vec<Bytes>,
    bytes: usize,
    bytes_max: usize,
    /// Events behind what was found cannot be read: the next fetch says so.
    is_cut: bool,
    /// The leader epoch of the last event that the client has, -1 if it does not say (KIP-595).
    last_epoch: i32,
    /// Where the client's log and this one part, if they do: an epoch and its end.
    diverging: Option<(i32, i64)>,
}

pub(super) async fn answer(session: &Session, request: &Request) -> Result<Reply, Reason> {
    let mut wanted: FetchRequest = request.decode()?;
    let new_id = session.new_fetch_session_id();
    let answering = match session.fetch_session.begin(&mut wanted, &session.server.fetch_sessions, new_id) {
        Ok(answering) => answering,
        Err(error) => return Ok(encode::refusal(request, error)),
    };
    if wanted.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>() > limits::FETCH_PARTITIONS_MAX {
        return Ok(encode::refusal(request, ResponseError::InvalidRequest));
    }
    let wait = Duration::from_millis(wanted.max_wait_ms.max(0).unsigned_abs().into()).min(limits::FETCH_WAIT_MAX);
    let bytes_min = size(wanted.min_bytes).min(limits::FETCH_BYTES_MAX);
    let is_committed_only = wanted.isolation_level != 0;
    let mut fetch = Fetch::resolve(session, wanted, request.version);
    fetch.settle().await;
    fetch.compare_epochs().await;
    fetch.read_until(bytes_min, Instant::now() + wait).await;
    Ok(fetch.into_reply(request, is_committed_only, answering))
}

impl<'a> Fetch<'a> {
    fn resolve(session: &'a Session, wanted: FetchRequest, version: i16) -> Self {
        // A broker that says so wants to be a replica; consumers are below 0.
        let is_replica = wanted.replica_id.0 >= 0 || wanted.replica_state.replica_id.0 >= 0;
        let topics = wanted.topics.into_iter().map(|topic| {
            let found = if version >= 13 {
                session.topic_by_id(topic.topic_id)
            } else {
                super::topic_by_name(session, &topic.topic)
            };
            let unknown = if version >= 13 { UnknownTopicId } else { UnknownTopicOrPartition };
            let codec = found.as_ref().ok().and_then(|topic| codec_for(topic, version));
            let reader = |partition| {
                let mut reader = PartitionReader::new(session, found.as_ref(), &partition, codec, unknown);
                if is_replica && reader.log.is_ok() {
                    reader.log = Err(ResponseError::NotLeaderOrFollower);
                }
                reader
            };
            let partitions = topic.partitions.into_iter().map(reader).collect();
            let grown = found.as_ref().ok().map(Topic::watch);
            TopicReader { name: topic.topic.0, id: topic.topic_id, partitions, grown }
        });
        let bytes_max = size(wanted.max_bytes).min(limits::FETCH_BYTES_MAX);
        Self { session, topics: topics.collect(), bytes: 0, bytes_max, held: None }
    }

    /// A live query may have yet to look at the events before the offset that is asked for.
    async fn settle(&mut self) {
        let deadline = Instant::now() + ::topics::SETTLE_WAIT;
        for partition in self.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.settle(deadline).await;
        }
    }

    /// Whoever says in which epoch its last event lies may stand on a log that ended there (KIP-595).
    async fn compare_epochs(&mut self) {
        let session = self.session;
        for partition in self.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.compare_epochs(session).await;
        }
    }

    /// Reads until there are `bytes_min`, or something to report at once, or nothing more to wait
    /// for.
    async fn read_until(&mut self, bytes_min: usize, deadline: Instant) {
        let mut shutdown = self.session.server.shutdown.clone();
        loop {
            self.topics.iter_mut().filter_map(|topic| topic.grown.as_mut()).for_each(watch::Receiver::mark_unchanged);
            let wants_more = self.read(bytes_min).await;
            self.note_stops();
            let is_told = |it: &PartitionReader| it.log.is_err() || it.is_cut || it.diverging.is_some();
            let has_error = self.partitions().any(is_told);
            if !wants_more || has_error || self.partitions().next().is_none() || Instant::now() >= deadline {
                return;
            }
            let _waiting = self.session.server.metrics.fetch_waits();
            tokio::select! {
                () = any_grown(&mut self.topics) => {}
                () = tokio::time::sleep_until(deadline) => return,
                () = shutdown.begun() => return,
            }
        }
    }

    /// Partitions from which nothing more can come, and which have nothing to give first, are
    /// answered with the reason.
    fn note_stops(&mut self) {
        let session = self.session;
        self.topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
            .for_each(|partition| partition.note_stop(session));
    }

    /// Reads what is there; false once there is enough, or no room for more.
    async fn read(&mut self, bytes_min: usize) -> bool {
        while self.partitions().any(PartitionReader::is_behind) {
            if !self.hold().await {
                return false;
            }
            let before = self.bytes;
            let mut topics = std::mem::take(&mut self.topics);
            for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                self.bytes += partition.read(self.session, self.bytes, self.bytes_max).await;
            }
            self.topics = topics;
            if let Some(held) = &mut self.held {
                held.shrink_to(self.bytes);
            }
            if self.bytes == before || self.bytes >= self.bytes_max {
                return false;
            }
            if self.bytes >= bytes_min {
                break;
            }
        }
        self.bytes < bytes_min
    }

    /// Makes room for a full answer, or for as much of one as there is room for. What is held already
    /// is not enough reason to wait for more, or fetches could wait for each other.
    async fn hold(&mut self) -> bool {
        let wanted: usize = self.partitions().map(|partition| partition.bytes_max).fold(0, usize::saturating_add);
        let bytes = wanted.min(self.bytes_max);
        match &mut self.held {
            None => {
                let (held, room) = self.session.place.hold_response(bytes).await;
                self.bytes_max = room;
                self.held = Some(held);
                true
            }
            Some(held) => self.session.place.try_grow(held, bytes),
        }
    }

    fn partitions(&self) -> impl Iterator<Item = &PartitionReader> {
        self.topics.iter().flat_map(|topic| &topic.partitions)
    }

    fn into_reply(self, request: &Request, is_committed_only: bool, mut answering: Answering<'_>) -> Reply {
        let last_with_events = self.partitions().enumerate().filter(|(_, partition)| partition.bytes > 0).last();
        let last_with_events = last_with_events.map(|(place, _)| place);
        let mut topics = Vec::with_capacity(self.topics.len());
        for topic in self.topics {
            let fetched = topic.partitions.into_iter().map(PartitionReader::into_fetched);
            let due = fetched.filter(|it| {
                let has_news = !it.batches.is_empty() || it.diverging.is_some();
                answering.is_due(it.high_watermark, it.error_code, has_news)
            });
            topics.push(FetchedTopic { name: topic.name, id: topic.id, partitions: due.collect() });
        }
        if answering.is_incremental() {
            topics.retain(|topic| !topic.partitions.is_empty());
        }
        let session_id = answering.finish(last_with_events);
        encode::reply(request, session_id, topics, is_committed_only, self.held)
    }
}

impl PartitionReader {
    fn new(
        session: &Session,
        topic: Result<&Topic, &ResponseError>,
        wanted: &FetchPartition,
        codec: Option<Codec>,
        unknown: ResponseError,
    ) -> Self {
        let log = topic.map_err(|error| *error).and_then(|topic| {
            let log = topics::partition(topic, wanted.partition)?;
            topics::check_epoch(topic, wanted.current_leader_epoch)?;
            // Nothing that was ever given out is out of range (docs/reference/live-queries.md).
            if wanted.fetch_offset < 0 { Err(ResponseError::OffsetOutOfRange) } else { Ok(log) }
        });
        let partition = log.as_ref().ok().cloned();
        let log = match (log, topic) {
            (Ok(log), Ok(topic)) => {
                let rebuild = session.rebuilds.of((topic.id(), wanted.partition), wanted.fetch_offset, &log);
                Ok(Tail::at(log, wanted.fetch_offset.unsigned_abs(), rebuild))
            }
            (Err(error), _) => Err(error),
            (_, Err(error)) => Err(*error),
        };
        Self {
            index: wanted.partition,
            partition,
            log,
            codec,
            unknown,
            fetch_offset: wanted.fetch_offset,
            batches: Vec::new(),
            bytes: 0,
            bytes_max: size(wanted.partition_max_bytes),
            is_cut: false,
            last_epoch: wanted.last_fetched_epoch,
            diverging: None,
        }
    }

    /// Before [`PartitionReader::settle`] is asked whether the offset is there at all: a log that ended before it
    /// says where.
    async fn compare_epochs(&mut self, session: &Session) {
        let is_comparable = matches!(self.log, Ok(_) | Err(ResponseError::OffsetOutOfRange)) && self.fetch_offset >= 0;
        let Some(partition) = self.partition.as_ref().filter(|_| is_comparable && self.last_epoch >= 0) else { return };
        match partition.end_of_epoch(self.last_epoch).await {
            Ok(Some((epoch, end))) => {
                let end = to_offset(end);
                if epoch < self.last_epoch || end < self.fetch_offset {
                    self.diverging = Some((epoch, end));
                }
            }
            Ok(None) => self.log = Err(ResponseError::OffsetOutOfRange),
            Err(error) => self.fail(session, &error),
        }
    }

    /// Behind the last event nothing was ever given out.
    async fn settle(&mut self, deadline: Instant) {
        let Ok(tail) = &self.log else { return };
        let log = tail.partition();
        let is_inside = |end: u64| tail.next_offset() <= end;
        if is_inside(log.high_watermark()) && log.is_settled() {
            return;
        }
        match log.settled_by(deadline).await {
            Ok(end) if is_inside(end) => {}
            // One that has stopped says why.
            Ok(_) if log.stop().is_some() => {}
            Ok(_) => {
                log.note_ahead(tail.next_offset());
                self.log = Err(ResponseError::OffsetOutOfRange);
            }
            Err(_) => self.log = Err(ResponseError::OffsetNotAvailable),
        }
    }

    fn is_behind(&self) -> bool {
        !self.is_cut && self.diverging.is_none() && self.log.as_ref().is_ok_and(Tail::is_behind)
    }

    fn note_stop(&mut self, session: &Session) {
        let Ok(tail) = &self.log else { return };
        if self.is_behind() || self.is_cut {
            return;
        }
        match tail.partition().stop() {
            None => {}
            Some(_) if !self.batches.is_empty() => self.is_cut = true,
            Some(Stop::Gone) => self.log = Err(self.unknown),
            Some(Stop::Unreadable(error)) => self.fail(session, &error),
        }
    }

    /// What was found before is given, if it is anything; the consumer comes back for what is
    /// behind it.
    fn fail(&mut self, session: &Session, error: &dyn std::fmt::Display) {
        if !self.batches.is_empty() {
            self.is_cut = true;
            return;
        }
        let at = self.log.as_ref().map_or(self.fetch_offset, |tail| to_offset(tail.next_offset()));
        session.server.refusals.note_unreadable(session.peer, &session.who(), self.index, at, error);
        self.log = Err(UNREADABLE);
    }

    /// Adds batches to what is there, as far as the partition's bound and the answer's allow; gives
    /// the bytes added. `bytes_before` are in the answer already.
    async fn read(&mut self, session: &Session, bytes_before: usize, answer_bytes_max: usize) -> usize {
        let Ok(tail) = &self.log else { return 0 };
        if self.is_cut || self.diverging.is_some() || !tail.is_behind() {
            return 0;
        }
        let room = (self.bytes_max.saturating_sub(self.bytes)).min(answer_bytes_max.saturating_sub(bytes_before));
        if room == 0 && bytes_before > 0 {
            return 0;
        }
        match tail.peek_as(room.max(1), self.codec).await {
            Ok(batches) => self.take(batches, room, bytes_before == 0),
            Err(error) => {
                self.fail(session, &error);
                0
            }
        }
    }

    /// Takes the batches that fit; the first one of all does not have to.
    fn take(&mut self, batches: Vec<Piece>, room: usize, is_first: bool) -> usize {
        let Ok(tail) = &mut self.log else { return 0 };
        let mut added = 0;
        for batch in batches {
            let is_first = is_first && added == 0;
            if added + batch.len() > room && !is_first {
                break;
            }
            added += batch.len();
            tail.go_behind(&batch);
            self.batches.push(batch.bytes);
        }
        self.bytes += added;
        added
    }

    fn into_fetched(self) -> FetchedPartition {
        if let (Some(diverging), Some(partition)) = (self.diverging, &self.partition) {
            let high_watermark = to_offset(partition.high_watermark());
            let (index, diverging) = (self.index, Some(diverging));
            return FetchedPartition { index, error_code: 0, high_watermark, batches: Vec::new(), diverging };
        }
        match self.log {
            Ok(tail) => FetchedPartition {
                index: self.index,
                error_code: 0,
                // One that was given out before is no lower because a live query is still looking
                // at its events.
                high_watermark: to_offset(tail.partition().high_watermark().max(tail.next_offset())),
                batches: self.batches,
                diverging: None,
            },
            Err(error) => FetchedPartition {
                index: self.index,
                error_code: error.code(),
                high_watermark: -1,
                batches: Vec::new(),
                diverging: None,
            },
        }
    }
}

/// What a fetch of that version gets the topic compressed with. Kafka answers Fetch before version
/// 10 with UNSUPPORTED_COMPRESSION_TYPE where batches are zstd's (KIP-110); here they need not be.
fn codec_for(topic: &Topic, version: i16) -> Option<Codec> {
    ::topics::codec_of(topic.compression()).filter(|codec| *codec != Codec::Zstd || version >= 10)
}

/// Waits until a partition of one of the topics has grown; for ever if there are none.
async fn any_grown(topics: &mut [TopicReader]) {
    let mut waits: Vec<_> =
        topics.iter_mut().filter_map(|topic| topic.grown.as_mut()).map(|grown| Box::pin(grown.changed())).collect();
    std::future::poll_fn(|context| {
        let is_ready = waits.iter_mut().any(|wait| wait.as_mut().poll(context).is_ready());
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A size from the wire; negative ones are 0.
fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
