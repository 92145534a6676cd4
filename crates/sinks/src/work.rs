//! What a sink's task is given, whatever its target.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::watch;
use topics::AppTopics;

use crate::{
    definition::{Sink, Target},
    host::Host,
    status::Status,
    webhook::{Folders, Pace},
};

/// A sink that is to be delivered.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) topics: Arc<AppTopics>,
    pub(crate) sink: Sink,
    /// By name: those of the configuration, or `secret` and `secret.former` of a webhook.
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) status: Arc<Status>,
    pub(crate) host: Arc<Host>,
    /// Who calls webhooks, what is kept of them, and how fast they are called.
    pub(crate) outbound: Arc<outbound::Client>,
    pub(crate) folders: Arc<Folders>,
    pub(crate) pace: Pace,
    /// True once it has to end.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Delivers until it is told to end, or until somebody has to change something; then the status says
/// what.
pub(crate) async fn run(work: Work) {
    let app = work.topics.app().name().as_str().to_owned();
    let (sink, kind) = (work.sink.name.clone(), work.sink.target.kind());
    tracing::info!(app, sink, kind, "the sink begins");
    match &work.sink.target {
        #[cfg(feature = "kafka")]
        Target::Kafka { .. } => crate::kafka::run(work).await,
        #[cfg(not(feature = "kafka"))]
        Target::Kafka { .. } => work.status.failed(WITHOUT_KAFKA),
        Target::Webhook { .. } => crate::webhook::run(work).await,
    }
    tracing::info!(app, sink, "the sink has ended");
}

/// What a build without the feature says.
#[cfg(not(feature = "kafka"))]
pub(crate) const WITHOUT_KAFKA: &str = "this build has no sinks into a Kafka: build it with \
    `cargo build --release --features kafka` (needs a C compiler and OpenSSL's headers)";
