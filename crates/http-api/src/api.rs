//! What the HTTP API is made of and how it is set up.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use credentials::Credentials;
use prometheus_client::registry::Registry;
use store::{App, AppName, AppUnavailable, DataDir, WallClock};
use tokio::sync::Semaphore;
use topics::TopicRegistry;
use wire::admin::SignInLinkReply;

use crate::{
    guests::Guests, limits, metrics::Metrics, resource::openapi::OPENAPI, routes::Routes, visit, work::ReplyMemory,
};

/// How the API is run. [`HttpApiOptions::new`] gives the defaults of [`limits`].
#[derive(Debug, Clone)]
pub struct HttpApiOptions {
    /// The app that `/api/v4/…` is for.
    pub default_app: AppName,
    /// Open without keys on any address (`--insecure-open`), not only on loopback ones. Keys are
    /// needed all the same once one exists.
    pub insecure_open: bool,
    /// Names that the server is reached by, besides loopback names and the address a connection
    /// came in on: for the `Host` rule.
    pub host_names: Vec<String>,
    /// What Kafka clients connect to; shown with apps and written into their files.
    pub kafka_endpoint: String,
    /// See [`limits::REQUEST_BYTES_MAX`].
    pub request_bytes_max: usize,
    /// See [`limits::REQUEST_TIMEOUT`].
    pub request_timeout: Duration,
    /// See [`limits::BODY_TIMEOUT`].
    pub body_timeout: Duration,
    /// See [`limits::HEADER_TIMEOUT`].
    pub header_timeout: Duration,
    /// See [`limits::SCAN_TIMEOUT`].
    pub scan_timeout: Duration,
    /// See [`limits::SHUTDOWN_TIMEOUT`].
    pub shutdown_timeout: Duration,
    /// See [`limits::CONNECTIONS_MAX`].
    pub connections_max: usize,
}

impl HttpApiOptions {
    /// The defaults.
    pub fn new(default_app: AppName, kafka_endpoint: String) -> Self {
        Self {
            default_app,
            insecure_open: false,
            host_names: Vec::new(),
            kafka_endpoint,
            request_bytes_max: limits::REQUEST_BYTES_MAX,
            request_timeout: limits::REQUEST_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            header_timeout: limits::HEADER_TIMEOUT,
            scan_timeout: limits::SCAN_TIMEOUT,
            shutdown_timeout: limits::SHUTDOWN_TIMEOUT,
            connections_max: limits::CONNECTIONS_MAX,
        }
    }
}

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
    /// Who is in which consumer group; `None` where there is no Kafka endpoint.
    pub groups: Option<Arc<dyn ConsumerGroups>>,
}

/// Makes one-time links by which the holder of the admin key opens the portal in a browser.
pub trait SignInLinks: Send + Sync + fmt::Debug {
    /// A fresh link.
    fn make(&self) -> SignInLinkReply;
}

/// Who is in which consumer group. What groups have committed is the store's.
pub trait ConsumerGroups: Send + Sync + fmt::Debug {
    /// The app's groups that have members, or had some lately, sorted by name.
    fn of_app(&self, app: &str) -> Vec<PresentGroup>;
}

/// A consumer group that has members, or had some lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentGroup {
    /// Its name.
    pub name: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// Its members, by id.
    pub members: Vec<PresentMember>,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentMember {
    /// Its id.
    pub id: String,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka shows it: `/192.0.2.7`.
    pub host: String,
}

/// The HTTP API of one server. Cheap to clone; every clone is the same API with the same bounds.
#[derive(Debug, Clone)]
pub struct HttpApi {
    pub(crate) state: Shared,
    pub(crate) router: axum::Router,
    /// The routes of [`HttpApi::for_applications`].
    applications: axum::Router,
}

/// What every request can reach.
pub(crate) type Shared = Arc<State>;

pub(crate) struct State {
    pub(crate) options: HttpApiOptions,
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) sign_in_links: Option<Arc<dyn SignInLinks>>,
    pub(crate) groups: Option<Arc<dyn ConsumerGroups>>,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    pub(crate) guests: Arc<Guests>,
    pub(crate) bodies_kib: Arc<Semaphore>,
    pub(crate) replies: ReplyMemory,
    pub(crate) scans_admitted: Arc<Semaphore>,
    pub(crate) scans: Arc<Semaphore>,
    pub(crate) heavy_writes: Arc<Semaphore>,
    pub(crate) plans_kib: Arc<Semaphore>,
    pub(crate) point_reads: Arc<Semaphore>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("options", &self.options).finish_non_exhaustive()
    }
}

impl HttpApi {
    /// Sets the API up. `registry` is what `/metrics` shows: hand it over with everything else of
    /// the server registered; the API adds its own numbers and each app's [`store::AppStats`].
    pub fn new(options: HttpApiOptions, parts: HttpApiParts, mut registry: Registry) -> Self {
        let metrics = Metrics::register(&mut registry, &parts.data_dir, &parts.topics);
        let guests = Arc::new(Guests::new(options.connections_max, metrics.closed_for_room.clone()));
        let state = Arc::new(State {
            data_dir: parts.data_dir,
            topics: parts.topics,
            credentials: parts.credentials,
            clock: parts.clock,
            sign_in_links: parts.sign_in_links,
            groups: parts.groups,
            metrics,
            registry,
            guests: guests.clone(),
            bodies_kib: Arc::new(Semaphore::new(limits::BODIES_KIB_MAX)),
            replies: ReplyMemory::new(guests),
            scans_admitted: Arc::new(Semaphore::new(limits::SCANS_ADMITTED_MAX)),
            heavy_writes: Arc::new(Semaphore::new(limits::HEAVY_WRITES_MAX)),
            plans_kib: Arc::new(Semaphore::new(limits::PLANS_KIB_MAX)),
            scans: Arc::new(Semaphore::new(limits::SCANS_MAX)),
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

impl State {
    /// Once a key was made every request needs one, on loopback too, also when all are revoked.
    pub(crate) fn keys_exist(&self) -> bool {
        self.credentials.is_closed()
    }

    /// Where an app's certificates and settings are.
    pub(crate) fn credentials_directory(&self, app: &str) -> PathBuf {
        self.data_dir.path().join("credentials").join(app)
    }

    /// The app, which is opened if need be.
    pub(crate) async fn app(&self, name: &str) -> Result<Arc<App>, AppUnavailable> {
        Ok(self.topics.app(name).await?.app().clone())
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
        let mut options = HttpApiOptions::new(AppName::new("default").unwrap(), "localhost:9093".to_owned());
        change(&mut options);
        let topics = TopicRegistry::new(data_dir.clone());
        let (pages, sign_in_links, groups) = (axum::Router::new(), None, None);
        let parts = HttpApiParts { data_dir, topics, credentials, clock, pages, sign_in_links, groups };
        Self::new(options, parts, Registry::default())
    }
}
