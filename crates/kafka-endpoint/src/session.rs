//! Who is at the other end of a connection, and what they may see: one app, or some live queries of it (`opens`).

use std::{net::SocketAddr, sync::Arc};

use credentials::ClientPrincipal;
use kafka_protocol::{ResponseError, protocol::StrBytes};
use store::{App, WallClock};
use topics::{AppTopics, Topic};
use uuid::Uuid;

use crate::{
    admission::UserPlace,
    coordinator::Coordinator,
    fetch_session::{FetchSession, FetchSessionRoom},
    groups::GroupKey,
    metrics::Metrics,
    opens::Opens,
    options::TopicSettings,
    rebuilds::Rebuilds,
    refusal::{RefusalLog, Who},
    shutdown::Shutdown,
};

/// The one broker's id. Not 0: some clients take that for "none".
pub(crate) const NODE_ID: i32 = 1;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) advertised_host: StrBytes,
    pub(crate) advertised_port: u16,
    pub(crate) topic_settings: TopicSettings,
    pub(crate) random: fn() -> [u8; 16],
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) coordinator: Arc<Coordinator>,
    pub(crate) groups_per_app_max: usize,
    pub(crate) fetch_sessions: FetchSessionRoom,
    pub(crate) refusals: RefusalLog,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
}

/// One connection's identity.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) server: Arc<Server>,
    pub(crate) app: Arc<App>,
    pub(crate) topics: Arc<AppTopics>,
    pub(crate) app_name: Arc<str>,
    pub(crate) principal: ClientPrincipal,
    pub(crate) opens: Opens,
    pub(crate) peer: SocketAddr,
    pub(crate) place: UserPlace,
    pub(crate) rebuilds: Rebuilds,
    pub(crate) fetch_session: FetchSession,
}

impl Session {
    /// The user and the app, for the log.
    pub(crate) fn who(&self) -> Who {
        Who::user(&self.principal)
    }

    /// A number for a fetch session, never 0.
    pub(crate) fn new_fetch_session_id(&self) -> i32 {
        let [a, b, c, d, ..] = (self.server.random)();
        (i32::from_be_bytes([a, b, c, d]) & i32::MAX).max(1)
    }

    /// The topics that it may see.
    pub(crate) fn all_topics(&self) -> Vec<Topic> {
        self.opens.all(&self.topics)
    }

    /// One of them.
    pub(crate) fn topic_by_id(&self, id: Uuid) -> Result<Topic, ResponseError> {
        self.opens.by_id(&self.topics, id)
    }

    /// GROUP_AUTHORIZATION_FAILED for a group that it may not see.
    pub(crate) fn check_group(&self, name: &str) -> Result<(), ResponseError> {
        self.opens.check_group(&self.app.name().main_topic(), name)
    }

    /// The app's group of that name.
    pub(crate) fn group(&self, name: &str) -> GroupKey {
        GroupKey { app: self.app_name.clone(), group: name.into() }
    }

    /// Stable for the life of the app. Each app sees a cluster of its own.
    pub(crate) fn cluster_id(&self) -> StrBytes {
        uuid::Uuid::new_v5(&uuid::Uuid::from_bytes(self.app.instance()), b"cluster").simple().to_string().into()
    }
}
