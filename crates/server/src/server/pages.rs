//! The portal, and what it and the HTTP API ask of others: consumer groups of the Kafka endpoint,
//! links that open the portal.

use std::sync::{Arc, OnceLock, Weak};

use axum::{
    Router,
    body::Bytes,
    http::{Request, Response, StatusCode},
};
use http_api::{HttpApi, SignInLinks};
use kafka_endpoint::{AssignedMember, GroupDirectory};
use operations::{ConsumerGroup, ConsumerGroups, GroupMember, PeerDirectory};
use portal::{Answering, ApiCalls, Portal, PortalOptions, PortalParts, SearchBounds, SignInTokens, limits::TOKEN_LIFE};
use tokio::sync::watch;
use wire::admin::SignInLinkReply;

use store::{TrustedClock, WallClock as _};

use super::edges::Parts;

/// Makes links that open the portal.
#[derive(Debug, Clone)]
pub(super) struct Links {
    tokens: Arc<SignInTokens>,
    /// Base of the HTTP API, as `http://127.0.0.1:8080`.
    base: String,
    clock: Arc<TrustedClock>,
}

impl Links {
    pub(super) fn new(base: &str, clock: Arc<TrustedClock>) -> Self {
        Self { tokens: SignInTokens::new(rand::random), base: base.to_owned(), clock }
    }
}

impl SignInLinks for Links {
    fn make(&self) -> SignInLinkReply {
        let (token, expires_ms) = self.tokens.make(self.clock.now_ms(), TOKEN_LIFE);
        SignInLinkReply { url: format!("{}/portal/sign-in?token={token}", self.base), expires_ms }
    }
}

/// The HTTP API as its pages reach it: there are pages before there is an API to serve them.
#[derive(Debug, Default)]
pub(super) struct OwnApi(OnceLock<Weak<HttpApi>>);

impl OwnApi {
    /// `api` is asked as long as it is there.
    pub(super) fn set(&self, api: &Arc<HttpApi>) {
        let _ = self.0.set(Arc::downgrade(api)); // once, at the start
    }
}

impl ApiCalls for OwnApi {
    fn call(&self, request: Request<Bytes>, bytes_max: usize) -> Answering {
        let api = self.0.get().and_then(Weak::upgrade);
        Box::pin(async move {
            match api {
                Some(api) => api.answer_page_call(request, bytes_max).await,
                None => {
                    let mut stopping = Response::new(Bytes::from_static(b"{\"message\":\"the server is stopping\"}"));
                    *stopping.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    (stopping, false)
                }
            }
        })
    }
}

/// The pages of a server.
pub(super) fn router(
    parts: &Parts<'_>,
    groups: Arc<dyn ConsumerGroups>,
    peers: Arc<dyn PeerDirectory>,
    api: Arc<OwnApi>,
    stopping: &watch::Receiver<bool>,
) -> Router {
    let &Parts { settings, listening, data, topics, credentials, links, audit, maintenance, sinks, .. } = parts;
    let options = PortalOptions {
        default_app: settings.app.clone(),
        kafka_endpoint: listening.endpoint(),
        http_base: listening.http.clone(),
        retention_bytes: settings.retention_bytes,
        retention_ms: settings.retention_ms,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        open_doors: listening.open_doors(settings.insecure_open),
        search: SearchBounds::default(),
    };
    let parts = PortalParts {
        data_dir: data.clone(),
        topics: topics.clone(),
        credentials: credentials.clone(),
        groups,
        peers,
        audit: audit.clone(),
        maintenance: maintenance.clone(),
        sinks: sinks.clone(),
        sign_in: links.tokens.clone(),
        clock: data.clock().clone(),
        random: rand::random,
        openapi: HttpApi::description(),
        api,
        stopping: stopping.clone(),
    };
    Portal::new(options, parts).router()
}

/// The groups of the Kafka endpoint, as others ask for them.
#[derive(Debug)]
pub(super) struct Groups(pub(super) GroupDirectory);

impl ConsumerGroups for Groups {
    fn of_app(&self, app: &str) -> Vec<ConsumerGroup> {
        let group = |group: kafka_endpoint::GroupListing| ConsumerGroup {
            name: group.name,
            state: group.state.to_owned(),
            protocol: group.protocol,
            members: group.members.into_iter().map(member).collect(),
        };
        self.0.of_app(app).into_iter().map(group).collect()
    }

    fn has_members(&self, app: &str, group: &str) -> bool {
        self.0.has_members(app, group)
    }
}

fn member(member: AssignedMember) -> GroupMember {
    let AssignedMember { id, instance_id, client_id, client_host, assigned } = member;
    GroupMember { id, client_id, host: client_host, instance_id, assigned }
}
