//! `/admin/v1/apps/{app}/peers`: small peers, how far behind they are, and who is shut out.

use axum::{extract::State, http::StatusCode, response::Response};
use document::SiteId;
use operations::{Peer, PeerConnection, PeerPage, SeenPeer};
use wire::admin::{PeerAllowedReply, PeerConnectionReply, PeerReply, PeerRevokedReply, PeersQuery, PeersReply};

use crate::{call::AdminCall, failure::Failure, limits::PEERS_LISTED_MAX, reply, state::Shared};

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let PeersQuery { after, limit } = PeersQuery::parse(&call.query)?;
    let app = state.app(call.param("app")).await?;
    let count_max = limit.unwrap_or(PEERS_LISTED_MAX).clamp(1, PEERS_LISTED_MAX);
    let PeerPage { peers, connected, next } = state.operations.peers(&app, after.map(SiteId), count_max).await?;
    let peers = peers.into_iter().map(shown).collect();
    let next = next.map(|site| site.0.to_string());
    Ok(reply::json_of(StatusCode::OK, &PeersReply { peers, connected, next }))
}

/// Its session ends at once.
pub(crate) async fn revoke(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let site = site(&call)?;
    let revoked_ms = state.operations.revoke_peer(&app, site).await?.revoked_ms;
    Ok(reply::json_of(StatusCode::OK, &PeerRevokedReply { revoked: site.0.to_string(), revoked_ms }))
}

pub(crate) async fn allow(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let site = site(&call)?;
    state.operations.allow_peer(&app, site).await?;
    Ok(reply::json_of(StatusCode::OK, &PeerAllowedReply { allowed: site.0.to_string() }))
}

fn site(call: &AdminCall) -> Result<SiteId, Failure> {
    let text = call.param("site");
    text.parse().map(SiteId).map_err(|_| Failure::SiteMalformed { value: text.to_owned() })
}

fn shown(peer: Peer) -> PeerReply {
    let Peer { site, key, seen, lag, pushed, revoked_ms } = peer;
    let shown = PeerReply {
        site: site.0.to_string(),
        key,
        sdk: None,
        address: None,
        connection: None,
        seen_ms: None,
        pending: None,
        lag,
        pushed_txn_id: pushed.map(|txn| txn.0),
        revoked_ms,
    };
    let Some(SeenPeer { sdk, address, connection, seen_ms, pending, .. }) = seen else { return shown };
    PeerReply {
        sdk: Some(sdk),
        address: Some(address.to_string()),
        connection: connection.map(session),
        seen_ms: Some(seen_ms),
        pending: Some(pending),
        ..shown
    }
}

fn session(connection: PeerConnection) -> PeerConnectionReply {
    let PeerConnection { since_ms, is_caught_up, subscriptions, received_bytes, sent_bytes } = connection;
    PeerConnectionReply { since_ms, caught_up: is_caught_up, subscriptions, received_bytes, sent_bytes }
}
