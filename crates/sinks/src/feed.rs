//! Reads the topic of a sink, all its partitions, from where the sink stands.
//!
//! Not here: where that is kept (each target has its own way), what a record says (`kafka_wire`).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::Piece;
use tokio::sync::watch;
use topics::{AppTopics, Rebuild, Stop, Tail, Topic, TopicError};
use wire::admin::SinkStart;

use crate::definition::Sink;

/// Where a sink stands in its topic, and what it knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Position {
    /// The topic: a live query that is made again under its name has another one.
    pub(crate) topic_id: String,
    /// The next offset of each partition.
    pub(crate) next_offsets: Vec<u64>,
    /// The life of the data that the sink's reading belongs to (`store::Incarnation`).
    pub(crate) leader_epoch: u32,
    /// Of tombstones below it the sink knows that they are gone.
    pub(crate) tombstone_floor: u64,
}

/// Some records of one partition.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The partition, from 0.
    pub(crate) partition: u16,
    /// As the topic has it.
    pub(crate) piece: Piece,
}

/// Why a sink's topic cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    #[error("there is no live query {0:?}")]
    NoLiveQuery(String),
    #[error("the live query was made anew since: its offsets are others. Delete the sink and make it again")]
    AnotherTopic,
    #[cfg(feature = "kafka")]
    #[error(
        "the sink has delivered what this server does not have: partition {partition} up to offset {delivered}, and the \
         data ends at {end}. An older copy of the data directory lies here: put it back by `headwater restore`, which \
         goes on above what was given out, or delete the sink and make it again"
    )]
    Ahead { partition: usize, delivered: u64, end: u64 },
    #[cfg(feature = "kafka")]
    #[error("it is not known yet what the topic has")]
    Unsettled,
    #[error(transparent)]
    Read(#[from] TopicError),
}

/// A reader of every partition of a sink's topic.
#[derive(Debug)]
pub(crate) struct Feed {
    topic: Topic,
    live_query: Option<String>,
    tails: Vec<Tail>,
    rebuild: Rebuild,
    is_exact: bool,
    changes: watch::Receiver<u64>,
    /// Where reading goes on, so that no partition starves the others.
    turn: usize,
}

impl Feed {
    /// At `position`, or where the sink begins.
    pub(crate) async fn open(topics: &AppTopics, sink: &Sink, position: Option<&Position>) -> Result<Self, FeedError> {
        let topic = topic_of(topics, sink)?;
        let partitions = (0..topic.partitions()).filter_map(|index| topic.partition(i32::from(index)));
        let partitions: Vec<_> = partitions.map(|partition| partition.with_on_gap(sink.on_gap)).collect();
        let changes = topic.watch();
        let (rebuild, next_offsets) = match position {
            Some(at) if at.topic_id != topic.id().to_string() || at.next_offsets.len() != partitions.len() => {
                return Err(FeedError::AnotherTopic);
            }
            Some(at) => (Rebuild::at(at.tombstone_floor, at.leader_epoch), at.next_offsets.clone()),
            None => {
                let mut ends = vec![0; partitions.len()];
                if sink.start == SinkStart::Latest {
                    for (end, partition) in ends.iter_mut().zip(&partitions) {
                        *end = partition.settled_high_watermark().await.unwrap_or_else(|_| partition.high_watermark());
                    }
                }
                let rebuild = partitions.first().map(topics::Partition::rebuild).unwrap_or_default();
                (rebuild, ends)
            }
        };
        let tails = partitions.into_iter().zip(next_offsets);
        let tails = tails.map(|(partition, next)| Tail::at(partition, next, rebuild)).collect();
        let live_query = sink.live_query.clone();
        Ok(Self { topic, live_query, tails, rebuild, is_exact: false, changes, turn: 0 })
    }

    /// The same, of a sink whose position is kept together with what it has delivered: it has
    /// delivered nothing behind its position, so that it is told of a restore only where that lost
    /// what it has.
    #[cfg(feature = "kafka")]
    pub(crate) fn exact(self) -> Self {
        Self { is_exact: true, ..self }
    }

    /// That no partition stands at an offset that was never given out here: what comes until then would be left out, and
    /// nobody would notice. For a sink whose position is kept elsewhere than the data.
    #[cfg(feature = "kafka")]
    pub(crate) async fn check_not_ahead(&self) -> Result<(), FeedError> {
        for (index, tail) in self.tails.iter().enumerate() {
            let (partition, delivered) = (tail.partition(), tail.next_offset());
            let end = partition.settled_high_watermark().await.map_err(|_| FeedError::Unsettled)?;
            if delivered > end {
                partition.note_ahead(delivered);
                return Err(FeedError::Ahead { partition: index, delivered, end });
            }
        }
        Ok(())
    }

    /// Where it stands: behind all that [`Feed::read`] has given.
    pub(crate) fn position(&self) -> Position {
        self.position_at(self.tails.iter().map(Tail::next_offset).collect())
    }

    /// Where a sink stands that has delivered what is before `next_offsets`, one a partition.
    pub(crate) fn position_at(&self, next_offsets: Vec<u64>) -> Position {
        let has_passed = self.has_passed_all(&next_offsets);
        let leader_epoch = if has_passed { self.topic.leader_epoch() as u32 } else { self.rebuild.leader_epoch() };
        let (topic_id, tombstone_floor) = (self.topic.id().to_string(), self.rebuild.tombstone_floor());
        Position { topic_id, next_offsets, leader_epoch, tombstone_floor }
    }

    /// What comes next, about `bytes_max` and of each partition in order; nothing if there is nothing
    /// now.
    pub(crate) async fn read(&mut self, bytes_max: usize) -> Result<Vec<Batch>, FeedError> {
        self.changes.borrow_and_update();
        let (mut batches, mut bytes) = (Vec::new(), 0);
        let count = self.tails.len();
        for at in 0..count {
            let partition = (self.turn + at) % count;
            while self.tails[partition].is_behind() && bytes < bytes_max {
                self.renew(partition);
                let pieces = match self.tails[partition].read(bytes_max - bytes).await {
                    Ok(pieces) => pieces,
                    // What was read before it stays read: the next turn tells of it.
                    Err(_) if !batches.is_empty() => return Ok(batches),
                    Err(error) => return Err(error.into()),
                };
                if pieces.is_empty() {
                    break;
                }
                for piece in pieces {
                    bytes += piece.len();
                    batches.push(Batch { partition: partition as u16, piece });
                }
            }
        }
        self.turn = (self.turn + 1) % count.max(1);
        if batches.is_empty() {
            self.check_stopped()?;
        }
        Ok(batches)
    }

    /// What the reader of a partition knows now, which is more behind the seam of a restore.
    fn renew(&mut self, partition: usize) {
        let tail = &self.tails[partition];
        let (reads, next) = (tail.partition().clone(), tail.next_offset());
        let rebuild = if self.is_exact {
            reads.rebuild_of_exact(next, self.rebuild.tombstone_floor())
        } else if self.has_passed_all(&self.tails.iter().map(Tail::next_offset).collect::<Vec<_>>()) {
            Rebuild::at(self.rebuild.tombstone_floor(), self.topic.leader_epoch() as u32)
        } else {
            self.rebuild
        };
        self.tails[partition] = Tail::at(reads, next, rebuild);
    }

    /// Whether nothing of what restores skipped is ahead of these offsets, one a partition.
    fn has_passed_all(&self, next_offsets: &[u64]) -> bool {
        let has_passed = |(tail, next): (&Tail, &u64)| tail.partition().skipped().iter().all(|it| it.end <= *next);
        self.tails.iter().zip(next_offsets).all(has_passed)
    }

    /// That nothing will ever come is an error.
    fn check_stopped(&self) -> Result<(), FeedError> {
        for tail in &self.tails {
            match tail.partition().stop() {
                None => {}
                Some(Stop::Gone) => return Err(FeedError::NoLiveQuery(self.live_query.clone().unwrap_or_default())),
                Some(Stop::Unreadable(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Returns when there may be more, or after `at_most`.
    pub(crate) async fn changed(&mut self, at_most: Duration) {
        drop(tokio::time::timeout(at_most, self.changes.changed()).await);
    }
}

/// The topic that the sink delivers.
pub(crate) fn topic_of(topics: &AppTopics, sink: &Sink) -> Result<Topic, FeedError> {
    let Some(name) = &sink.live_query else { return Ok(topics.main()) };
    let found = topics.live_queries().into_iter().find(|known| known.name == *name);
    let topic = found.and_then(|live_query| topics.by_name(&topics.topic_of(&live_query)));
    topic.ok_or_else(|| FeedError::NoLiveQuery(name.clone()))
}
