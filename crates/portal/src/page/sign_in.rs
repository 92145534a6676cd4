//! Signing in, by the admin key or a one-time link, and out; and the way back to what was asked.
//!
//! Invariants: a token that has signed somebody in leaves the address bar; no GET spends one; a
//! failed sign-in by key is logged, slow, and counted. One comes back to pages of the portal alone. A
//! form that came after its session had ended is shown again, filled in, and not carried out.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse as _, Redirect, Response},
};
use credentials::Principal;
use operations::{AuditEntry, Outcome};

use crate::{
    audit,
    cookie::Cookie,
    draft::{self, Draft},
    failure::Failure,
    form::Form,
    layout::{self, Layout},
    limits::ATTEMPT_DELAY,
    return_path::{self, SIGN_IN},
    scope::Visit,
    secret::SecretDigest,
    session::Flash,
    state::State,
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    layout: Layout,
    /// Why one has to try again.
    message: Option<&'static str>,
    /// What was told before it was asked for.
    note: Option<&'static str>,
    waiting: Waiting,
}

/// What a link leads to: one button.
#[derive(Template)]
#[template(path = "sign_in_by_link.html")]
struct ByLink {
    layout: Layout,
    token: String,
}

/// What waits for the sign-in: a page, and perhaps what was typed on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting {
    /// A page of the portal; empty for the first one.
    pub(crate) next: String,
    /// Where the form went.
    pub(crate) action: String,
    /// What it had.
    pub(crate) form: Form,
}

impl Waiting {
    fn of(form: &Form) -> Self {
        let local = |name: &str| return_path::local(form.text(name)).unwrap_or_default().to_owned();
        let typed = Form::parse(form.text("typed").as_bytes()).unwrap_or_default();
        Self { next: local("next"), action: local("action"), form: typed }
    }

    /// For the sign-in form to carry.
    fn typed(&self) -> String {
        self.form.encoded()
    }

    fn path(&self) -> &str {
        if self.next.is_empty() { "/portal/" } else { &self.next }
    }
}

/// Actions of the audit log. Never renamed.
const SIGNED_IN: &str = "session.begin";
const SIGNED_OUT: &str = "session.end";

const LINK_USED: &str = "This sign-in link has been used, is too old, or is another server's. A link works once, \
                         and for ten minutes: run \"headwater portal\" on \
                         the server's machine for a fresh one, or paste the admin key below.";
const KEY_WRONG: &str = "That is not the admin key of this server.";
const NOT_YET: &str = "Nobody has signed in in this browser yet.";
const ENDED: &str = "Your session has ended. Nothing was done. What you typed is kept: sign in, and the form is shown \
                     again as you filled it in.";
const ENDED_BEFORE_A_BUTTON: &str = "Your session has ended. Nothing was done: sign in, and press the button again.";
const ENDED_AND_LOST: &str = "Your session has ended. Nothing was done, and what you typed is too long to be kept \
                              here: go back in your browser and copy it before you sign in.";
const TYPED_BEFORE: &str = "Your session had ended. Nothing was done; the form is filled in as you had typed it.";
const PRESS_AGAIN: &str = "Your session had ended, and nothing was done. Press the button again.";

/// The form; with `?token=…` a page with one button, which presents the token. A GET spends
/// nothing: mail scanners, chat previews and browsers that look ahead open links too.
pub(crate) async fn show(visit: Visit) -> Response {
    let waiting = Waiting::of(&visit.query);
    if visit.visitor.session.is_some() {
        return Redirect::to(waiting.path()).into_response();
    }
    let Some(token) = visit.query.filled("token") else { return form(&visit, StatusCode::OK, None, waiting) };
    if !visit.state.sign_in.is_good(token, visit.state.now_ms()) {
        return link_refused(&visit);
    }
    let token = token.to_owned();
    with_form_cookie(&visit.state, &visit.visitor, StatusCode::OK, |layout| ByLink { layout, token })
}

/// What somebody sees who sent a form after the session had ended.
pub(crate) fn after_end(state: &State, visitor: &Visitor, waiting: &Waiting, is_lost: bool) -> Response {
    let note = match (is_lost, waiting.form.is_empty()) {
        (true, _) => ENDED_AND_LOST,
        (false, true) => ENDED_BEFORE_A_BUTTON,
        (false, false) => ENDED,
    };
    let waiting = waiting.clone();
    let page = |layout| SignIn { layout, message: None, note: Some(note), waiting };
    with_form_cookie(state, visitor, StatusCode::FORBIDDEN, page)
}

/// Any of the forms, filled in.
pub(crate) async fn submit(visit: Visit) -> Result<Response, Failure> {
    if visit.form.filled("go").is_some() {
        return Ok(go_on(&visit));
    }
    match visit.form.filled("token") {
        Some(token) => Ok(by_link(&visit, token).await),
        None => by_key(&visit).await,
    }
}

/// Signed in by a link, in another tab.
fn go_on(visit: &Visit) -> Response {
    let waiting = Waiting::of(&visit.form);
    match visit.visitor.session {
        Some(session) => {
            keep_for(&visit.state, session, &waiting);
            Redirect::to(waiting.path()).into_response()
        }
        None => form(visit, StatusCode::FORBIDDEN, Some(NOT_YET), waiting),
    }
}

async fn by_link(visit: &Visit, token: &str) -> Response {
    if visit.state.sign_in.redeem(token, visit.state.now_ms()) {
        tracing::info!(peer = ?visit.visitor.peer, "signed in to the portal by a link");
        return admitted(visit, "link", &Waiting::default()).await;
    }
    // A button that is pressed twice leads on where the first time has signed in.
    let home = || Redirect::to(Waiting::default().path()).into_response();
    if visit.visitor.session.is_some() { home() } else { link_refused(visit) }
}

fn link_refused(visit: &Visit) -> Response {
    tracing::warn!(peer = ?visit.visitor.peer, "a sign-in link of the portal was refused: used, too old or unknown");
    form(visit, StatusCode::FORBIDDEN, Some(LINK_USED), Waiting::default())
}

async fn by_key(visit: &Visit) -> Result<Response, Failure> {
    let state = &visit.state;
    if !state.attempts.begin(state.now_ms()) {
        tracing::warn!(peer = ?visit.visitor.peer, "a sign-in to the portal was refused: too many have failed");
        return Err(Failure::TooManyAttempts);
    }
    let given = visit.form.text("key").trim();
    let waiting = Waiting::of(&visit.form);
    if matches!(state.credentials.authenticate(given), Some(Principal::Admin)) {
        state.attempts.succeeded();
        tracing::info!(peer = ?visit.visitor.peer, "signed in to the portal by the admin key");
        return Ok(admitted(visit, "admin key", &waiting).await);
    }
    tracing::warn!(peer = ?visit.visitor.peer, "a sign-in to the portal failed: not the admin key");
    let refused = audit::entry(state, &visit.visitor, SIGNED_IN);
    let refused = AuditEntry { target: "admin key".to_owned(), outcome: Outcome::Refused, ..refused };
    state.operations.note(refused).await;
    tokio::time::sleep(ATTEMPT_DELAY).await;
    Ok(form(visit, StatusCode::FORBIDDEN, Some(KEY_WRONG), waiting))
}

pub(crate) async fn out(visit: Visit) -> Response {
    if let Some(session) = visit.visitor.session {
        visit.state.sessions.end(session);
        visit.state.save_sessions().await;
        visit.state.operations.note(audit::entry(&visit.state, &visit.visitor, SIGNED_OUT)).await;
    }
    let gone = Cookie::Session.set(&visit.state.cookie_label, "", visit.visitor.secure);
    ([(header::SET_COOKIE, gone)], Redirect::to(SIGN_IN)).into_response()
}

fn form(visit: &Visit, status: StatusCode, message: Option<&'static str>, waiting: Waiting) -> Response {
    let page = |layout| SignIn { layout, message, note: None, waiting };
    with_form_cookie(&visit.state, &visit.visitor, status, page)
}

/// A page of somebody without a session, with the cookie that its form's token must equal.
fn with_form_cookie<T: Template>(
    state: &State,
    visitor: &Visitor,
    status: StatusCode,
    page: impl FnOnce(Layout) -> T,
) -> Response {
    let layout = Layout::new(state, Some(visitor), state.options.default_app.as_str(), "Sign in", None);
    let cookie = Cookie::Form.set(&state.cookie_label, &layout.csrf, visitor.secure);
    ([(header::SET_COOKIE, cookie)], layout::page(status, &page(layout))).into_response()
}

/// Begins a session. The one before, if any, ends: nobody keeps what somebody else may have planted.
async fn admitted(visit: &Visit, by: &str, waiting: &Waiting) -> Response {
    let state = &visit.state;
    if let Some(session) = visit.visitor.session {
        state.sessions.end(session);
    }
    let secret = state.sessions.begin(state.now_ms(), state.random);
    state.save_sessions().await;
    let session = SecretDigest::of(&secret);
    let visitor = Visitor { session: Some(session), ..visit.visitor.clone() };
    state.operations.note(AuditEntry { target: by.to_owned(), ..audit::entry(state, &visitor, SIGNED_IN) }).await;
    keep_for(state, session, waiting);
    let cookie = Cookie::Session.set(&state.cookie_label, &secret, visit.visitor.secure);
    (AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(waiting.path())).into_response()
}

/// Hands what waited over to a session: the page that comes next shows it.
pub(crate) fn keep_for(state: &State, session: SecretDigest, waiting: &Waiting) {
    if waiting.action.is_empty() {
        return;
    }
    let text = if waiting.form.is_empty() { PRESS_AGAIN } else { TYPED_BEFORE };
    if !waiting.form.is_empty() {
        let of = draft::name_of(&waiting.action, &waiting.form);
        let draft = Draft { form: waiting.form.clone(), ..Draft::default() };
        state.sessions.with(session, |session| session.drafts.keep(&of, draft));
    }
    state.sessions.tell(session, Flash { good: false, text: text.to_owned() });
}
