//! The listener: takes connections, bounds them, and ends them all when the server stops, but for those that were
//! handed over as HTTP.
//!
//! Not here: what happens inside one connection (`connection`), certificates themselves (`credentials`).

use std::{future::Future, io, sync::Arc, time::Duration};

use credentials::{Credentials, CredentialsError};
use prometheus_client::registry::Registry;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use topics::TopicRegistry;

use crate::{
    admission::{Admission, ConnectionLimits},
    connection,
    coordinator::Coordinator,
    directory::GroupDirectory,
    fetch_session::FetchSessionRoom,
    group_timer, limits,
    metrics::Metrics,
    offsets_expiry,
    options::EndpointOptions,
    refusal::RefusalLog,
    session::Server,
    shared::{HttpPassage, Shared},
    shutdown::Shutdown,
};

/// How often the server certificate is looked at, so that a long-running server renews it in time.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(12 * 60 * 60);

/// How long to let go of accepting when the system has no more files or memory for it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The Kafka endpoint: a consume-only broker behind mutual TLS. Clients that want HTTP are handed
/// over ([`EndpointOptions::http`]).
#[derive(Debug)]
pub struct KafkaEndpoint;

impl KafkaEndpoint {
    /// Serves `topics` to clients with a user certificate of `credentials`.
    ///
    /// `listener` is bound already, so any port (0 too) can be used; what clients are told is in `options`. Metrics
    /// are registered under `headwater_kafka_…`. The future ends once `shutdown` is true and every connection has
    /// been closed: consumers that wait are answered first, and each connection ends after the response in flight,
    /// within [`limits::DRAIN_TIMEOUT`]. Beside it: who is in which consumer group, for whoever shows it.
    ///
    /// Fails only if the server certificate cannot be made.
    pub fn serve(
        listener: TcpListener,
        options: EndpointOptions,
        topics: Arc<TopicRegistry>,
        credentials: Arc<Credentials>,
        metrics: &mut Registry,
        shutdown: watch::Receiver<bool>,
    ) -> Result<(impl Future<Output = ()> + Send + use<>, GroupDirectory), CredentialsError> {
        let shutdown = Shutdown::new(shutdown);
        let names = options.all_certificate_names();
        credentials.kafka_tls(&names, options.clock.now_ms())?;
        let http = options.http.map(|queue| HttpPassage { tls: credentials.kafka_port_https_tls(), queue });
        let admission = Admission::new(ConnectionLimits::of_user(options.connections_per_user_max));
        let metrics = Metrics::register(metrics, &topics, &admission);
        let server = Arc::new(Server {
            advertised_host: options.advertised_host.into(),
            advertised_port: options.advertised_port,
            topic_settings: options.topic_settings,
            random: options.random,
            clock: options.clock,
            groups_per_app_max: options.groups_per_app_max,
            coordinator: Coordinator::new(options.group_initial_rebalance_delay, metrics.groups.clone()),
            fetch_sessions: FetchSessionRoom::default(),
            refusals: RefusalLog::new(metrics.clone()),
            metrics,
            shutdown: shutdown.clone(),
        });
        let shared = Arc::new(Shared {
            server,
            topics,
            credentials,
            handshakes: Arc::default(),
            admission,
            anteroom: Admission::new(ConnectionLimits::of_refused()),
            http,
        });
        let directory = GroupDirectory::new(shared.server.coordinator.clone());
        let served = async move {
            let coordinator = shared.server.coordinator.clone();
            let clock = shared.server.clock.clone();
            let timer = tokio::spawn(group_timer::run(coordinator, shared.topics.clone(), clock, shutdown.clone()));
            let (server, topics) = (shared.server.clone(), shared.topics.clone());
            let expiry = tokio::spawn(offsets_expiry::run(server, topics, options.offsets_retention, shutdown.clone()));
            let renewal = tokio::spawn(renew_certificate(shared.clone()));
            run(listener, shared, shutdown).await;
            renewal.abort();
            let _ = timer.await;
            let _ = expiry.await;
        };
        Ok((served, directory))
    }
}

async fn run(listener: TcpListener, shared: Arc<Shared>, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => drop(connections.spawn(serve(shared.clone(), socket, peer))),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "the kafka endpoint cannot accept connections at the moment");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shutdown.begun() => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits::DRAIN_TIMEOUT, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "kafka connections did not end in time and are cut");
        connections.shutdown().await;
    }
}

async fn serve(shared: Arc<Shared>, socket: TcpStream, peer: std::net::SocketAddr) {
    shared.server.metrics.connections.inc();
    connection::serve(&shared, socket, peer).await;
    shared.server.metrics.connections.dec();
}

/// Whether accepting failed because of the connection that came, not because of us.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Configurations made before use the new certificate from their next handshake on.
async fn renew_certificate(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(CERTIFICATE_CHECK).await;
        let shared = shared.clone();
        let renewed = tokio::task::spawn_blocking(move || {
            shared.credentials.renew_server_certificate(shared.server.clock.now_ms())
        });
        match renewed.await {
            Ok(Ok(true)) => tracing::info!("the server certificate was renewed"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the server certificate cannot be renewed; the old one stays in use")
            }
            Err(error) => tracing::error!(%error, "looking after the server certificate failed"),
        }
    }
}
