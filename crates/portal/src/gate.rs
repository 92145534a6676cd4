//! The one way in: session, site, CSRF token, and the headers of every answer.
//!
//! Invariants: without a session only sign-in, assets and the way to them answer; whatever is not a
//! GET or HEAD comes from a page of ours and carries its CSRF token, compared in constant time; every
//! answer has the security headers. What was typed is not lost where a session has ended: it waits
//! for the sign-in, and nothing is done with it before. What is done is in the audit log before
//! whoever did it is answered. A form's failure is a page of its own, which
//! can be loaded again. A new route cannot leave any of it out.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts, uri::Scheme},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use subtle::ConstantTimeEq as _;

use crate::{
    address::segment,
    asset,
    audit::{Asked, NothingDone},
    cookie::Cookie,
    failure::{Failure, Told},
    form::{CSRF, Form, STEP},
    limits::{FORM_BYTES_MAX, KEPT_FORM_BYTES_MAX, SIGN_IN_BYTES_MAX},
    page::{
        problem,
        sign_in::{self, Waiting},
    },
    return_path::{self, SIGN_IN},
    secret::secret,
    session::Problem,
    state::{Shared, State as Portal},
    visitor::Visitor,
};

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' blob:; connect-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// Lets a request through to its route, or answers it.
pub(crate) async fn guard(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let visitor = identify(&state, &request);
    let path = request.uri().path().to_owned();
    let mut response = if visitor.session.is_none() && !is_open(&path) {
        sign_in_first(&state, &visitor, request).await
    } else {
        let is_form = !is_read(request.method());
        match admit(&state, &visitor, request).await {
            Ok(Admitted::Request(request)) => {
                let asked = Asked::of(&request).filter(|_| visitor.session.is_some());
                let response = next.run(*request).await;
                if let Some(asked) = asked.filter(|_| response.extensions().get::<NothingDone>().is_none()) {
                    state.operations.note(asked.entry(&state, &visitor, response.status())).await;
                }
                kept(&state, &visitor, &path, is_form, response)
            }
            Ok(Admitted::Answered(response)) => response,
            Err(failure) => failure.into_response(),
        }
    };
    if let Some(told) = response.extensions_mut().remove::<Told>() {
        response = problem::render(&state, &visitor, &path, told, response);
    }
    secure(response.headers_mut());
    response
}

/// A failure of a form leads to a page that tells it: a browser that comes back to that asks for
/// nothing to be done again.
fn kept(state: &Portal, visitor: &Visitor, path: &str, is_form: bool, mut response: Response) -> Response {
    let Some(session) = visitor.session.filter(|_| is_form) else { return response };
    let Some(told) = response.extensions_mut().remove::<Told>() else { return response };
    let problem = Problem { status: response.status().as_u16(), told: told.clone(), path: path.to_owned() };
    match state.sessions.with(session, |session| session.keep_problem(problem)) {
        Some(number) => Redirect::to(&format!("/portal/problems/{number}")).into_response(),
        None => {
            response.extensions_mut().insert(told);
            response
        }
    }
}

/// Who asks, as far as that is known.
fn identify(state: &Shared, request: &Request) -> Visitor {
    let secure = request.extensions().get::<Scheme>() == Some(&Scheme::HTTPS);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let label = &state.cookie_label;
    let form_csrf = Cookie::Form.read(label, secure, request.headers()).filter(|it| is_secret(it)).map(str::to_owned);
    let sent = Cookie::Session.read(label, secure, request.headers());
    if let Some(found) = sent.and_then(|secret| state.sessions.resume(secret, state.now_ms())) {
        if found.is_to_be_noted {
            let sessions = state.sessions.clone();
            tokio::task::spawn_blocking(move || sessions.save());
        }
        return Visitor { session: Some(found.key), csrf: found.csrf, form_csrf, secure, peer };
    }
    let csrf = form_csrf.clone().unwrap_or_else(|| secret(state.random));
    Visitor { session: None, csrf, form_csrf, secure, peer }
}

/// Leads to sign-in, and from there back to what was asked. A form that was sent goes with it.
async fn sign_in_first(state: &Shared, visitor: &Visitor, request: Request) -> Response {
    if is_read(request.method()) {
        let next = return_path::of(request.uri()).map(|path| format!("?next={}", segment(path)));
        return Redirect::to(&format!("{SIGN_IN}{}", next.unwrap_or_default())).into_response();
    }
    if let Err(failure) = check_site(request.headers()) {
        return failure.into_response();
    }
    let action = request.uri().path().to_owned();
    let page = return_path::page_before(request.headers()).map_or_else(|| return_path::page_of(&action), str::to_owned);
    let place = state.kept_forms.try_acquire().ok();
    let bytes_max = if place.is_some() { KEPT_FORM_BYTES_MAX } else { SIGN_IN_BYTES_MAX };
    let (form, is_too_large) = match Form::read(request.into_body(), bytes_max).await {
        Ok(form) => (form.without(&[CSRF, STEP]), false),
        Err(Failure::FormTooLarge { .. }) => (Form::default(), true),
        Err(failure) => return failure.into_response(),
    };
    let mut response = sign_in::after_end(state, visitor, &Waiting { next: page, action, form }, is_too_large);
    if is_too_large {
        // What is left of the body would be read as the next request's head.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// What answers without a session; `/` only leads to the portal.
fn is_open(path: &str) -> bool {
    path == "/" || path == SIGN_IN || asset::is_one(path)
}

fn is_secret(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// What becomes of a request at the gate.
enum Admitted {
    Request(Box<Request>),
    Answered(Response),
}

/// Gives the request its visitor and, where it changes something, its form.
async fn admit(state: &Shared, visitor: &Visitor, request: Request) -> Result<Admitted, Failure> {
    let (mut parts, mut body) = request.into_parts();
    if !is_read(&parts.method) {
        check_site(&parts.headers)?;
        let bytes_max =
            if visitor.session.is_some() { FORM_BYTES_MAX } else { SIGN_IN_BYTES_MAX + KEPT_FORM_BYTES_MAX };
        let form = Form::read(body, bytes_max).await?;
        // Where there is no session, what the browser sent as its cookie must come back in the form: an absent one
        // matches nothing.
        let is_token = |token: &str| bool::from(form.text(CSRF).as_bytes().ct_eq(token.as_bytes()));
        let is_sign_in = parts.uri.path() == SIGN_IN;
        let may_sign_in = is_sign_in && visitor.form_csrf.as_deref().is_some_and(is_token);
        if !is_token(&visitor.csrf) && !may_sign_in {
            return another_session(state, visitor, &parts, &form).map(Admitted::Answered);
        }
        parts.extensions.insert(form);
        body = axum::body::Body::empty();
    }
    parts.extensions.insert(visitor.clone());
    Ok(Admitted::Request(Box::new(Request::from_parts(parts, body))))
}

/// A form of a page that was loaded before the last sign-in: it is shown again, and not carried out.
fn another_session(state: &Portal, visitor: &Visitor, parts: &Parts, form: &Form) -> Result<Response, Failure> {
    let typed = form.without(&[CSRF, STEP]);
    let session = visitor.session.filter(|_| !typed.is_empty() && is_secret(form.text(CSRF)));
    let session = session.ok_or(Failure::TokenMissing)?;
    let action = parts.uri.path().to_owned();
    let next = return_path::page_before(&parts.headers).map_or_else(|| return_path::page_of(&action), str::to_owned);
    sign_in::keep_for(state, session, &Waiting { next: next.clone(), action, form: typed });
    Ok(Redirect::to(&next).into_response())
}

/// A page of another site, also one on another port of this host, can do nothing (Fetch Metadata; RFC 6454).
fn check_site(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text("sec-fetch-site")
        && !matches!(site, "same-origin" | "none")
    {
        return Err(Failure::OtherSite);
    }
    let Some(origin) = text("origin") else { return Ok(()) };
    let same = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == text("host"));
    if same { Ok(()) } else { Err(Failure::OtherSite) }
}

fn secure(headers: &mut HeaderMap) {
    // What somebody uploaded has a policy of its own, which allows less.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // With no-referrer browsers would send "Origin: null" with our own forms (Fetch standard); other sites are
        // told nothing by this either.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (header::HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    headers.extend(fixed);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(&'static str, &'static str)]) -> bool {
        let pairs =
            pairs.iter().map(|&(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        check_site(&pairs.collect()).is_ok()
    }

    #[test]
    fn only_our_own_pages_may_change_something() {
        let host = ("host", "127.0.0.1:8080");
        assert!(verdict(&[host]));
        assert!(verdict(&[host, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]));
        assert!(!verdict(&[host, ("origin", "http://127.0.0.1:3000")]));
        assert!(!verdict(&[host, ("origin", "http://evil.example")]));
        assert!(!verdict(&[host, ("origin", "null")]));
        assert!(!verdict(&[host, ("sec-fetch-site", "same-site")]));
        assert!(!verdict(&[host, ("sec-fetch-site", "cross-site")]));
    }
}
