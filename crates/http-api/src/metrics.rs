//! What `/metrics` tells of the API and of the apps.
//!
//! Invariants: a route's numbers are found once, at set-up, so that counting a request is an atomic
//! addition and a histogram's lock.

pub(crate) mod backups;
pub(crate) mod certificates;
pub(crate) mod sinks;

use std::{fmt, sync::Arc, sync::atomic::AtomicI64, time::Duration};

use attachments::BlobsStats;
use axum::http::StatusCode;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, NoLabelSet},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};
use store::{AppName, AppStats, ClockStanding, DataDir};
use topics::{AppTopics, TopicRegistry};

/// Upper bounds of the request histogram, in seconds.
const SECONDS: [f64; 12] = [0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.5, 2.0, 8.0];

/// The numbers of the HTTP API.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
    pub(crate) connections: Gauge<i64, AtomicI64>,
    pub(crate) connections_total: Counter,
    /// Connections that waited for their client and were closed to make room.
    pub(crate) closed_for_room: Counter,
    /// Requests for which there is no route.
    pub(crate) unrouted: RouteMetrics,
}

/// The numbers of one route.
#[derive(Debug, Clone)]
pub(crate) struct RouteMetrics {
    route: &'static str,
    requests: Family<RequestLabels, Counter>,
    ok: Counter,
    seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry, data_dir: &Arc<DataDir>, topics: &Arc<TopicRegistry>) -> Self {
        let requests = Family::default();
        let seconds = Family::new_with_constructor(new_histogram as fn() -> Histogram);
        let unrouted = RouteMetrics::new("none", &requests, &seconds);
        let (connections, connections_total, closed_for_room) = Default::default();
        let metrics = Self { requests, seconds, connections, connections_total, closed_for_room, unrouted };
        let http = registry.sub_registry_with_prefix("headwater_http");
        http.register("requests", "Requests answered, by route and status", metrics.requests.clone());
        http.register_with_unit(
            "request",
            "Time from a request's head to its reply",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        http.register("connections", "Connections open now", metrics.connections.clone());
        http.register(
            "connections_accepted",
            "Connections accepted since the start",
            metrics.connections_total.clone(),
        );
        http.register(
            "connections_closed_for_room",
            "Connections that waited for their client and were closed to make room for others",
            metrics.closed_for_room.clone(),
        );
        let headwater = registry.sub_registry_with_prefix("headwater");
        headwater.register_collector(Box::new(AppCollector(data_dir.clone())));
        headwater.register_collector(Box::new(LiveQueryCollector(topics.clone())));
        metrics
    }

    pub(crate) fn route(&self, route: &'static str) -> RouteMetrics {
        RouteMetrics::new(route, &self.requests, &self.seconds)
    }
}

fn new_histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl RouteMetrics {
    fn new(
        route: &'static str,
        requests: &Family<RequestLabels, Counter>,
        seconds: &Family<RouteLabels, Histogram>,
    ) -> Self {
        Self {
            route,
            requests: requests.clone(),
            ok: requests.get_or_create_owned(&RequestLabels { route, status: 200 }),
            seconds: seconds.get_or_create_owned(&RouteLabels { route }),
        }
    }

    pub(crate) fn count(&self, status: StatusCode, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        if status == StatusCode::OK {
            self.ok.inc();
        } else {
            self.requests.get_or_create(&RequestLabels { route: self.route, status: status.as_u16() }).inc();
        }
    }
}

/// Reads each open app's [`AppStats`] when somebody scrapes.
struct AppCollector(Arc<DataDir>);

impl fmt::Debug for AppCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppCollector")
    }
}

struct AppNumbers {
    labels: [(&'static str, String); 1],
    stats: AppStats,
    blobs: BlobsStats,
    newest_txn: u64,
    high_watermark: u64,
    writable: bool,
    damaged: bool,
}

impl Collector for AppCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let apps: Vec<_> = self.0.open_apps().iter().map(AppNumbers::of).collect();
        let e = &mut encoder;
        count(e, "apps", "Apps, open or not", self.0.app_names().len())?;
        count(e, "apps_open", "Apps that are open now; the numbers of others are not told", apps.len())?;
        damaged(e, &self.0)?;
        clock(e, &self.0)?;
        counter(e, "transactions", "Transactions committed since the start", &apps, |app| app.stats.transactions)?;
        counter(e, "events", "Events committed since the start", &apps, |app| app.stats.events)?;
        counter(e, "journal_frames", "Journal frames written, each with one fsync", &apps, |app| app.stats.frames)?;
        seconds_counter(e, "journal_sync", "Time spent in fdatasync", &apps, |app| app.stats.sync_micros as f64 / 1e6)?;
        seconds_counter(e, "documents_write", "Time spent putting frames into the documents", &apps, |app| {
            app.stats.documents_micros as f64 / 1e6
        })?;
        bytes(e, "journal", "Journal on disk", &apps, |app| app.stats.journal_bytes)?;
        gauge(e, "journal_segments", "Segments of the journal", &apps, |app| app.stats.journal_segments)?;
        gauge(e, "events_log_start", "The offset of the oldest event that is kept", &apps, |app| app.stats.log_start)?;
        counter(e, "journal_trimmed_bytes", "Bytes of the journal that retention removed", &apps, |app| {
            app.stats.trimmed_bytes
        })?;
        counter(e, "tombstones_dropped", "Removed documents that were forgotten", &apps, |app| {
            app.stats.tombstones_dropped
        })?;
        counter(e, "requests_forgotten", "Named requests that were forgotten before their time", &apps, |app| {
            app.stats.requests_forgotten_early
        })?;
        gauge(e, "attachments", "Attachments that there are", &apps, |app| app.blobs.count)?;
        bytes(e, "attachments", "Attachments on disk", &apps, |app| app.blobs.bytes)?;
        gauge(e, "attachments_unheld", "Attachments that no document held when it was looked", &apps, |app| {
            app.blobs.unheld
        })?;
        counter(e, "attachments_collected", "Attachments removed since no document held them", &apps, |app| {
            app.blobs.collected
        })?;
        counter(e, "attachments_collected_bytes", "Bytes of those", &apps, |app| app.blobs.collected_bytes)?;
        gauge(e, "documents", "Documents of all collections", &apps, |app| app.stats.documents)?;
        gauge(e, "indexes_ready", "Indexes that queries use", &apps, |app| app.stats.indexes_ready)?;
        gauge(e, "indexes_building", "Indexes that are being built", &apps, |app| app.stats.indexes_building)?;
        gauge(e, "index_entries", "Entries of all indexes", &apps, |app| app.stats.index_entries)?;
        bytes(e, "documents", "Document engine on disk", &apps, |app| app.stats.documents_bytes)?;
        bytes(e, "disk_free", "Free space where the data directory is", &apps, |app| app.stats.disk_free_bytes)?;
        gauge(e, "newest_txn", "The newest transaction that reads see", &apps, |app| app.newest_txn)?;
        gauge(e, "events_high_watermark", "The offset after the last event", &apps, |app| app.high_watermark)?;
        gauge(e, "app_writable", "1 while writes are taken", &apps, |app| u64::from(app.writable))?;
        let help = "1 once an event could not be read because its journal is damaged";
        gauge(e, "journal_damage", help, &apps, |app| u64::from(app.damaged))?;
        commit_histogram(e, &apps)
    }
}

/// Reads what each app's live queries tell when somebody scrapes.
struct LiveQueryCollector(Arc<TopicRegistry>);

impl fmt::Debug for LiveQueryCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveQueryCollector")
    }
}

impl Collector for LiveQueryCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let apps = self.0.all_opened();
        let labels = |app: &AppTopics| [("app", app.app().name().as_str().to_owned())];
        let help = "Documents taken for matches of a live query since its filter was too expensive on them";
        let mut family = encoder.encode_descriptor("live_query_filters_given_up", help, None, MetricType::Counter)?;
        for app in &apps {
            ConstCounter::new(app.filters_given_up()).encode(family.encode_family(&labels(app))?)?;
        }
        let help = "Batches of live queries that were compressed for Kafka clients";
        let mut family = encoder.encode_descriptor("live_query_batches_compressed", help, None, MetricType::Counter)?;
        for app in &apps {
            ConstCounter::new(app.batches_compressed()).encode(family.encode_family(&labels(app))?)?;
        }
        let help = "Compressed batches of live queries that were served again, without compressing them";
        let mut family = encoder.encode_descriptor("live_query_batches_reused", help, None, MetricType::Counter)?;
        for app in &apps {
            ConstCounter::new(app.compressed_batches_reused()).encode(family.encode_family(&labels(app))?)?;
        }
        Ok(())
    }
}

impl AppNumbers {
    fn of(app: &Arc<store::App>) -> Self {
        Self {
            labels: [("app", app.name().as_str().to_owned())],
            stats: app.stats(),
            blobs: app.blobs().stats(),
            newest_txn: app.newest_txn().0,
            high_watermark: app.events().high_watermark(),
            writable: app.write_obstacle().is_none(),
            damaged: app.damage().is_some(),
        }
    }
}

type Reading<T> = fn(&AppNumbers) -> T;

fn counter(e: &mut DescriptorEncoder, name: &str, help: &str, apps: &[AppNumbers], read: Reading<u64>) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Counter)?;
    apps.iter().try_for_each(|app| ConstCounter::new(read(app)).encode(family.encode_family(&app.labels)?))
}

fn seconds_counter(
    e: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    apps: &[AppNumbers],
    read: Reading<f64>,
) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Counter)?;
    apps.iter().try_for_each(|app| ConstCounter::new(read(app)).encode(family.encode_family(&app.labels)?))
}

fn gauge(e: &mut DescriptorEncoder, name: &str, help: &str, apps: &[AppNumbers], read: Reading<u64>) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Gauge)?;
    apps.iter().try_for_each(|app| ConstGauge::new(read(app)).encode(family.encode_family(&app.labels)?))
}

fn count(e: &mut DescriptorEncoder, name: &str, help: &str, count: usize) -> fmt::Result {
    ConstGauge::new(count as u64).encode(e.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn damaged(e: &mut DescriptorEncoder, data_dir: &DataDir) -> fmt::Result {
    let help = "1 for an app that is known to be damaged: it cannot be opened";
    let mut family = e.encode_descriptor("app_damaged", help, None, MetricType::Gauge)?;
    let labels = |app: AppName| [("app", app.as_str().to_owned())];
    let mut damaged = data_dir.damaged_apps().into_iter();
    damaged.try_for_each(|(app, _)| ConstGauge::new(1_u64).encode(family.encode_family(&labels(app))?))
}

/// The machine's clock, as it is believed.
fn clock(e: &mut DescriptorEncoder, data_dir: &DataDir) -> fmt::Result {
    let state = data_dir.clock().state();
    let refusal = state.refusal();
    let ahead_ms = refusal.map_or(0, store::ClockRefusal::ahead_ms);
    let behind_ms = match state.standing {
        ClockStanding::Behind { behind_ms } => behind_ms,
        ClockStanding::Fine | ClockStanding::Refused(_) => 0,
    };
    let help = "1 while the machine's clock is not believed and no writes are taken";
    count(e, "clock_refused", help, usize::from(refusal.is_some()))?;
    let mut seconds = |name, help, ms: u64| {
        let family = e.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        ConstGauge::new(ms as f64 / 1e3).encode(family)
    };
    seconds("clock_ahead", "How far ahead a clock is that is refused", ahead_ms)?;
    seconds("clock_behind", "How far a clock that was set back is behind the latest time that was kept", behind_ms)?;
    let help = "Times that the clock was set back by more than a minute since the start";
    let family = e.encode_descriptor("clock_jumps_back", help, None, MetricType::Counter)?;
    ConstCounter::new(state.jumps_back).encode(family)
}

fn bytes(e: &mut DescriptorEncoder, name: &str, help: &str, apps: &[AppNumbers], read: Reading<u64>) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
    apps.iter().try_for_each(|app| ConstGauge::new(read(app)).encode(family.encode_family(&app.labels)?))
}

fn commit_histogram(e: &mut DescriptorEncoder, apps: &[AppNumbers]) -> fmt::Result {
    let help = "Time from a changeset's queueing until reads see it";
    let mut family = e.encode_descriptor("commit", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for app in apps {
        let histogram = &app.stats.commit_seconds;
        let buckets = each_alone(&histogram.buckets, histogram.count);
        let mut of_app = family.encode_family(&app.labels)?;
        of_app.encode_histogram::<NoLabelSet>(histogram.sum_seconds, histogram.count, &buckets, None)?;
    }
    Ok(())
}

/// Cumulative counts as the store gives them, to what each bucket alone holds, as the encoder takes
/// them, with the last one up to infinity.
fn each_alone(cumulative: &[(f64, u64)], count: u64) -> Vec<(f64, u64)> {
    let mut below = 0;
    let mut buckets: Vec<_> = cumulative
        .iter()
        .filter(|(bound, _)| bound.is_finite())
        .map(|&(bound, at_or_below)| (bound, at_or_below.saturating_sub(std::mem::replace(&mut below, at_or_below))))
        .collect();
    buckets.push((f64::INFINITY, count.saturating_sub(below)));
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cumulative_buckets_are_taken_apart() {
        let cumulative = [(0.001, 2), (0.01, 2), (0.1, 5), (f64::INFINITY, 6)];
        assert_eq!(each_alone(&cumulative, 6), [(0.001, 2), (0.01, 0), (0.1, 3), (f64::INFINITY, 1)]);
        assert_eq!(each_alone(&[], 0), [(f64::INFINITY, 0)]);
    }
}
