//! `GET /metrics`, for Prometheus. Where keys are needed, a key that may read every app, and every document of it.

use axum::{
    body::Body,
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, request::Parts},
    response::Response,
};
use credentials::Permission;

use crate::{access, call::door, failure::Failure, reply, state::Shared};

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Proof that the caller may see every app's numbers.
pub(crate) struct MaySeeNumbers;

impl FromRequestParts<Shared> for MaySeeNumbers {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Failure> {
        let caller = access::identify(state, door(parts), &parts.uri, &parts.headers)?;
        let sees_all = caller.permission().is_none_or(|document| document.read.everything);
        if sees_all && caller.may(Permission::Read, "*", None) {
            Ok(Self)
        } else {
            Err(caller.not_granted("read the numbers".to_owned(), "*").into())
        }
    }
}

pub(crate) async fn handle(State(state): State<Shared>, _: MaySeeNumbers) -> Result<Response, Failure> {
    // Collecting asks the file system for sizes.
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &state.registry).map(|()| text)
    });
    let text = text.await?.expect("writing to a string does not fail");
    Ok(reply::with_type(StatusCode::OK, CONTENT_TYPE, Body::from(text)))
}
