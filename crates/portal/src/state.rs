//! What every request can reach: what the portal stands on, and what it keeps.
//!
//! Not here: setting it up (`portal`).

use std::{fmt, sync::Arc};

use credentials::Credentials;
use operations::Operations;
use store::{DataDir, WallClock};
use tokio::sync::{Semaphore, watch};
use topics::TopicRegistry;

use crate::{
    ApiCalls, SignInTokens,
    attempts::Attempts,
    options::PortalOptions,
    reading::{description::Description, samples::Samples, timeline::Timelines},
    scan::Scans,
    secret::Random,
    session::Sessions,
};

/// What every request can reach.
pub(crate) type Shared = Arc<State>;

pub(crate) struct State {
    pub(crate) options: PortalOptions,
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) operations: Arc<Operations>,
    pub(crate) sign_in: Arc<SignInTokens>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) random: Random,
    pub(crate) description: Description,
    pub(crate) api: Arc<dyn ApiCalls>,
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) sessions: Arc<Sessions>,
    /// Forms of people who have to sign in first, while they are read.
    pub(crate) kept_forms: Arc<Semaphore>,
    pub(crate) attempts: Attempts,
    pub(crate) scans: Scans,
    pub(crate) timelines: Arc<Timelines>,
    pub(crate) streams: Arc<Semaphore>,
    /// Attachments that are being downloaded.
    pub(crate) downloads: Arc<Semaphore>,
    pub(crate) samples: Arc<Samples>,
    /// Tells this server's cookies from those of another on the same host.
    pub(crate) cookie_label: String,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("options", &self.options).finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Makes what was done to sessions last.
    pub(crate) async fn save_sessions(&self) {
        let sessions = self.sessions.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || sessions.save()).await {
            tracing::error!(%error, "keeping the portal's sessions failed");
        }
    }

    /// Whether there is such an app, open or not.
    pub(crate) fn has_app(&self, name: &str) -> bool {
        self.data_dir.has_app(name)
    }

    /// Every app's name, sorted.
    pub(crate) fn app_names(&self) -> Vec<String> {
        self.data_dir.app_names().iter().map(|app| app.as_str().to_owned()).collect()
    }
}
