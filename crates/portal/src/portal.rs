//! What the portal is made of and how it is set up.

use std::{fmt, sync::Arc};

use axum::{Router, http::Method};
use credentials::Credentials;
use operations::{AuditLog, ConsumerGroups, Maintenance, Operations, PeerDirectory};
use sinks::Sinks;
use store::{DataDir, WallClock};
use tokio::sync::{Semaphore, watch};
use topics::TopicRegistry;

use crate::{
    ApiCalls, SignInTokens,
    attempts::Attempts,
    limits::{DOWNLOADS_MAX, KEPT_FORMS_AT_ONCE_MAX, STREAMS_MAX},
    options::PortalOptions,
    reading::{description::Description, sampler::Sampler, samples, timeline_file},
    routes::Routes,
    scan::Scans,
    session::Sessions,
    state::State,
};

/// Numbers over time, in the data directory.
const HISTORY_FILE: &str = "portal-history.bin";

/// Who is signed in, there too.
const SESSIONS_FILE: &str = "portal-sessions.json";

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
    /// What the server does beside its work.
    pub maintenance: Arc<Maintenance>,
    /// Where events are delivered to by the server.
    pub sinks: Arc<Sinks>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// Which small peers there are.
    pub peers: Arc<dyn PeerDirectory>,
    /// The one-time links that sign in.
    pub sign_in: Arc<SignInTokens>,
    /// For sessions, and the dates of what is made.
    pub clock: Arc<dyn WallClock>,
    /// Gives 256 random bits.
    pub random: fn() -> [u8; 32],
    /// The description of the HTTP API, as `/openapi.json` answers it.
    pub openapi: &'static str,
    /// Makes the calls that the pages of the API try.
    pub api: Arc<dyn ApiCalls>,
    /// True once the server stops: what runs on ends then.
    pub stopping: watch::Receiver<bool>,
}

/// The portal of one server.
pub struct Portal {
    router: Router,
    routes: Vec<(Method, &'static str)>,
}

impl Portal {
    /// Sets the portal up. To be called within a tokio runtime.
    pub fn new(options: PortalOptions, parts: PortalParts) -> Self {
        let cookie_label = cookie_label(&options.http_base);
        let operations = Operations {
            default_app: options.default_app.clone(),
            data_dir: parts.data_dir.clone(),
            topics: parts.topics.clone(),
            credentials: parts.credentials.clone(),
            groups: Some(parts.groups),
            peers: Some(parts.peers),
            audit: parts.audit,
            maintenance: parts.maintenance,
            sinks: parts.sinks,
            clock: parts.clock.clone(),
            kafka_endpoint: options.kafka_endpoint.clone(),
            open_doors: options.open_doors.clone(),
        };
        let sessions = parts.data_dir.path().join(SESSIONS_FILE);
        let sessions = Sessions::open(&sessions, parts.credentials.admin_key(), parts.clock.now_ms());
        let timelines = timeline_file::open(&parts.data_dir.path().join(HISTORY_FILE));
        let scans = Scans::new(options.search);
        let state = Arc::new(State {
            options,
            data_dir: parts.data_dir,
            topics: parts.topics,
            credentials: parts.credentials,
            operations: Arc::new(operations),
            sign_in: parts.sign_in,
            clock: parts.clock,
            random: parts.random,
            description: Description::read(parts.openapi),
            api: parts.api,
            stopping: parts.stopping,
            sessions: Arc::new(sessions),
            kept_forms: Arc::new(Semaphore::new(KEPT_FORMS_AT_ONCE_MAX)),
            attempts: Attempts::default(),
            samples: Arc::default(),
            scans,
            timelines: Arc::new(timelines),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            downloads: Arc::new(Semaphore::new(DOWNLOADS_MAX)),
            cookie_label,
        });
        let stopping = || state.stopping.clone();
        let sampler = Sampler {
            operations: Arc::downgrade(&state.operations),
            samples: Arc::downgrade(&state.samples),
            timelines: state.timelines.clone(),
            file: state.data_dir.path().join(HISTORY_FILE),
        };
        tokio::spawn(sampler.run(stopping()));
        tokio::spawn(samples::run(Arc::downgrade(&state.samples), Arc::downgrade(&state.topics), stopping()));
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

/// The port, or whatever is alphanumeric.
fn cookie_label(http_base: &str) -> String {
    let last = http_base.rsplit(':').next().unwrap_or_default();
    last.chars().filter(char::is_ascii_alphanumeric).collect()
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portal").field("routes", &self.routes.len()).finish_non_exhaustive()
    }
}
