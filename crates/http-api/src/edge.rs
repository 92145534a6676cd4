//! What surrounds every call: browsers' preflights, CORS headers and who else may use a reply
//! (Fetch standard, "CORS protocol" and "Cross-Origin-Resource-Policy"; docs/reference/access.md).
//!
//! A page of another site may call with a key; without one it gets 403 (`access`). A preflight
//! itself never carries the key, so it is answered when it announces one.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;

use crate::{
    HttpApi,
    access::{self, Door},
    failure::Failure,
    guests::Guest,
    resource::login,
    unread,
};

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What every page may send.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Content-Range, If-None-Match, If-Range, Range, \
    traceparent, X-DITTO-TXN-ID, X-DITTO-CLIENT-ID, X-DITTO-ENSURE-INSERT, X-HYDRA-TXN-ID, X-Headwater-Cause, \
    X-Headwater-Request-Id";
/// Names that begin so are allowed too, where they are asked for.
const ALLOWED_PREFIXES: [&str; 3] = ["x-ditto-", "x-hydra-", "x-headwater-"];
/// What a page may read of a reply's headers.
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("X-Headwater-Request-Id, ETag, Content-Range, Accept-Ranges");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Answers one request that came in through `door`.
pub(crate) async fn answer(api: HttpApi, door: Door, guest: Arc<Guest>, request: Request<Incoming>) -> Response {
    let Some((mut request, lending)) = unread::lend(request, &guest) else {
        return std::future::pending().await; // the connection is being closed, and this with it
    };
    // A login brings what it is let in by in its body, and is nobody's who has no such thing.
    let has_key = request.headers().contains_key(header::AUTHORIZATION) || login::is_login(request.uri().path());
    let body_timeout = api.state.options.body_timeout;
    request.extensions_mut().insert(door);
    let mut response = match request.headers().contains_key(header::ORIGIN) {
        false => route(api, request).await,
        true => answer_page(api, door, request, has_key).await,
    };
    if !has_key {
        response.headers_mut().entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    }
    lending.settle(&guest, body_timeout, &mut response);
    let let_in = !matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    guest.reply_begins(let_in);
    response
}

/// Answers a request that says of which site's page it is.
async fn answer_page(api: HttpApi, door: Door, request: Request<Body>, has_key: bool) -> Response {
    let names = &api.state.options.host_names;
    let same_site = access::check_site(door.local_ip, names, request.uri(), request.headers()).is_ok();
    if is_preflight(request.method(), request.headers()) {
        return if same_site || has_key || asks_for(request.headers()).any(|name| name == header::AUTHORIZATION) {
            preflight(request.headers())
        } else {
            Failure::PreflightDenied.into_response()
        };
    }
    let mut response = route(api, request).await;
    if same_site || has_key {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
    response
}

async fn route(api: HttpApi, request: Request<Body>) -> Response {
    match TowerToHyperService::new(api.router).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The names of the headers that a page wants to send.
fn asks_for(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let lists = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    lists
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
}

fn preflight(headers: &HeaderMap) -> Response {
    let mut allowed = ALLOWED_HEADERS.to_owned();
    for name in asks_for(headers).filter(|name| ALLOWED_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix)))
    {
        allowed.push_str(", ");
        allowed.push_str(name.as_str());
    }
    let allowed = HeaderValue::try_from(allowed).expect("names of headers are a header's value");
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, allowed),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
