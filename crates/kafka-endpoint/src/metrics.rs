//! Numbers for `/metrics`.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::refusal::Reason;

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
    fetches_waiting: Gauge,
    refusals: Family<ReasonLabel, Counter>,
    requests: Family<ApiLabel, Counter>,
}

impl Metrics {
    /// Registers everything under `headwater_kafka_…`.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("headwater_kafka");
        registry.register("connections", "Connections to the Kafka endpoint now", metrics.connections.clone());
        let waiting = metrics.fetches_waiting.clone();
        registry.register("fetches_waiting", "Fetch requests that wait for events now", waiting);
        registry.register("groups", "Consumer groups in memory now", metrics.groups.clone());
        registry.register(
            "refusals",
            "Connections refused or ended by the server, by reason",
            metrics.refusals.clone(),
        );
        registry.register("requests", "Requests by Kafka API", metrics.requests.clone());
        registry.register_with_unit("sent", "Bytes of responses written", Unit::Bytes, metrics.sent_bytes.clone());
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
