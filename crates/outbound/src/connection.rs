//! A connection over which calls are made, one after the other.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::AbortHandle,
    time::{Instant, timeout},
};

use crate::{
    error::{CallError, chain},
    limits::{AGE_MAX, ANSWER_BYTES_MAX, BODY_TIMEOUT, HEAD_BYTES_MAX, IDLE_TIMEOUT},
};

/// A connection that HTTP is spoken on. Closed when it is dropped.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: AbortHandle,
    made: Instant,
    used: Instant,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    pub(crate) async fn over<S>(stream: S) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        // Whatever it ends with, the call on it is told too.
        let task = tokio::spawn(async move { drop(driver.await) }).abort_handle();
        let now = Instant::now();
        Ok(Self { sender, task, made: now, used: now })
    }

    /// Whether it can be used, as far as one can know.
    pub(crate) fn is_fresh(&self) -> bool {
        self.sender.is_ready() && self.used.elapsed() < IDLE_TIMEOUT && self.made.elapsed() < AGE_MAX
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        self.sender.send_request(request).await
    }

    /// Reads the answer's body to its end, if that is near; whether another call can be made.
    pub(crate) async fn finish(&mut self, body: Incoming) -> bool {
        let read = timeout(BODY_TIMEOUT, Limited::new(body, ANSWER_BYTES_MAX).collect()).await;
        let is_whole = matches!(read, Ok(Ok(_)));
        is_whole && self.is_ready_again().await
    }

    /// The answer's whole body.
    pub(crate) async fn read(&mut self, host: &str, body: Incoming) -> Result<Bytes, CallError> {
        let host = || host.to_owned();
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(read) => Ok(read.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLong { host: host() }),
            Err(error) => Err(CallError::Cut { host: host(), why: chain(&*error) }),
        }
    }

    /// Whether another call can be made, now that the answer is read.
    pub(crate) async fn is_ready_again(&mut self) -> bool {
        self.used = Instant::now();
        matches!(timeout(BODY_TIMEOUT, self.sender.ready()).await, Ok(Ok(())))
    }
}
