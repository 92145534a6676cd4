//! Consumer groups: those that have members, those that have committed, and how far behind they
//! are.

use std::collections::BTreeMap;

use topics::{AppTopics, GroupLags, LagTimes, PartitionLag};

use crate::{consumer_groups::ConsumerGroup, operations::Operations};

/// What Kafka calls the state of a group without members.
const EMPTY: &str = "Empty";

/// A consumer group: members, if it has any, and what it has committed.
#[derive(Debug, Clone)]
pub struct GroupLag {
    /// Its name.
    pub name: String,
    /// Kafka's name of its state.
    pub state: String,
    /// How many members it has.
    pub members: usize,
    /// What it has committed, and how far behind that is.
    pub partitions: Vec<PartitionLag>,
}

impl GroupLag {
    /// Over all partitions.
    pub fn lag(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.lag).sum()
    }

    /// Whether it meets a gap in one of them.
    pub fn gap_ahead(&self) -> bool {
        self.partitions.iter().any(|partition| partition.gap_ahead)
    }

    /// What of it concerns a topic.
    pub fn on_topic(&self, topic: &str) -> Vec<&PartitionLag> {
        self.partitions.iter().filter(|partition| partition.topic == topic).collect()
    }
}

/// The groups of an app, as they were when they were asked for.
#[derive(Debug)]
pub struct AppGroups<'t> {
    topics: &'t AppTopics,
    present: Vec<ConsumerGroup>,
    lags: GroupLags<'t>,
}

impl Operations {
    /// The groups of the app: those with members, and those that only have offsets.
    pub fn groups<'t>(&self, topics: &'t AppTopics) -> AppGroups<'t> {
        let app = topics.app().name().as_str();
        let present = self.groups.as_ref().map(|groups| groups.of_app(app)).unwrap_or_default();
        AppGroups { topics, present, lags: GroupLags::new(topics) }
    }
}

impl AppGroups<'_> {
    /// The first `groups_max` by name, and how many more there are.
    pub fn first(&self, groups_max: usize) -> (Vec<GroupLag>, usize) {
        let mut groups: BTreeMap<String, Option<&ConsumerGroup>> =
            self.topics.app().groups_with_offsets().into_iter().map(|name| (name, None)).collect();
        groups.extend(self.present.iter().map(|group| (group.name.clone(), Some(group))));
        let left_out = groups.len().saturating_sub(groups_max);
        let measured = groups.into_iter().take(groups_max).map(|(name, group)| self.measure(name, group));
        (measured.collect(), left_out)
    }

    /// One group, with what is known of its members; `None` if it has neither members nor offsets.
    pub fn one(&self, name: &str) -> Option<(GroupLag, Option<ConsumerGroup>)> {
        let present = self.present.iter().find(|group| group.name == name);
        if present.is_none() && self.topics.app().committed_offsets(name).is_empty() {
            return None;
        }
        Some((self.measure(name.to_owned(), present), present.cloned()))
    }

    /// How far behind a place is in time. Blocks on disk where it was not asked before.
    pub fn times(&self, of: &PartitionLag) -> LagTimes {
        self.lags.times(of)
    }

    /// The same, if it is known without a look at the disk.
    pub fn known_times(&self, of: &PartitionLag) -> Option<LagTimes> {
        self.lags.known_times(of)
    }

    fn measure(&self, name: String, group: Option<&ConsumerGroup>) -> GroupLag {
        GroupLag {
            partitions: self.lags.of(&name),
            state: group.map_or(EMPTY, |group| &group.state).to_owned(),
            members: group.map_or(0, |group| group.members.len()),
            name,
        }
    }
}
