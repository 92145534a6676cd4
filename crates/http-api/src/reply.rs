//! Replies: JSON bytes, and the headers that keep browsers from storing them or taking them for something else.
//!
//! Not here: who else may use a reply (`edge`).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde::Serialize;

use crate::work::Share;

/// A JSON reply.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    with_type(status, HeaderValue::from_static("application/json"), Body::from(body))
}

/// A JSON reply whose share of the memory for replies is given back once it is sent.
pub(crate) fn json_with_share(body: Vec<u8>, share: Option<Share>) -> Response {
    let body = Body::new(SharedBody { body: Full::from(body), _share: share });
    with_type(StatusCode::OK, HeaderValue::from_static("application/json"), body)
}

/// The JSON form of a reply that is no one's hot path.
pub(crate) fn json_of(status: StatusCode, reply: &impl Serialize) -> Response {
    json(status, serde_json::to_vec(reply).expect("replies have string keys and no failing fields"))
}

pub(crate) fn with_type(status: StatusCode, content_type: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

struct SharedBody {
    body: Full<Bytes>,
    _share: Option<Share>,
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
