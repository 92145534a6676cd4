//! How far behind consumer groups are: what they have committed, against what their topics hold.
//!
//! Lag is in offsets. On the main topic that is events; a live query's offsets have holes, so there it is at most so many events.

use std::collections::{BTreeMap, HashMap};

use store::CommittedOffset;
use topics::{AppTopics, Topic};

use crate::{ConsumerGroup, portal::State};

/// A consumer group: members, if it has any, and what it has committed.
#[derive(Debug, Clone)]
pub(crate) struct GroupLag {
    pub(crate) name: String,
    /// Kafka's name of its state.
    pub(crate) state: String,
    pub(crate) members: usize,
    pub(crate) partitions: Vec<PartitionLag>,
}

/// A group's position in one partition.
#[derive(Debug, Clone)]
pub(crate) struct PartitionLag {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// The offset it reads next.
    pub(crate) committed: u64,
    pub(crate) lag: u64,
    /// Whether what it reads next was trimmed: it gets a gap first.
    pub(crate) gap_ahead: bool,
}

impl GroupLag {
    /// Over all partitions.
    pub(crate) fn lag(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.lag).sum()
    }

    pub(crate) fn gap_ahead(&self) -> bool {
        self.partitions.iter().any(|partition| partition.gap_ahead)
    }

    /// What of it concerns a topic.
    pub(crate) fn on_topic(&self, topic: &str) -> Vec<&PartitionLag> {
        self.partitions.iter().filter(|partition| partition.topic == topic).collect()
    }
}

/// The app's first `groups_max` groups by name, those with members and those that only have offsets; and how many more there are.
pub(crate) fn of_app(state: &State, topics: &AppTopics, groups_max: usize) -> (Vec<GroupLag>, usize) {
    let app = topics.app();
    let present = state.groups.of_app(app.name().as_str());
    let mut groups: BTreeMap<String, Option<ConsumerGroup>> =
        app.groups_with_offsets().into_iter().map(|name| (name, None)).collect();
    groups.extend(present.into_iter().map(|group| (group.name.clone(), Some(group))));
    let topics_by_name = by_name(topics);
    let left_out = groups.len().saturating_sub(groups_max);
    let measured =
        groups.into_iter().take(groups_max).map(|(name, group)| measure(topics, &topics_by_name, name, group));
    (measured.collect(), left_out)
}

/// One group, with what is known of its members; `None` if it has neither members nor offsets.
pub(crate) fn of_group(state: &State, topics: &AppTopics, name: &str) -> Option<(GroupLag, Option<ConsumerGroup>)> {
    let app = topics.app();
    let present = state.groups.of_app(app.name().as_str()).into_iter().find(|group| group.name == name);
    let lag = measure(topics, &by_name(topics), name.to_owned(), present.clone());
    (present.is_some() || !app.committed_offsets(name).is_empty()).then_some((lag, present))
}

fn by_name(topics: &AppTopics) -> HashMap<String, Topic> {
    topics.all().into_iter().map(|topic| (topic.name().to_owned(), topic)).collect()
}

fn measure(
    topics: &AppTopics,
    topics_by_name: &HashMap<String, Topic>,
    name: String,
    group: Option<ConsumerGroup>,
) -> GroupLag {
    let log_start = topics.app().events().log_start();
    let place = |(topic, partition, committed): (String, i32, CommittedOffset)| {
        let high_watermark = topics_by_name.get(&topic)?.partition(partition)?.high_watermark();
        let committed = u64::try_from(committed.offset).unwrap_or(0);
        let lag = high_watermark.saturating_sub(committed);
        Some(PartitionLag { topic, partition, committed, lag, gap_ahead: lag > 0 && committed < log_start })
    };
    GroupLag {
        partitions: topics.app().committed_offsets(&name).into_iter().filter_map(place).collect(),
        state: group.as_ref().map_or("Empty".to_owned(), |group| group.state.clone()),
        members: group.map_or(0, |group| group.members.len()),
        name,
    }
}
