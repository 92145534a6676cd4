//! Replies: JSON bytes, and the headers that keep browsers from storing them or taking them for something else.
//!
//! Not here: who else may use a reply (`edge`).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use serde::Serialize;

use crate::work::Share;

/// A JSON reply.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    with_type(status, HeaderValue::from_static("application/json"), Body::from(body))
}

/// A JSON reply whose share of the memory for replies is given back with its bytes: hyper drops a body as soon as it has all of it
/// in its own queue, long before the client has taken it.
pub(crate) fn json_with_share(body: Vec<u8>, share: Option<Share>) -> Response {
    let bytes = Bytes::from_owner(SharedBytes { bytes: body, _share: share });
    with_type(StatusCode::OK, HeaderValue::from_static("application/json"), Body::from(bytes))
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

struct SharedBytes {
    bytes: Vec<u8>,
    _share: Option<Share>,
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;

    use super::*;
    use crate::{limits::REPLY_BYTES_SMALL, work::ReplyMemory};

    #[tokio::test]
    async fn a_share_is_held_as_long_as_the_bytes_are() {
        let memory = ReplyMemory::for_tests();
        let all = memory.free_small_kib();
        let share = memory.share(REPLY_BYTES_SMALL, Duration::ZERO).await.unwrap();
        let mut body = json_with_share(b"{}".to_vec(), Some(share)).into_body();
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        drop(body);
        assert!(memory.free_small_kib() < all, "the bytes wait to be sent");
        assert_eq!(bytes, "{}");
        drop(bytes);
        assert_eq!(memory.free_small_kib(), all);
    }
}
