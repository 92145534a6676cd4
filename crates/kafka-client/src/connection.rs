//! Requests and replies as frames on one connection.
//!
//! ```text
//! 0        4         6         8           12
//! | length | API key | version | correlation | client id … body     request
//! | length | correlation | (tagged fields) body                     reply
//! ```
//!
//! Invariants: one request at a time; memory for a reply grows with the bytes that came, not with the announced length.

use crate::error::ClientError;
use crate::limits::{RESPONSE_BYTES_MAX, RESPONSE_TIMEOUT};
use crate::tls::explain_io;
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// What brokers see in their logs and metrics.
const CLIENT_ID: &str = "headwater";

/// A connection on which requests go out and replies come back in the same order.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    correlation_id: i32,
    /// A call began and did not end: the next bytes may belong to it.
    out_of_step: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Connection { stream, correlation_id: 0, out_of_step: false }
    }

    /// Sends `request` and waits for its reply: `patience` beyond [`RESPONSE_TIMEOUT`].
    ///
    /// When the returned future is dropped half-way, later calls are `OutOfStep`.
    pub(crate) async fn call<R: Request>(
        &mut self,
        request: R,
        version: i16,
        patience: Duration,
    ) -> Result<R::Response, ClientError> {
        if self.out_of_step {
            return Err(ClientError::OutOfStep);
        }
        let api = ApiKey::try_from(R::KEY).expect("kafka-protocol knows the keys of its requests");
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let correlation_id = self.correlation_id;
        let frame = encode_request(&request, api, version, correlation_id)
            .map_err(|message| ClientError::BadRequest { api, message })?;

        self.out_of_step = true;
        let after = RESPONSE_TIMEOUT + patience;
        let reply = match timeout(after, self.exchange(&frame)).await {
            Ok(reply) => reply?,
            Err(_) => return Err(ClientError::TimedOut { act: act(api), after }),
        };
        let response = decode_response::<R>(reply, version, correlation_id)
            .map_err(|message| ClientError::BadResponse { api, message })?;
        self.out_of_step = false;
        Ok(response)
    }

    async fn exchange(&mut self, frame: &[u8]) -> Result<Bytes, ClientError> {
        // A server that refused the certificate may have closed already, with the reason still to be read.
        let sent = self.send(frame).await;
        match (self.receive().await, sent) {
            (Ok(_), Err(source)) => Err(explain_io("sending a request", source)),
            (Err(refused @ ClientError::CertificateRefused { .. }), _) => Err(refused),
            (Err(_), Err(source)) => Err(explain_io("sending a request", source)),
            (received, Ok(())) => received,
        }
    }

    async fn send(&mut self, frame: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(frame).await?;
        self.stream.flush().await
    }

    async fn receive(&mut self) -> Result<Bytes, ClientError> {
        const ACT: &str = "waiting for a reply";
        let length = self.stream.read_i32().await.map_err(|source| explain_io(ACT, source))?;
        let len_bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if len_bytes > RESPONSE_BYTES_MAX {
            return Err(ClientError::ResponseTooLong { len_bytes });
        }
        let mut reply = Vec::new();
        let mut frame = (&mut self.stream).take(len_bytes as u64);
        let read = frame.read_to_end(&mut reply).await.map_err(|source| explain_io(ACT, source))?;
        if read < len_bytes {
            return Err(ClientError::Closed { act: ACT });
        }
        Ok(reply.into())
    }
}

fn encode_request<R: Request>(request: &R, api: ApiKey, version: i16, correlation_id: i32) -> Result<BytesMut, String> {
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut frame = BytesMut::zeroed(4);
    header.encode(&mut frame, R::header_version(version)).map_err(|error| format!("{error:#}"))?;
    request.encode(&mut frame, version).map_err(|error| format!("{error:#}"))?;
    let length = i32::try_from(frame.len() - 4).map_err(|_| "it is too long".to_owned())?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

fn decode_response<R: Request>(mut reply: Bytes, version: i16, correlation_id: i32) -> Result<R::Response, String> {
    let header_version = <R::Response as HeaderVersion>::header_version(version);
    let header = ResponseHeader::decode(&mut reply, header_version).map_err(|error| format!("{error:#}"))?;
    if header.correlation_id != correlation_id {
        return Err(format!("it answers request {}, not {correlation_id}", header.correlation_id));
    }
    let response = R::Response::decode(&mut reply, version).map_err(|error| format!("{error:#}"))?;
    match reply.remaining() {
        0 => Ok(response),
        left => Err(format!("{left} bytes are left behind it")),
    }
}

fn act(api: ApiKey) -> &'static str {
    match api {
        ApiKey::ApiVersions => "asking what it serves",
        ApiKey::Metadata => "asking for a topic's partitions",
        ApiKey::ListOffsets => "asking for a partition's offsets",
        ApiKey::Fetch => "fetching records",
        ApiKey::OffsetFetch => "asking where a group is",
        ApiKey::OffsetCommit => "noting where a group is",
        _ => "waiting for a reply",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
    use tokio::io::{DuplexStream, duplex};

    const VERSION: i16 = 3;

    /// Calls ApiVersions on a connection whose other end is `server`.
    async fn call_with<F: Future<Output = ()>>(
        server: impl FnOnce(DuplexStream) -> F,
    ) -> Result<ApiVersionsResponse, ClientError> {
        let (near, far) = duplex(1 << 16);
        let mut connection = Connection::new(near);
        let request = ApiVersionsRequest::default();
        let (result, ()) = tokio::join!(connection.call(request, VERSION, Duration::ZERO), server(far));
        result
    }

    async fn read_frame(stream: &mut DuplexStream) -> Vec<u8> {
        let length = stream.read_i32().await.unwrap();
        let mut frame = vec![0; length as usize];
        stream.read_exact(&mut frame).await.unwrap();
        frame
    }

    fn reply_frame(correlation_id: i32, trailing: &[u8]) -> Vec<u8> {
        let mut body = BytesMut::new();
        ApiVersionsResponse::default().encode(&mut body, VERSION).unwrap();
        let length = (4 + body.len() + trailing.len()) as i32;
        [&length.to_be_bytes()[..], &correlation_id.to_be_bytes(), &body, trailing].concat()
    }

    #[tokio::test]
    async fn a_request_passes_the_shape_check_and_its_reply_arrives_in_pieces() {
        let result = call_with(|mut far| async move {
            let frame = read_frame(&mut far).await;
            let peek = kafka_wire::request_shape::check_request(&frame).unwrap();
            assert_eq!((peek.api_key, peek.api_version, peek.correlation_id), (ApiKey::ApiVersions, VERSION, 1));
            for byte in reply_frame(peek.correlation_id, &[]) {
                far.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(result.await.unwrap(), ApiVersionsResponse::default());
    }

    #[tokio::test]
    async fn replies_that_are_not_the_asked_one_are_refused() {
        for (correlation_id, trailing) in [(2, &b""[..]), (1, b"x")] {
            let result = call_with(|mut far| async move {
                read_frame(&mut far).await;
                far.write_all(&reply_frame(correlation_id, trailing)).await.unwrap();
            });
            assert!(matches!(result.await, Err(ClientError::BadResponse { api: ApiKey::ApiVersions, .. })));
        }
    }

    #[tokio::test]
    async fn hostile_lengths_are_refused_before_they_are_read() {
        for length in [-1, i32::MIN, i32::MAX, RESPONSE_BYTES_MAX as i32 + 1] {
            let result = call_with(|mut far| async move {
                read_frame(&mut far).await;
                far.write_i32(length).await.unwrap();
            });
            assert!(matches!(result.await, Err(ClientError::ResponseTooLong { .. })), "{length}");
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_is_named() {
        for reply in [&[][..], &[0, 0], &[0, 0, 0, 9, 1, 2]] {
            let result = call_with(|mut far| async move {
                read_frame(&mut far).await;
                far.write_all(reply).await.unwrap();
            });
            assert!(matches!(result.await, Err(ClientError::Closed { .. })), "{reply:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_ends_the_wait_and_the_connection() {
        let (near, _far) = duplex(1 << 16);
        let mut connection = Connection::new(near);
        let result = connection.call(ApiVersionsRequest::default(), VERSION, Duration::from_secs(5)).await;
        assert!(matches!(result, Err(ClientError::TimedOut { after, .. }) if after == Duration::from_secs(35)));
        let result = connection.call(ApiVersionsRequest::default(), VERSION, Duration::ZERO).await;
        assert!(matches!(result, Err(ClientError::OutOfStep)));
    }
}
