//! What `/metrics` tells of sessions.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The numbers of the sync endpoint.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) sessions: Gauge<i64, AtomicI64>,
    pub(crate) taken: Counter,
    pub(crate) repeated: Counter,
    pub(crate) refused: Counter,
    pub(crate) unanswered: Counter,
    pub(crate) changes: Counter,
    pub(crate) deltas: Counter,
    pub(crate) looks: Counter,
    pub(crate) snapshot_documents: Counter,
    pub(crate) resyncs: Counter,
    pub(crate) put_off: Counter,
    pub(crate) not_admitted: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let pushes = Family::<Result, Counter>::default();
        let of = |result| pushes.get_or_create_owned(&Result { result });
        let metrics = Self {
            taken: of("taken"),
            repeated: of("repeated"),
            refused: of("refused"),
            unanswered: of("unanswered"),
            ..Self::default()
        };
        let sync = registry.sub_registry_with_prefix("headwater_sync");
        sync.register("sessions", "Peers that are connected and welcomed", metrics.sessions.clone());
        sync.register("pushes", "Transactions that peers pushed, by what became of them", pushes);
        sync.register("changes", "Changed documents that were sent to peers", metrics.changes.clone());
        let help = "Changed documents of which peers were sent only what was written";
        sync.register("deltas", help, metrics.deltas.clone());
        let help = "Times that it was looked what of the changes a session is to be told";
        sync.register("looks", help, metrics.looks.clone());
        let help = "Documents that were sent to peers in snapshots of their subscriptions";
        sync.register("snapshot_documents", help, metrics.snapshot_documents.clone());
        let help = "Times that a peer was told to begin again, in a session";
        sync.register("resyncs", help, metrics.resyncs.clone());
        let help = "Peers that were told to come back later, because so many came at once";
        sync.register("put_off", help, metrics.put_off.clone());
        let help = "Peers that were not let in: their key, their app, their site, or no room";
        sync.register("not_admitted", help, metrics.not_admitted.clone());
        metrics
    }
}
