//! What the HTTP API is made of and how it is set up.

use std::sync::Arc;

use credentials::Credentials;
use executor::Statements;
use operations::{AuditLog, ConsumerGroups, Maintenance, Operations, PeerDirectory};
use permissions::KnownRights;
use prometheus_client::registry::Registry;
use sinks::Sinks;
use store::{DataDir, WallClock};
use tokio::sync::Semaphore;
use topics::TopicRegistry;

use crate::{
    guests::Guests,
    limits,
    logins::Logins,
    metrics::{Metrics, backups, certificates, sinks as sink_metrics},
    options::HttpApiOptions,
    peers::PeerSessions,
    resource::openapi::OPENAPI,
    routes::Routes,
    sign_in_links::SignInLinks,
    state::{Shared, State},
    visit,
    work::ReplyMemory,
};

/// What the API stands on.
#[derive(Debug, Clone)]
pub struct HttpApiParts {
    /// Apps and their documents.
    pub data_dir: Arc<DataDir>,
    /// Their topics.
    pub topics: Arc<TopicRegistry>,
    /// Keys and certificates.
    pub credentials: Arc<Credentials>,
    /// For generated ids and the dates of keys and certificates.
    pub clock: Arc<dyn WallClock>,
    /// Pages for people, served on the same listeners: they look after access, errors and headers
    /// themselves. `Router::new()` where there are none.
    pub pages: axum::Router,
    /// Who makes one-time links to those pages; `None` where there are none.
    pub sign_in_links: Option<Arc<dyn SignInLinks>>,
    /// Who takes the connections of small peers over; `None` where nobody does.
    pub peers: Option<Arc<dyn PeerSessions>>,
    /// Which small peers there are; `None` where nobody takes them over.
    pub peer_directory: Option<Arc<dyn PeerDirectory>>,
    /// What the server does beside its work.
    pub maintenance: Arc<Maintenance>,
    /// Where events are delivered to by the server.
    pub sinks: Arc<Sinks>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// Who is in which consumer group; `None` where there is no Kafka endpoint.
    pub groups: Option<Arc<dyn ConsumerGroups>>,
}

/// The HTTP API of one server. Cheap to clone; every clone is the same API with the same bounds.
#[derive(Debug, Clone)]
pub struct HttpApi {
    pub(crate) state: Shared,
    pub(crate) router: axum::Router,
    /// The routes of [`HttpApi::for_applications`].
    applications: axum::Router,
}

impl HttpApi {
    /// Sets the API up. `registry` is what `/metrics` shows: hand it over with everything else of
    /// the server registered; the API adds its own numbers and each app's [`store::AppStats`].
    pub fn new(options: HttpApiOptions, parts: HttpApiParts, mut registry: Registry) -> Self {
        let metrics = Metrics::register(&mut registry, &parts.data_dir, &parts.topics);
        let guests = Arc::new(Guests::new(options.connections_max, metrics.closed_for_room.clone()));
        let operations = Arc::new(Operations {
            default_app: options.default_app.clone(),
            data_dir: parts.data_dir.clone(),
            topics: parts.topics.clone(),
            credentials: parts.credentials.clone(),
            groups: parts.groups,
            peers: parts.peer_directory,
            audit: parts.audit,
            maintenance: parts.maintenance,
            sinks: parts.sinks,
            clock: parts.clock.clone(),
            kafka_endpoint: options.kafka_endpoint.clone(),
            open_doors: options.open_doors.clone(),
        });
        certificates::register(&mut registry, &operations);
        backups::register(&mut registry, &operations);
        sink_metrics::register(&mut registry, &operations);
        let logins = Logins::register(&mut registry, &parts.credentials, &parts.data_dir);
        let state = Arc::new(State {
            data_dir: parts.data_dir,
            topics: parts.topics,
            credentials: parts.credentials,
            rights: KnownRights::default(),
            clock: parts.clock,
            sign_in_links: parts.sign_in_links,
            peers: parts.peers,
            operations,
            statements: Statements::default(),
            active_statements: Arc::default(),
            metrics,
            registry,
            guests: guests.clone(),
            bodies_kib: Arc::new(Semaphore::new(limits::BODIES_KIB_MAX)),
            replies: ReplyMemory::new(guests),
            scans_admitted: Arc::new(Semaphore::new(limits::SCANS_ADMITTED_MAX)),
            heavy_writes: Arc::new(Semaphore::new(limits::HEAVY_WRITES_MAX)),
            plans_kib: Arc::new(Semaphore::new(limits::PLANS_KIB_MAX)),
            scans: Arc::new(Semaphore::new(limits::SCANS_MAX)),
            logins,
            point_reads: Arc::new(Semaphore::new(limits::POINT_READS_MAX)),
            options,
        });
        let router = Routes::all(&state).into_router().merge(visit::introduced(parts.pages));
        let applications = Routes::for_applications(&state).into_router();
        Self { state, router, applications }
    }

    /// The same API, with the same bounds, for listeners where nobody administers: documents,
    /// health and the description, but no `/admin`, no `/metrics` and no pages.
    pub fn for_applications(&self) -> Self {
        Self { router: self.applications.clone(), ..self.clone() }
    }

    /// What `GET /openapi.json` answers: the description of this API.
    pub fn description() -> &'static str {
        OPENAPI
    }

    /// Whether the API is open, without any key, to requests that arrive on a listener at this
    /// address. It is on a loopback address or with `insecure_open`, as long as no key was made
    /// since it was last opened again (docs/reference/access.md). Whoever starts the server says so
    /// loudly.
    pub fn is_open(&self, address: std::net::SocketAddr) -> bool {
        (self.state.options.insecure_open || address.ip().is_loopback()) && !self.state.keys_exist()
    }
}

#[cfg(test)]
impl HttpApi {
    /// An API over an empty data directory.
    pub(crate) fn for_tests(directory: &std::path::Path) -> Self {
        Self::for_tests_with(directory, |_| {})
    }

    /// As [`HttpApi::for_tests`], with other options.
    pub(crate) fn for_tests_with(directory: &std::path::Path, change: impl FnOnce(&mut HttpApiOptions)) -> Self {
        #[derive(Debug)]
        struct Stopped;
        impl WallClock for Stopped {
            fn now_ms(&self) -> u64 {
                1
            }
        }
        let clock = Arc::new(Stopped);
        let data_dir = DataDir::open(directory, store::StoreOptions::default(), clock.clone(), rand::random).unwrap();
        let credentials = Credentials::open(directory, 1).unwrap();
        let mut options = HttpApiOptions::new(store::AppName::new("default").unwrap(), "localhost:9093".to_owned());
        change(&mut options);
        let topics = TopicRegistry::new(data_dir.clone());
        let maintenance = Maintenance::new(data_dir.clone(), topics.clone());
        let sinks = Sinks::open(topics.clone(), sinks::Host::of(&data_dir)).unwrap();
        let parts = HttpApiParts {
            maintenance,
            sinks,
            data_dir,
            topics,
            credentials,
            clock,
            pages: axum::Router::new(),
            sign_in_links: None,
            peers: None,
            peer_directory: None,
            audit: Arc::new(AuditLog::none()),
            groups: None,
        };
        Self::new(options, parts, Registry::default())
    }
}
