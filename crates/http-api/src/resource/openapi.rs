//! `GET /openapi.json`: the description of this API for tools. Public.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode},
    response::Response,
};

use crate::reply;

/// Written by hand; a test holds it against the routes.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");

pub(crate) async fn handle() -> Response {
    reply::with_type(StatusCode::OK, HeaderValue::from_static("application/json"), Body::from(OPENAPI))
}
