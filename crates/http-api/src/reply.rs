//! Replies: JSON bytes, and the headers that keep browsers from storing them or taking them for
//! something else.
//!
//! Not here: who else may use a reply (`edge`).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use serde::Serialize;

/// A JSON reply.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    with_type(status, HeaderValue::from_static("application/json"), Body::from(body))
}

/// A JSON reply whose share of the memory for replies is given back with its bytes: hyper drops a
/// body as soon as it has all of it in its own queue, long before the client has taken it.
pub(crate) fn json_with_share(body: Vec<u8>, share: impl Send + 'static) -> Response {
    let bytes = Bytes::from_owner(SharedBytes { bytes: body, _share: share });
    with_type(StatusCode::OK, HeaderValue::from_static("application/json"), Body::from(bytes))
}

/// Says that the body is compressed, or would be for others.
pub(crate) fn as_gzip(mut response: Response, is_compressed: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
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

struct SharedBytes<S> {
    bytes: Vec<u8>,
    _share: S,
}

impl<S> AsRef<[u8]> for SharedBytes<S> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::{limits::REPLY_BYTES_SMALL, work::ReplyMemory};

    #[tokio::test]
    async fn a_share_is_held_until_the_client_has_taken_the_reply() {
        const BYTES: usize = 500_000;
        let memory = ReplyMemory::for_tests();
        let all = memory.free_small_kib();
        let share = Mutex::new(Some(memory.share(REPLY_BYTES_SMALL, Duration::ZERO).await.unwrap()));
        let (mut client, server) = tokio::io::duplex(1024);
        let service = service_fn(|_| {
            let reply = json_with_share(vec![b' '; BYTES], share.lock().unwrap().take());
            async move { Ok::<_, std::convert::Infallible>(reply) }
        });
        let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let taking = async {
            client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
            client.read_exact(&mut [0; BYTES / 2]).await.unwrap();
            assert!(memory.free_small_kib() < all, "half of it is still to be taken");
            client.read_to_end(&mut Vec::new()).await.unwrap();
        };
        let (served, ()) = tokio::join!(serving, taking);
        served.unwrap();
        assert_eq!(memory.free_small_kib(), all);
    }
}
