//! Which topics an app has, with their ids and partitions: what sharing out partitions needs.
//!
//! Invariant: a layout never changes. When a live query is made or deleted the app gets another one, so whoever holds
//! one knows by its address whether it is still the present one.

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

/// The topics of an app at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicLayout {
    topics: BTreeMap<Arc<str>, TopicShape>,
    names: BTreeMap<Uuid, Arc<str>>,
}

/// A topic, as far as it can be shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicShape {
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has, from 0.
    pub partitions: u16,
}

impl TopicLayout {
    /// A layout of these topics: name, id, number of partitions.
    pub fn new<N: Into<Arc<str>>>(topics: impl IntoIterator<Item = (N, Uuid, u16)>) -> Self {
        let mut layout = Self::default();
        for (name, id, partitions) in topics {
            let name = name.into();
            layout.topics.insert(name.clone(), TopicShape { id, partitions });
            layout.names.insert(id, name);
        }
        layout
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<TopicShape> {
        self.topics.get(name).copied()
    }

    /// The name of the topic with that id.
    pub fn name(&self, id: Uuid) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, TopicShape)> {
        self.topics.iter().map(|(name, shape)| (name, *shape))
    }
}
