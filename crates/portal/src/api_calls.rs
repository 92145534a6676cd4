//! What a page asks of the HTTP API, which the portal does not know: one call, answered as to any caller.

use std::{fmt, pin::Pin};

use axum::http::{Request, Response};
use bytes::Bytes;

/// The answer to come, and whether its body was cut.
pub type Answering = Pin<Box<dyn Future<Output = (Response<Bytes>, bool)> + Send>>;

/// Makes calls of the HTTP API of this server.
pub trait ApiCalls: fmt::Debug + Send + Sync {
    /// Makes a call, with the same checks as of whoever calls from outside: the key in
    /// `Authorization` decides alone. Of the answer's body there come at most `bytes_max`.
    fn call(&self, request: Request<Bytes>, bytes_max: usize) -> Answering;
}
