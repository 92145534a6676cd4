//! What the portal is made of and how it is set up.

use std::{fmt, path::PathBuf, sync::Arc};

use axum::{Router, http::Method};
use credentials::Credentials;
use store::{AppName, DataDir, WallClock};
use tokio::sync::{Semaphore, watch};
use topics::TopicRegistry;

use crate::{
    ConsumerGroups, SignInTokens,
    attempts::Attempts,
    limits::STREAMS_MAX,
    page::api_docs::Description,
    reading::{
        lag_history::{self, LagHistory},
        samples::{self, Samples},
    },
    routes::Routes,
    scan::Scans,
    session::{Random, Sessions},
};

/// How the portal is run.
#[derive(Debug, Clone)]
pub struct PortalOptions {
    /// The app that is shown first.
    pub default_app: AppName,
    /// What Kafka clients connect to.
    pub kafka_endpoint: String,
    /// Base of the HTTP API on this machine, as `http://127.0.0.1:8080`.
    pub http_base: String,
    /// Retention's limits, as [`store::StoreOptions`] has them.
    pub retention_bytes: Option<u64>,
    /// See [`PortalOptions::retention_bytes`].
    pub retention_ms: Option<u64>,
    /// The server's version.
    pub version: String,
}

/// What the portal stands on.
#[derive(Debug, Clone)]
pub struct PortalParts {
    /// Apps and their documents.
    pub data_dir: Arc<DataDir>,
    /// Their topics.
    pub topics: Arc<TopicRegistry>,
    /// Keys and certificates.
    pub credentials: Arc<Credentials>,
    /// Who is in which consumer group.
    pub groups: Arc<dyn ConsumerGroups>,
    /// The one-time links that sign in.
    pub sign_in: Arc<SignInTokens>,
    /// For sessions, and the dates of what is made.
    pub clock: Arc<dyn WallClock>,
    /// Gives 256 random bits.
    pub random: fn() -> [u8; 32],
    /// The description of the HTTP API, as `/openapi.json` answers it.
    pub openapi: &'static str,
    /// True once the server stops: what runs on ends then.
    pub stopping: watch::Receiver<bool>,
}

/// The portal of one server.
pub struct Portal {
    router: Router,
    routes: Vec<(Method, &'static str)>,
}

/// What every request can reach.
pub(crate) type Shared = Arc<State>;

pub(crate) struct State {
    pub(crate) options: PortalOptions,
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) groups: Arc<dyn ConsumerGroups>,
    pub(crate) sign_in: Arc<SignInTokens>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) random: Random,
    pub(crate) description: Description,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
    pub(crate) scans: Scans,
    pub(crate) lag: LagHistory,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) samples: Samples,
    /// Tells this server's cookies from those of another on the same host.
    pub(crate) cookie_label: String,
}

impl Portal {
    /// Sets the portal up. To be called within a tokio runtime.
    pub fn new(options: PortalOptions, parts: PortalParts) -> Self {
        let cookie_label = cookie_label(&options.http_base);
        let state = Arc::new(State {
            options,
            data_dir: parts.data_dir,
            topics: parts.topics,
            credentials: parts.credentials,
            groups: parts.groups,
            sign_in: parts.sign_in,
            clock: parts.clock,
            random: parts.random,
            description: Description::read(parts.openapi),
            stopping: parts.stopping,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            samples: Samples::default(),
            scans: Scans::default(),
            lag: LagHistory::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            cookie_label,
        });
        tokio::spawn(lag_history::run(Arc::downgrade(&state), state.stopping.clone()));
        tokio::spawn(samples::run(Arc::downgrade(&state)));
        let routes = Routes::all();
        Self { routes: routes.listed(), router: routes.into_router(state) }
    }

    /// The pages, ready to be served below `/portal` and at `/`. It has no fallback: other paths
    /// are others'.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Method and path of every route, for whoever walks over all of them.
    pub fn routes(&self) -> &[(Method, &'static str)] {
        &self.routes
    }
}

impl State {
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Whether there is such an app, open or not.
    pub(crate) fn has_app(&self, name: &str) -> bool {
        self.data_dir.has_app(name)
    }

    /// Every app's name, sorted.
    pub(crate) fn app_names(&self) -> Vec<String> {
        self.data_dir.app_names().iter().map(|app| app.as_str().to_owned()).collect()
    }

    /// Where an app's certificates and settings are; a further user's below it.
    pub(crate) fn credentials_directory(&self, app: &str, user: Option<&str>) -> PathBuf {
        let directory = self.data_dir.path().join("credentials").join(app);
        match user {
            Some(user) => directory.join("users").join(user),
            None => directory,
        }
    }
}

/// The port, or whatever is alphanumeric.
fn cookie_label(http_base: &str) -> String {
    let last = http_base.rsplit(':').next().unwrap_or_default();
    last.chars().filter(char::is_ascii_alphanumeric).collect()
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("options", &self.options).finish_non_exhaustive()
    }
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}
