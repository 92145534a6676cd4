//! What surrounds every call: browsers' preflights and CORS headers (Fetch standard, "CORS protocol"; CONTRACT section 6).
//!
//! A page of another site may call with a key; without one it gets 403 (`access`). A preflight itself never carries the key, so it is
//! answered when it announces one.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;

use crate::{
    HttpApi,
    access::{self, Door},
    failure::Failure,
};

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, X-DITTO-TXN-ID, X-HYDRA-TXN-ID, X-DITTO-CLIENT-ID, X-Headwater-Cause, traceparent",
);

/// Answers one request that came in through `door`.
pub(crate) async fn answer(api: HttpApi, door: Door, mut request: Request<Incoming>) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        request.extensions_mut().insert(door);
        return route(api, request).await;
    };
    tracing::trace!(?origin, "a request from a page");
    let names = &api.state.options.host_names;
    let same_site = access::check_site(door.local_ip, names, request.uri(), request.headers()).is_ok();
    if is_preflight(request.method(), request.headers()) {
        return if same_site || announces_key(request.headers()) {
            preflight()
        } else {
            Failure::PreflightDenied.into_response()
        };
    }
    let readable = same_site || request.headers().contains_key(header::AUTHORIZATION);
    request.extensions_mut().insert(door);
    let mut response = route(api, request).await;
    if readable {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

async fn route(api: HttpApi, request: Request<Incoming>) -> Response {
    match TowerToHyperService::new(api.router).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn announces_key(headers: &HeaderMap) -> bool {
    let announced = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    announced
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .any(|name| HeaderName::from_bytes(name.trim().as_bytes()).is_ok_and(|name| name == header::AUTHORIZATION))
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
