//! How the edges are called: the one place that knows the interfaces of `http-api`, `kafka-endpoint`
//! and `sync-endpoint`. The portal is `pages`.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use credentials::Credentials;
use http_api::{HttpApi, HttpApiOptions, HttpApiParts, PeerSessions, SignInLinks};
use kafka_endpoint::{EndpointOptions, KafkaEndpoint, TopicSettings};
use operations::{AuditLog, ConsumerGroups, Maintenance, PeerDirectory};
use prometheus_client::registry::Registry;
use sinks::Sinks;
use store::DataDir;
use sync_endpoint::SyncEndpoint;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use topics::TopicRegistry;

use super::{
    address::Listening,
    pages,
    pages::{Groups, Links, OwnApi},
    peers::{Directory, Peers},
};
use crate::config::ServerSettings;

/// Connections of the Kafka endpoint's port that wait for HTTP to take them over. Further ones wait
/// inside their handshake, which has bounds.
const HANDED_OVER_MAX: usize = 16;

/// What is remembered of small peers, in the data directory.
const PEERS_FILE: &str = "peers.json";

/// What the edges stand on.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a ServerSettings,
    pub(super) listening: &'a Listening,
    pub(super) data: &'a Arc<DataDir>,
    pub(super) topics: &'a Arc<TopicRegistry>,
    pub(super) credentials: &'a Arc<Credentials>,
    pub(super) links: &'a Links,
    pub(super) audit: &'a Arc<AuditLog>,
    pub(super) maintenance: &'a Arc<Maintenance>,
    pub(super) sinks: &'a Arc<Sinks>,
    pub(super) more_pages: axum::Router,
}

/// The bound sockets.
pub(super) struct Sockets {
    pub(super) http: TcpListener,
    pub(super) https: Option<(TcpListener, Arc<rustls::ServerConfig>)>,
    pub(super) kafka: TcpListener,
}

/// Serves on every socket until `stopping` is true: one task for each.
pub(super) fn serve(
    parts: &Parts<'_>,
    sockets: Sockets,
    stopping: &watch::Receiver<bool>,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let mut tasks = JoinSet::new();
    // The HTTP API takes the registry with everything in it, so it comes last.
    let mut registry = Registry::default();
    let kafka_address = sockets.kafka.local_addr().context("the Kafka endpoint has no address")?;
    let (hand_over, handed_over) = mpsc::channel(HANDED_OVER_MAX);
    let (endpoint, groups) = KafkaEndpoint::serve(
        sockets.kafka,
        EndpointOptions { http: Some(hand_over), ..endpoint_options(parts) },
        parts.topics.clone(),
        parts.credentials.clone(),
        &mut registry,
        stopping.clone(),
    )?;
    tasks.spawn(async move {
        endpoint.await;
        Ok(())
    });
    let clock = parts.data.clock().clone();
    let (topics, credentials) = (parts.topics.clone(), parts.credentials.clone());
    let peers = SyncEndpoint::new(topics, credentials, clock, &mut registry, stopping.clone());
    peers.remember_in(&parts.data.path().join(PEERS_FILE));
    let kept = peers.clone();
    tasks.spawn(async move {
        kept.keep_peers().await;
        Ok(())
    });
    let groups: Arc<dyn ConsumerGroups> = Arc::new(Groups(groups));
    let directory: Arc<dyn PeerDirectory> = Arc::new(Directory(peers.clone()));
    let own_api = Arc::new(OwnApi::default());
    let pages = pages::router(parts, groups.clone(), directory.clone(), own_api.clone(), stopping);
    let pages = pages.merge(parts.more_pages.clone());
    let api = Arc::new(http_api(parts, pages, groups, (Peers(peers), directory), registry));
    own_api.set(&api);
    if let Some((listener, tls)) = sockets.https {
        tasks.spawn(serve_http(api.clone(), listener, Some(tls), stopping.clone()));
    }
    let on_kafka_port = api.for_applications();
    let stop = stop(stopping.clone());
    tasks.spawn(async move {
        on_kafka_port.serve_handed_over(handed_over, kafka_address, stop).await;
        Ok(())
    });
    tasks.spawn(serve_http(api, sockets.http, None, stopping.clone()));
    Ok(tasks)
}

async fn serve_http(
    api: Arc<HttpApi>,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    api.serve(listener, tls, stop(stopping)).await.context("the HTTP API cannot be served")
}

async fn stop(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await; // the sender goes away only with the server
}

fn http_api(
    parts: &Parts<'_>,
    pages: axum::Router,
    groups: Arc<dyn ConsumerGroups>,
    (peers, directory): (Peers, Arc<dyn PeerDirectory>),
    registry: Registry,
) -> HttpApi {
    let &Parts { settings, listening, data, topics, credentials, links, .. } = parts;
    let options = HttpApiOptions {
        insecure_open: settings.insecure_open,
        open_doors: listening.open_doors(settings.insecure_open),
        host_names: listening.names.clone(),
        request_bytes_max: usize::try_from(settings.request_bytes_max).unwrap_or(usize::MAX),
        attachment_bytes_max: settings.attachment_bytes_max,
        attachment_grace: settings.attachment_grace,
        request_timeout: Duration::from_millis(settings.request_timeout_ms),
        ..HttpApiOptions::new(settings.app.clone(), listening.endpoint())
    };
    let clock = data.clock().clone();
    let (data_dir, topics, credentials) = (data.clone(), topics.clone(), credentials.clone());
    let sign_in_links = Some(Arc::new(links.clone()) as Arc<dyn SignInLinks>);
    let (groups, peers): (_, Arc<dyn PeerSessions>) = (Some(groups), Arc::new(peers));
    let (peers, peer_directory) = (Some(peers), Some(directory));
    let (audit, maintenance, sinks) = (parts.audit.clone(), parts.maintenance.clone(), parts.sinks.clone());
    let parts = HttpApiParts {
        data_dir,
        topics,
        credentials,
        clock,
        pages,
        sign_in_links,
        peers,
        peer_directory,
        audit,
        maintenance,
        sinks,
        groups,
    };
    HttpApi::new(options, parts, registry)
}

fn endpoint_options(parts: &Parts<'_>) -> EndpointOptions {
    let &Parts { settings, listening, data, .. } = parts;
    EndpointOptions {
        certificate_names: listening.names.clone(),
        topic_settings: TopicSettings {
            segment_bytes: settings.segment_bytes,
            retention_bytes: settings.retention_bytes,
            retention_ms: settings.retention_ms,
            event_bytes_max: settings.event_bytes_max.into(),
        },
        connections_per_user_max: settings.connections_per_user_max,
        offsets_retention: settings.offsets_retention,
        groups_per_app_max: settings.groups_per_app_max,
        ..EndpointOptions::new(
            listening.kafka_host.clone(),
            listening.kafka_port,
            data.clock().clone(),
            rand::random::<[u8; 16]>,
        )
    }
}
