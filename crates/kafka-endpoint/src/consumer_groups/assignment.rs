//! Partitions by topic id: what a member has, what it is to have, what it must give back.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// Partitions of topics. A topic without partitions is not in it, so that equal ones compare equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    topics: BTreeMap<Uuid, BTreeSet<i32>>,
    count: usize,
}

impl Assignment {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// How many partitions.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn contains(&self, topic: Uuid, partition: i32) -> bool {
        self.topics.get(&topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    pub(crate) fn insert(&mut self, topic: Uuid, partition: i32) -> bool {
        let is_new = self.topics.entry(topic).or_default().insert(partition);
        self.count += usize::from(is_new);
        is_new
    }

    pub(crate) fn remove(&mut self, topic: Uuid, partition: i32) -> bool {
        let Some(partitions) = self.topics.get_mut(&topic) else { return false };
        let was_there = partitions.remove(&partition);
        if partitions.is_empty() {
            self.topics.remove(&topic);
        }
        self.count -= usize::from(was_there);
        was_there
    }

    /// The highest partition that it has of a topic.
    pub(crate) fn last_of(&self, topic: Uuid) -> Option<i32> {
        self.topics.get(&topic)?.last().copied()
    }

    /// By topic id.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (Uuid, &BTreeSet<i32>)> {
        self.topics.iter().map(|(topic, partitions)| (*topic, partitions))
    }

    /// Each partition, by topic id and number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Uuid, i32)> + '_ {
        self.topics.iter().flat_map(|(topic, partitions)| partitions.iter().map(|partition| (*topic, *partition)))
    }

    pub(crate) fn is_subset_of(&self, other: &Self) -> bool {
        self.iter().all(|(topic, partition)| other.contains(topic, partition))
    }

    pub(crate) fn shares_any_with(&self, other: &Self) -> bool {
        self.iter().any(|(topic, partition)| other.contains(topic, partition))
    }
}

impl FromIterator<(Uuid, i32)> for Assignment {
    fn from_iter<T: IntoIterator<Item = (Uuid, i32)>>(partitions: T) -> Self {
        let mut assignment = Self::default();
        for (topic, partition) in partitions {
            assignment.insert(topic, partition);
        }
        assignment
    }
}

impl Extend<(Uuid, i32)> for Assignment {
    fn extend<T: IntoIterator<Item = (Uuid, i32)>>(&mut self, partitions: T) {
        for (topic, partition) in partitions {
            self.insert(topic, partition);
        }
    }
}
