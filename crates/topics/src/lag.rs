//! How far behind consumer groups are: what they have committed, against what their topics hold.
//!
//! Lag is in offsets. On the main topic that is events; a live query's offsets have holes, so there
//! it is at most so many events.
//! Not here: who is in a group (`kafka-endpoint`), lag over time (`portal`).

use std::collections::HashMap;

use store::CommittedOffset;

use crate::{AppTopics, Topic};

/// A group's position in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset it reads next.
    pub committed: u64,
    /// Offsets from there to the partition's high watermark; 0 when it has read everything.
    pub lag: u64,
    /// Whether what it reads next was trimmed: it gets a gap first.
    pub gap_ahead: bool,
}

/// The lag of an app's groups, against the topics as they were when it was made.
#[derive(Debug)]
pub struct GroupLags<'a> {
    topics: &'a AppTopics,
    by_name: HashMap<String, Topic>,
    log_start: u64,
}

impl<'a> GroupLags<'a> {
    /// Of the app's groups.
    pub fn new(topics: &'a AppTopics) -> Self {
        let by_name = topics.all().into_iter().map(|topic| (topic.name().to_owned(), topic)).collect();
        Self { topics, by_name, log_start: topics.app().events().log_start() }
    }

    /// Where the group is, by topic and partition; nothing where it has committed nothing, or where
    /// the topic is gone.
    pub fn of(&self, group: &str) -> Vec<PartitionLag> {
        let committed = self.topics.app().committed_offsets(group);
        committed.into_iter().filter_map(|(topic, partition, at)| self.measure(topic, partition, &at)).collect()
    }

    fn measure(&self, topic: String, partition: i32, at: &CommittedOffset) -> Option<PartitionLag> {
        let high_watermark = self.by_name.get(&topic)?.partition(partition)?.high_watermark();
        let committed = u64::try_from(at.offset).unwrap_or(0);
        let lag = high_watermark.saturating_sub(committed);
        Some(PartitionLag { topic, partition, committed, lag, gap_ahead: lag > 0 && committed < self.log_start })
    }
}
