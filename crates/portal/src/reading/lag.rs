//! Consumer groups: those that have members, those that have committed, and how far behind they are.

use std::collections::BTreeMap;

use topics::{AppTopics, GroupLags, PartitionLag};

use crate::{ConsumerGroup, state::State};

/// A consumer group: members, if it has any, and what it has committed.
#[derive(Debug, Clone)]
pub(crate) struct GroupLag {
    pub(crate) name: String,
    /// Kafka's name of its state.
    pub(crate) state: String,
    pub(crate) members: usize,
    pub(crate) partitions: Vec<PartitionLag>,
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
    let lags = GroupLags::new(topics);
    let left_out = groups.len().saturating_sub(groups_max);
    let measured = groups.into_iter().take(groups_max).map(|(name, group)| measure(&lags, name, group));
    (measured.collect(), left_out)
}

/// One group, with what is known of its members; `None` if it has neither members nor offsets.
pub(crate) fn of_group(state: &State, topics: &AppTopics, name: &str) -> Option<(GroupLag, Option<ConsumerGroup>)> {
    let app = topics.app();
    let present = state.groups.of_app(app.name().as_str()).into_iter().find(|group| group.name == name);
    let lag = measure(&GroupLags::new(topics), name.to_owned(), present.clone());
    (present.is_some() || !app.committed_offsets(name).is_empty()).then_some((lag, present))
}

fn measure(lags: &GroupLags<'_>, name: String, group: Option<ConsumerGroup>) -> GroupLag {
    GroupLag {
        partitions: lags.of(&name),
        state: group.as_ref().map_or("Empty".to_owned(), |group| group.state.clone()),
        members: group.map_or(0, |group| group.members.len()),
        name,
    }
}
