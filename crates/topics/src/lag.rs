//! How far behind consumer groups are: what they have committed, against what their topics hold.
//!
//! In events: offsets are dense, so what lies between two is a number of events, and of documents
//! that stand for trimmed ones. In time: the age of what a group reads next. And, while retention
//! has a limit, how long it is until what a group reads next is trimmed.
//! Not here: who is in a group (`kafka-endpoint`), lag over time (`portal`).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use store::CommittedOffset;

use crate::{AppTopics, Partition, Topic, TopicError};

/// Places of which it is known when their event was written. Beyond it all are forgotten.
const TIMES_KNOWN_MAX: usize = 20_000;

/// A group's position in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset it reads next.
    pub committed: u64,
    /// The partition's high watermark.
    pub high_watermark: u64,
    /// Events from the one to the other; 0 when it has read everything.
    pub lag: u64,
    /// Whether what it reads next was trimmed: it gets a gap first.
    pub gap_ahead: bool,
    /// Whether it stands before the place where the newest restore goes on, and so may hold what was
    /// lost: it is told there to begin again. Offsets that were skipped do not count in `lag`.
    pub restore_ahead: bool,
}

/// How far behind a group is in time, in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LagTimes {
    /// Since when what it reads next is there, in ms; of what was trimmed, the least it can be. 0 when
    /// it has read everything; `None` if that cannot be read.
    pub lag_ms: Option<u64>,
    /// In how many ms what it reads next is trimmed, if it stays there and all goes on as it does;
    /// 0 if it was. `None` if nothing is ahead of it, or nothing is trimmed.
    pub gap_in_ms: Option<u64>,
}

/// When events were written that groups read next: they stand where they stand for a while.
#[derive(Debug, Default)]
pub(crate) struct WrittenTimes(Mutex<HashMap<Place, Written>>);

/// Topic, partition and offset.
type Place = (uuid::Uuid, i32, u64);

/// An offset in the journal, and when what stands there was written.
type Written = (u64, u64);

/// The lag of an app's groups, against the topics as they were when it was made.
#[derive(Debug)]
pub struct GroupLags<'a> {
    topics: &'a AppTopics,
    by_name: HashMap<String, Topic>,
}

impl<'a> GroupLags<'a> {
    /// Of the app's groups.
    pub fn new(topics: &'a AppTopics) -> Self {
        let by_name = topics.all().into_iter().map(|topic| (topic.name().to_owned(), topic)).collect();
        Self { topics, by_name }
    }

    /// Where the group is, by topic and partition; nothing where it has committed nothing, or where
    /// the topic is gone.
    pub fn of(&self, group: &str) -> Vec<PartitionLag> {
        let committed = self.topics.app().committed_offsets(group);
        let measured = |(topic, partition, at): (String, i32, CommittedOffset)| {
            self.measure(&topic, partition, u64::try_from(at.offset).unwrap_or(0))
        };
        committed.into_iter().filter_map(measured).collect()
    }

    /// Of whoever reads `committed` next; `None` if there is no such partition.
    pub fn measure(&self, topic: &str, partition: i32, committed: u64) -> Option<PartitionLag> {
        let found = self.by_name.get(topic)?.partition(partition)?;
        let topic = topic.to_owned();
        let high_watermark = found.high_watermark();
        let lag = found.events_between(committed, high_watermark);
        let restore_ahead = committed > 0 && found.skipped().last().is_some_and(|skipped| committed < skipped.end);
        let gap_ahead = lag > 0 && found.first_kept().is_ok_and(|first| committed < first);
        Some(PartitionLag { topic, partition, committed, high_watermark, lag, gap_ahead, restore_ahead })
    }

    /// How far behind that is in time. Blocks on disk where it was not asked before: it takes some
    /// milliseconds then.
    pub fn times(&self, of: &PartitionLag) -> LagTimes {
        self.known_times(of).unwrap_or_else(|| match self.look_for_written(of) {
            Ok(Some(written)) => self.times_since(written),
            _ => LagTimes::default(),
        })
    }

    /// As [`GroupLags::times`], if that is known without a look at the disk.
    pub fn known_times(&self, of: &PartitionLag) -> Option<LagTimes> {
        if of.lag == 0 {
            return Some(LagTimes { lag_ms: Some(0), gap_in_ms: None });
        }
        if of.gap_ahead {
            let app = self.topics.app();
            let at_least = app.now_ms().saturating_sub(app.events().trimmed_to_ms());
            return Some(LagTimes { lag_ms: Some(at_least), gap_in_ms: Some(0) });
        }
        let place = (self.by_name.get(&of.topic)?.id(), of.partition, of.committed);
        let written = self.known_written().get(&place).copied();
        written.map(|written| self.times_since(written))
    }

    fn times_since(&self, (event, written_ms): Written) -> LagTimes {
        let app = self.topics.app();
        let lag_ms = app.now_ms().saturating_sub(written_ms);
        LagTimes { lag_ms: Some(lag_ms), gap_in_ms: app.trimmed_in_ms(event, written_ms) }
    }

    /// What is read next, which is known from then on.
    fn look_for_written(&self, of: &PartitionLag) -> Result<Option<Written>, TopicError> {
        let topic = self.by_name.get(&of.topic);
        let Some((topic, partition)) = topic.and_then(|topic| Some((topic, topic.partition(of.partition)?))) else {
            return Ok(None);
        };
        let found = Partition::written(&partition, of.committed)?;
        if let Some(found) = found {
            let mut known = self.known_written();
            if known.len() >= TIMES_KNOWN_MAX {
                known.clear();
            }
            known.insert((topic.id(), of.partition, of.committed), found);
        }
        Ok(found)
    }

    fn known_written(&self) -> MutexGuard<'_, HashMap<Place, Written>> {
        self.topics.written_times.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
