//! The small peers of an app: who is connected, how far behind each is, and who is shut out.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::SiteId;
use operations::{Peer, PeerPage, SeenPeer};

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::ROWS_SHOWN_MAX,
    moment, plural,
    scope::Scope,
    table,
};

#[derive(Template)]
#[template(path = "peers.html")]
struct PeersPage {
    layout: Layout,
    rows: Vec<Row>,
    connected: usize,
    is_first: bool,
    /// The path of the next page.
    next: Option<String>,
    first: String,
    server: String,
    keys: String,
}

struct Row {
    site: u64,
    key: Option<String>,
    state: State,
    /// Since when, or when it was seen last.
    time_ms: Option<u64>,
    pending: Option<String>,
    lag: Option<String>,
    sdk: Option<String>,
    address: Option<String>,
    /// Of its session.
    traffic: Option<String>,
    act_path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Connected,
    CatchingUp,
    Away,
    Revoked,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let after = match scope.visit.query.filled("after") {
        Some(text) => Some(site(text)?),
        None => None,
    };
    let PeerPage { peers, connected, next } = scope.state().operations.peers(&scope.app, after, ROWS_SHOWN_MAX).await?;
    let mut rows: Vec<Row> = peers.into_iter().map(|peer| row(&scope, peer)).collect();
    rows.sort_by_key(|row| (row.state, std::cmp::Reverse(row.time_ms)));
    let page = PeersPage {
        layout: scope.layout("Peers", Section::Peers),
        rows,
        connected,
        is_first: after.is_none(),
        next: next.map(|site| scope.path(&format!("peers?after={}", site.0))),
        first: scope.path("peers"),
        server: scope.state().options.http_base.clone(),
        keys: scope.path("keys"),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(crate) async fn revoke(scope: Scope) -> Result<Response, Failure> {
    let site = site(scope.visit.param("site"))?;
    scope.state().operations.revoke_peer(&scope.app, site).await?;
    Ok(scope.done(format!("Revoked the peer {}.", site.0), "peers"))
}

pub(crate) async fn allow(scope: Scope) -> Result<Response, Failure> {
    let site = site(scope.visit.param("site"))?;
    scope.state().operations.allow_peer(&scope.app, site).await?;
    Ok(scope.done(format!("The peer {} is let in again.", site.0), "peers"))
}

fn site(text: &str) -> Result<SiteId, Failure> {
    let not_found = || Failure::NotFound { kind: "peer", name: text.to_owned() };
    text.parse().map(SiteId).map_err(|_| not_found())
}

fn row(scope: &Scope, peer: Peer) -> Row {
    let Peer { site, key, seen, lag, revoked_ms, .. } = peer;
    let connection = seen.as_ref().and_then(|seen| seen.connection.as_ref());
    let state = match (connection, revoked_ms) {
        (_, Some(_)) => State::Revoked,
        (Some(connection), None) if connection.is_caught_up => State::Connected,
        (Some(_), None) => State::CatchingUp,
        (None, None) => State::Away,
    };
    let act = if state == State::Revoked { "allow" } else { "revoke" };
    let traffic = connection.map(|it| {
        let (received, sent) = (figures::bytes(it.received_bytes), figures::bytes(it.sent_bytes));
        format!("{}, {received} from it, {sent} to it", plural::counted(it.subscriptions, "subscription"))
    });
    let row = Row {
        site: site.0,
        key,
        state,
        time_ms: revoked_ms,
        pending: None,
        lag: lag.map(figures::count),
        sdk: None,
        address: None,
        traffic,
        act_path: scope.path(&format!("peers/{}/{act}", site.0)),
    };
    let Some(SeenPeer { sdk, address, connection, seen_ms, pending, .. }) = seen else { return row };
    let seen_ms = connection.map_or(seen_ms, |it| it.since_ms);
    Row {
        time_ms: Some(revoked_ms.unwrap_or(seen_ms)),
        pending: Some(figures::count(pending)),
        sdk: Some(sdk),
        address: Some(address.to_string()),
        ..row
    }
}
