//! How far a consumer group is behind: in events, and in time.
//!
//! In events: what lies between the committed offset and the end. A live query's offsets are the journal's with holes, so that there it is the most
//! that it can be. In time: the age of the event at the committed offset; 0 at the end.
//! Not here: keeping it over time (`lag_history`).

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use kafka_wire::record_batch::decode_records;
use topics::{AppTopics, Partition, Topic};

use crate::{
    ConsumerGroup,
    failure::Failure,
    feed::{batches_of, unreadable},
    portal::State,
};

/// A group's place in one partition.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) committed: u64,
    /// `None` if there is no such partition any more.
    pub(crate) end: Option<u64>,
    pub(crate) events: u64,
    /// Where it was looked for.
    pub(crate) age_ms: Option<u64>,
    /// Whether the event at the committed offset was trimmed: the group gets what stands for the gap.
    pub(crate) is_trimmed: bool,
}

/// A group's places, and what they come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lag {
    pub(crate) places: Vec<Place>,
    pub(crate) events: u64,
    /// The age of the oldest event that it has yet to get.
    pub(crate) age_ms: u64,
}

/// Every group of the app: those with members or without, by name.
pub(crate) fn groups(state: &State, topics: &AppTopics) -> Vec<ConsumerGroup> {
    let app = topics.app();
    let mut groups = state.groups.of_app(app.name().as_str());
    let known: BTreeSet<String> = groups.iter().map(|group| group.name.clone()).collect();
    let others = app.groups_with_offsets().into_iter().filter(|name| !known.contains(name));
    groups.extend(others.map(|name| ConsumerGroup {
        name,
        state: "Empty".to_owned(),
        protocol: String::new(),
        members: Vec::new(),
    }));
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    groups
}

impl Lag {
    /// In events alone: reads nothing.
    pub(crate) fn of(topics: &Arc<AppTopics>, group: &str) -> Self {
        let mut found: HashMap<String, Option<Topic>> = HashMap::new();
        let log_start = topics.app().events().log_start();
        let mut lag = Self::default();
        for (topic, partition, offset) in topics.app().committed_offsets(group) {
            let known = found.entry(topic.clone()).or_insert_with(|| topics.by_name(&topic));
            let end = known.as_ref().and_then(|topic| topic.partition(partition)).map(|it| it.high_watermark());
            let committed = offset.offset.max(0) as u64;
            let events = end.unwrap_or_default().saturating_sub(committed);
            let is_trimmed = events > 0 && committed < log_start;
            lag.events += events;
            lag.places.push(Place { topic, partition, committed, end, events, age_ms: None, is_trimmed });
        }
        lag
    }

    /// As [`Lag::of`], with the age of the event at the committed offset of the `timed` partitions that are farthest behind.
    pub(crate) async fn timed(
        topics: &Arc<AppTopics>,
        group: &str,
        now_ms: u64,
        timed: usize,
    ) -> Result<Self, Failure> {
        let mut lag = Self::of(topics, group);
        let mut order: Vec<usize> = (0..lag.places.len()).filter(|&at| lag.places[at].events > 0).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(lag.places[at].events));
        for at in order.into_iter().take(timed) {
            let place = &mut lag.places[at];
            let partition = topics.by_name(&place.topic).and_then(|topic| topic.partition(place.partition));
            let Some(partition) = partition else { continue };
            let written_ms = match place.is_trimmed {
                // It is at least as old as the newest that was trimmed.
                true => Some(topics.app().events().trimmed_to_ms()),
                false => written_ms(&partition, place.committed).await?,
            };
            place.age_ms = written_ms.map(|written_ms| now_ms.saturating_sub(written_ms));
            lag.age_ms = lag.age_ms.max(place.age_ms.unwrap_or_default());
        }
        Ok(lag)
    }
}

/// When the first event at or behind an offset was written.
async fn written_ms(partition: &Partition, offset: u64) -> Result<Option<u64>, Failure> {
    let pieces = partition.read(offset, 1).await?;
    for batch in batches_of(&pieces) {
        let records = decode_records(&batch).map_err(unreadable)?;
        if let Some(record) = records.iter().find(|record| record.offset as u64 >= offset) {
            return Ok(Some(record.timestamp_ms.max(0) as u64));
        }
    }
    Ok(None)
}
