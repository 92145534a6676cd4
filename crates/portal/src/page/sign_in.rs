//! Signing in, by the admin key or a one-time link, and out.
//!
//! Invariants: a token that has signed somebody in leaves the address bar; no GET spends one; a
//! failed sign-in by key is logged, slow, and counted.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse as _, Redirect, Response},
};
use credentials::Principal;

use crate::{
    cookie::Cookie,
    failure::Failure,
    gate::SIGN_IN,
    layout::{self, Layout},
    limits::ATTEMPT_DELAY,
    scope::Visit,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    layout: Layout,
    /// Why one has to try again.
    message: Option<&'static str>,
}

/// What a link leads to: one button.
#[derive(Template)]
#[template(path = "sign_in_by_link.html")]
struct ByLink {
    layout: Layout,
    token: String,
}

const LINK_USED: &str = "This sign-in link has been used, is too old, or is another server's. A link works once, \
                         and for ten minutes: run \"headwater portal\" on \
                         the server's machine for a fresh one, or paste the admin key below.";
const KEY_WRONG: &str = "That is not the admin key of this server.";

/// The form; with `?token=…` a page with one button, which presents the token. A GET spends
/// nothing: mail scanners, chat previews and browsers that look ahead open links too.
pub(crate) async fn show(visit: Visit) -> Response {
    if visit.visitor.session.is_some() {
        return home();
    }
    let Some(token) = visit.query.filled("token") else { return form(&visit, StatusCode::OK, None) };
    if !visit.state.sign_in.is_good(token, visit.state.now_ms()) {
        return link_refused(&visit);
    }
    let token = token.to_owned();
    with_form_cookie(&visit, StatusCode::OK, |layout| ByLink { layout, token })
}

/// Either form, filled in.
pub(crate) async fn submit(visit: Visit) -> Result<Response, Failure> {
    match visit.form.filled("token") {
        Some(token) => Ok(by_link(&visit, token)),
        None => by_key(&visit).await,
    }
}

fn by_link(visit: &Visit, token: &str) -> Response {
    if visit.state.sign_in.redeem(token, visit.state.now_ms()) {
        tracing::info!(peer = ?visit.visitor.peer, "signed in to the portal by a link");
        return admitted(visit);
    }
    // A button that is pressed twice leads on where the first time has signed in.
    if visit.visitor.session.is_some() { home() } else { link_refused(visit) }
}

fn link_refused(visit: &Visit) -> Response {
    tracing::warn!(peer = ?visit.visitor.peer, "a sign-in link of the portal was refused: used, too old or unknown");
    form(visit, StatusCode::FORBIDDEN, Some(LINK_USED))
}

async fn by_key(visit: &Visit) -> Result<Response, Failure> {
    let state = &visit.state;
    if !state.attempts.begin(state.now_ms()) {
        tracing::warn!(peer = ?visit.visitor.peer, "a sign-in to the portal was refused: too many have failed");
        return Err(Failure::TooManyAttempts);
    }
    let given = visit.form.text("key").trim();
    if matches!(state.credentials.authenticate(given), Some(Principal::Admin)) {
        state.attempts.succeeded();
        tracing::info!(peer = ?visit.visitor.peer, "signed in to the portal by the admin key");
        return Ok(admitted(visit));
    }
    tracing::warn!(peer = ?visit.visitor.peer, "a sign-in to the portal failed: not the admin key");
    tokio::time::sleep(ATTEMPT_DELAY).await;
    Ok(form(visit, StatusCode::FORBIDDEN, Some(KEY_WRONG)))
}

pub(crate) async fn out(visit: Visit) -> Response {
    if let Some(session) = visit.visitor.session {
        visit.state.sessions.end(session);
    }
    let gone = Cookie::Session.set(&visit.state.cookie_label, "", visit.visitor.secure);
    ([(header::SET_COOKIE, gone)], Redirect::to(SIGN_IN)).into_response()
}

fn form(visit: &Visit, status: StatusCode, message: Option<&'static str>) -> Response {
    with_form_cookie(visit, status, |layout| SignIn { layout, message })
}

/// A page of somebody without a session, with the cookie that its form's token must equal.
fn with_form_cookie<T: Template>(visit: &Visit, status: StatusCode, page: impl FnOnce(Layout) -> T) -> Response {
    let layout = visit.layout("Sign in", None);
    let cookie = Cookie::Form.set(&visit.state.cookie_label, &layout.csrf, visit.visitor.secure);
    ([(header::SET_COOKIE, cookie)], layout::page(status, &page(layout))).into_response()
}

/// Begins a session. The one before, if any, ends: nobody keeps what somebody else may have planted.
fn admitted(visit: &Visit) -> Response {
    let state = &visit.state;
    if let Some(session) = visit.visitor.session {
        state.sessions.end(session);
    }
    let secret = state.sessions.begin(state.now_ms(), state.random);
    let label = &state.cookie_label;
    let cookies = AppendHeaders([
        (header::SET_COOKIE, Cookie::Session.set(label, &secret, visit.visitor.secure)),
        (header::SET_COOKIE, Cookie::Form.set(label, "", visit.visitor.secure)),
    ]);
    (cookies, home()).into_response()
}

fn home() -> Response {
    Redirect::to("/portal/").into_response()
}
