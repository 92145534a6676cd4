//! The one way in: session, site, CSRF token, and the headers of every answer.
//!
//! Invariants: without a session only sign-in, assets and the way to them answer; whatever is not a GET or HEAD comes from a page of ours and carries its CSRF
//! token, compared in constant time; every answer has the security headers. A new route cannot leave any of it out.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, uri::Scheme},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use subtle::ConstantTimeEq as _;

use crate::{
    asset,
    cookie::Cookie,
    failure::{Failure, Told},
    form::{CSRF, Form},
    limits::{FORM_BYTES_MAX, SIGN_IN_BYTES_MAX},
    page::problem,
    session::secret,
    state::{Shared, State as Portal},
    visitor::Visitor,
};

/// Where one signs in.
pub(crate) const SIGN_IN: &str = "/portal/sign-in";

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// Lets a request through to its route, or answers it.
pub(crate) async fn guard(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let visitor = identify(&state, &request);
    let path = request.uri().path().to_owned();
    let mut response = match &visitor {
        None => Redirect::to(SIGN_IN).into_response(),
        Some(visitor) => match admit(visitor, request).await {
            Ok(request) => next.run(request).await,
            Err(failure) => failure.into_response(),
        },
    };
    if let Some(told) = response.extensions_mut().remove::<Told>() {
        response = problem::render(&state, visitor.as_ref(), &path, told, response);
    }
    secure(response.headers_mut());
    response
}

/// `None` for whoever has to sign in first.
fn identify(state: &Portal, request: &Request) -> Option<Visitor> {
    let secure = request.extensions().get::<Scheme>() == Some(&Scheme::HTTPS);
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let label = &state.cookie_label;
    let sent = Cookie::Session.read(label, secure, request.headers());
    if let Some((session, csrf)) = sent.and_then(|secret| state.sessions.resume(secret, state.now_ms())) {
        return Some(Visitor { session: Some(session), csrf, secure, peer });
    }
    if !is_open(request.uri().path()) {
        return None;
    }
    let known = Cookie::Form.read(label, secure, request.headers()).filter(|value| is_secret(value)).map(str::to_owned);
    Some(Visitor { session: None, csrf: known.unwrap_or_else(|| secret(state.random)), secure, peer })
}

/// What answers without a session; `/` only leads to the portal.
fn is_open(path: &str) -> bool {
    path == "/" || path == SIGN_IN || asset::is_one(path)
}

fn is_secret(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Gives the request its visitor and, where it changes something, its form.
async fn admit(visitor: &Visitor, request: Request) -> Result<Request, Failure> {
    let (mut parts, mut body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        check_site(&parts.headers)?;
        let bytes_max = if visitor.session.is_some() { FORM_BYTES_MAX } else { SIGN_IN_BYTES_MAX };
        let form = Form::read(body, bytes_max).await?;
        // Where there is no session, what the browser sent as its cookie must come back in the form: an absent one matches nothing.
        if !bool::from(form.text(CSRF).as_bytes().ct_eq(visitor.csrf.as_bytes())) {
            return Err(Failure::TokenMissing);
        }
        parts.extensions.insert(form);
        body = axum::body::Body::empty();
    }
    parts.extensions.insert(visitor.clone());
    Ok(Request::from_parts(parts, body))
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
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        // With no-referrer browsers would send "Origin: null" with our own forms (Fetch standard); other sites are told nothing by this either.
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
