//! Numbers for `/metrics`.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Weak},
    time::Instant,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};
use topics::{AppTopics, GroupLags, LagTimes, TopicRegistry};

use crate::{
    admission::Admission,
    limits::{LAG_TIMES_BUDGET, METRICS_GROUP_NAME_BYTES_MAX, METRICS_GROUPS_PER_APP_MAX, METRICS_SERIES_MAX},
    reason::Reason,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabel {
    api: &'static str,
}

/// The endpoint's counters; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    /// Connections now, handshakes included.
    pub(crate) connections: Gauge,
    /// Bytes of responses written.
    pub(crate) sent_bytes: Counter,
    /// Consumer groups that have members, or had some since the start.
    pub(crate) groups: Gauge,
    /// Answers that said that events cannot be read.
    pub(crate) unreadable: Counter,
    /// Groups whose offsets expired.
    pub(crate) groups_expired: Counter,
    fetches_waiting: Gauge,
    refusals: Family<ReasonLabel, Counter>,
    requests: Family<ApiLabel, Counter>,
}

impl Metrics {
    /// Registers everything under `headwater_kafka_…`.
    pub(crate) fn register(registry: &mut Registry, topics: &Arc<TopicRegistry>, admission: &Arc<Admission>) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("headwater_kafka");
        registry.register("connections", "Connections to the Kafka endpoint now", metrics.connections.clone());
        let waiting = metrics.fetches_waiting.clone();
        registry.register("fetches_waiting", "Fetch requests that wait for events now", waiting);
        registry.register("groups", "Consumer groups in memory now", metrics.groups.clone());
        let help = "Consumer groups whose offsets expired, because nobody used them (--offsets-retention-minutes)";
        registry.register("groups_expired", help, metrics.groups_expired.clone());
        registry.register(
            "refusals",
            "Connections refused or ended by the server, by reason",
            metrics.refusals.clone(),
        );
        let help = "Answers to consumers that events cannot be read, because they are damaged";
        registry.register("unreadable", help, metrics.unreadable.clone());
        registry.register("requests", "Requests by Kafka API", metrics.requests.clone());
        registry.register_with_unit("sent", "Bytes of responses written", Unit::Bytes, metrics.sent_bytes.clone());
        registry.register_collector(Box::new(LagCollector(Arc::downgrade(topics))));
        registry.register_collector(Box::new(PlacesCollector(Arc::downgrade(admission))));
        metrics
    }

    /// A fetch that waits, until the answer is dropped.
    pub(crate) fn fetch_waits(&self) -> WaitingFetch {
        self.fetches_waiting.inc();
        WaitingFetch(self.fetches_waiting.clone())
    }

    /// One refused or ended connection.
    pub(crate) fn count_refusal(&self, reason: &Reason) {
        self.refusals.get_or_create(&ReasonLabel { reason: reason.label() }).inc();
    }

    /// One request.
    pub(crate) fn count_request(&self, api: &'static str) {
        self.requests.get_or_create(&ApiLabel { api }).inc();
    }
}

/// A fetch that waits for events. Whether they come or the consumer goes, it no longer counts when this is dropped.
#[derive(Debug)]
pub(crate) struct WaitingFetch(Gauge);

impl Drop for WaitingFetch {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Asks how full the fullest user's share is when somebody scrapes.
#[derive(Debug)]
struct PlacesCollector(Weak<Admission>);

impl Collector for PlacesCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(admission) = self.0.upgrade() else { return Ok(()) };
        let gauges = [
            (
                "connections_of_fullest_user",
                "Connections of the user that has most of them now",
                admission.connections_of_fullest_user(),
            ),
            (
                "connections_per_user_limit",
                "Connections that one user may have (--max-connections-per-user)",
                admission.connections_per_user_max(),
            ),
        ];
        gauges.iter().try_for_each(|(name, help, value)| {
            let gauge = ConstGauge::new(*value as u64);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        })
    }
}

/// Asks where groups are when somebody scrapes: of an app the first [`METRICS_GROUPS_PER_APP_MAX`] by name, in all some
/// [`METRICS_SERIES_MAX`] of a group on a topic. How many others there are is told, so that none is missing silently.
#[derive(Debug)]
struct LagCollector(Weak<TopicRegistry>);

/// A group on one topic.
struct GroupOnTopic {
    labels: [(&'static str, String); 3],
    lag: u64,
    gap_ahead: bool,
    /// `None` if it would have taken too long to look for them.
    times: Option<LagTimes>,
}

impl Collector for LagCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(topics) = self.0.upgrade() else { return Ok(()) };
        let looks_until = Instant::now() + LAG_TIMES_BUDGET;
        let mut groups = Vec::new();
        let mut left_out = Vec::new();
        for topics in topics.all_opened() {
            let (told, others) = groups_to_tell(&topics, METRICS_SERIES_MAX.saturating_sub(groups.len()));
            groups.extend(groups_of(&topics, told, looks_until));
            left_out.push((topics.app().name().as_str().to_owned(), others as u64));
        }
        let e = &mut encoder;
        let help = "Consumer groups whose lag is not told here: too many, or too long a name";
        let mut family = e.encode_descriptor("groups_left_out", help, None, MetricType::Gauge)?;
        for (app, others) in left_out {
            ConstGauge::new(others).encode(family.encode_family(&[("app", app)])?)?;
        }
        let help = "1 while live queries of the app do not get on with new events";
        let mut family = e.encode_descriptor("live_queries_stopped", help, None, MetricType::Gauge)?;
        for topics in topics.all_opened() {
            let labels = [("app", topics.app().name().as_str().to_owned())];
            ConstGauge::new(u64::from(topics.stopped().is_some())).encode(family.encode_family(&labels)?)?;
        }
        let help = "Events from what the consumer group has committed to the end of the topic";
        gauge(e, "group_lag", help, &groups, |group| group.lag)?;
        let help = "1 while what the consumer group reads next was trimmed: it gets a gap first";
        gauge(e, "group_gap_ahead", help, &groups, |group| group.gap_ahead.into())?;
        let help = "Age of the oldest event that the consumer group reads next; 0 when it has read everything";
        seconds(e, "group_lag_seconds", help, &groups, |group| group.times?.lag_ms)?;
        let help = "Time until retention trims what the consumer group reads next, if it stays where it is";
        seconds(e, "group_gap_seconds", help, &groups, |group| group.times?.gap_in_ms)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    groups: &[GroupOnTopic],
    read: fn(&GroupOnTopic) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    groups.iter().try_for_each(|group| ConstGauge::new(read(group)).encode(family.encode_family(&group.labels)?))
}

fn seconds(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    groups: &[GroupOnTopic],
    read: fn(&GroupOnTopic) -> Option<u64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let known = groups.iter().filter_map(|group| Some((group, read(group)?)));
    for (group, ms) in known {
        ConstGauge::new(ms as f64 / 1000.0).encode(family.encode_family(&group.labels)?)?;
    }
    Ok(())
}

/// The groups of an app that are told of, while there is room for so many; and how many are not.
fn groups_to_tell(topics: &AppTopics, room: usize) -> (Vec<String>, usize) {
    let mut groups = topics.app().groups_with_offsets();
    let all = groups.len();
    groups.retain(|group| group.len() <= METRICS_GROUP_NAME_BYTES_MAX);
    groups.truncate(METRICS_GROUPS_PER_APP_MAX.min(room));
    let others = all - groups.len();
    (groups, others)
}

/// Looks on disk for times until `looks_until`.
fn groups_of(topics: &AppTopics, groups_told: Vec<String>, looks_until: Instant) -> Vec<GroupOnTopic> {
    let (app, lags) = (topics.app().name().as_str(), GroupLags::new(topics));
    let mut groups = Vec::new();
    for group in groups_told {
        let mut by_topic: BTreeMap<String, GroupOnTopic> = BTreeMap::new();
        for partition in lags.of(&group) {
            let looks = Instant::now() < looks_until;
            let times = if looks { Some(lags.times(&partition)) } else { lags.known_times(&partition) };
            let on_topic = by_topic.entry(partition.topic.clone()).or_insert_with(|| GroupOnTopic {
                labels: [("app", app.to_owned()), ("group", group.clone()), ("topic", partition.topic.clone())],
                lag: 0,
                gap_ahead: false,
                times: Some(LagTimes { lag_ms: Some(0), gap_in_ms: None }),
            });
            on_topic.lag += partition.lag;
            on_topic.gap_ahead |= partition.gap_ahead;
            on_topic.times = on_topic.times.zip(times).map(|(one, other)| worse(one, other));
        }
        groups.extend(by_topic.into_values());
    }
    groups
}

/// Of the partition that is furthest behind, where what cannot be read counts as nothing; and of
/// the one that meets a gap first, if one does.
fn worse(one: LagTimes, other: LagTimes) -> LagTimes {
    LagTimes { lag_ms: one.lag_ms.max(other.lag_ms), gap_in_ms: one.gap_in_ms.into_iter().chain(other.gap_in_ms).min() }
}

#[cfg(test)]
mod tests {
    use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
    use store::{AppName, CommittedOffset, DataDir, StoreOptions, WallClock};

    use super::*;

    #[derive(Debug)]
    struct Noon;

    impl WallClock for Noon {
        fn now_ms(&self) -> u64 {
            1_645_444_800_000
        }
    }

    #[tokio::test]
    async fn times_for_which_there_is_no_time_left_are_left_out_until_they_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::Int(1)).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(Map::new()),
        };
        let changeset = Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() };
        topics.app().commit(changeset).await.unwrap();
        for (group, offset) in [("has read all", 1), ("is behind", 0)] {
            let at = CommittedOffset { offset, leader_epoch: -1, metadata: String::new() };
            let committed = vec![("user-consumable-shop".to_owned(), 0, at)];
            topics.app().commit_offsets(group, committed).await.unwrap();
        }
        let told = |looks_until: Instant| {
            let (told, left_out) = groups_to_tell(&topics, usize::MAX);
            assert_eq!(left_out, 0);
            let groups = groups_of(&topics, told, looks_until);
            groups.iter().map(|group| (group.lag, group.times.map(|times| times.lag_ms))).collect::<Vec<_>>()
        };
        let (past, soon) = (Instant::now(), Instant::now() + LAG_TIMES_BUDGET);
        assert_eq!(told(past), [(0, Some(Some(0))), (1, None)]);
        assert_eq!(told(soon), [(0, Some(Some(0))), (1, Some(Some(0)))]);
        assert_eq!(told(past), [(0, Some(Some(0))), (1, Some(Some(0)))], "it is known now");
        drop(topics);
        registry.stop().await;
    }

    #[tokio::test]
    async fn groups_beyond_the_bound_and_with_long_names_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        let long = "n".repeat(METRICS_GROUP_NAME_BYTES_MAX + 1);
        for group in ["a", "b", "c", &long] {
            let at = CommittedOffset { offset: 0, leader_epoch: -1, metadata: String::new() };
            let committed = vec![("user-consumable-shop".to_owned(), 0, at)];
            topics.app().commit_offsets(group, committed).await.unwrap();
        }
        assert_eq!(groups_to_tell(&topics, 2), (vec!["a".to_owned(), "b".to_owned()], 2));
        assert_eq!(groups_to_tell(&topics, usize::MAX).1, 1);
        drop(topics);
        registry.stop().await;
    }
}
