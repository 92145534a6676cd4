//! What every request can reach: what the API stands on, and the room that all requests share.
//!
//! Not here: setting it up (`api`), how much room there is (`limits`).

use std::{fmt, sync::Arc};

use credentials::Credentials;
use executor::Statements;
use operations::Operations;
use permissions::KnownRights;
use prometheus_client::registry::Registry;
use store::{App, AppUnavailable, DataDir, WallClock};
use tokio::sync::Semaphore;
use topics::TopicRegistry;

use crate::{
    active_statements::ActiveStatements, guests::Guests, logins::Logins, metrics::Metrics, options::HttpApiOptions,
    peers::PeerSessions, sign_in_links::SignInLinks, work::ReplyMemory,
};

/// What every request can reach.
pub(crate) type Shared = Arc<State>;

pub(crate) struct State {
    pub(crate) options: HttpApiOptions,
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) rights: KnownRights,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) sign_in_links: Option<Arc<dyn SignInLinks>>,
    pub(crate) peers: Option<Arc<dyn PeerSessions>>,
    pub(crate) operations: Arc<Operations>,
    pub(crate) statements: Statements,
    pub(crate) active_statements: Arc<ActiveStatements>,
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
    pub(crate) logins: Logins,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("options", &self.options).finish_non_exhaustive()
    }
}

impl State {
    /// Once a key was made every request needs one, on loopback too, also when all are revoked.
    pub(crate) fn keys_exist(&self) -> bool {
        self.credentials.is_closed()
    }

    /// The app, which is opened if need be.
    pub(crate) async fn app(&self, name: &str) -> Result<Arc<App>, AppUnavailable> {
        Ok(self.topics.app(name).await?.app().clone())
    }
}
