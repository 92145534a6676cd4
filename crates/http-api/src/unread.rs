//! Bodies on their way to a handler, and what becomes of those that nobody reads.
//!
//! A request can be answered before its body came (401, 403, 404, 405, 413, a bad header). What is
//! left of it would be taken for the next request's head. So a small rest is read and thrown away
//! after the reply, and the connection goes on; otherwise the reply announces `Connection: close`
//! (RFC 9112 section 9.6), and `stream` sees to it that the reply is not lost. HTTP/2 ends a stream
//! alone, but a client that is still sending may take that for a failure though it has the reply
//! (curl 7.88 does): there a small rest is read too, and a larger one resets the stream.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, Request, Version, header},
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use crate::{guests::Guest, limits::DRAIN_BYTES_MAX};

/// A body that goes back to its connection if it is not read to the end.
struct Lent {
    body: Option<Incoming>,
    guest: Arc<Guest>,
}

/// What to do about a body, once its request is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lending {
    /// The client waits for `100 Continue` before it sends the body; after a final status it may
    /// send it or not.
    expects_continue: bool,
    is_http2: bool,
}

/// The request as a handler gets it, and what to do afterwards. `None`: the connection is being
/// closed.
pub(crate) fn lend(mut request: Request<Incoming>, guest: &Arc<Guest>) -> Option<(Request<Body>, Lending)> {
    request.extensions_mut().insert(guest.clone());
    let is_http2 = request.version() == Version::HTTP_2;
    let lending = Lending { expects_continue: request.headers().contains_key(header::EXPECT), is_http2 };
    if request.body().is_end_stream() {
        return guest.work_begins().then(|| (request.map(Body::new), lending));
    }
    guest.work_waits();
    let request = request.map(|body| Body::new(Lent { body: Some(body), guest: guest.clone() }));
    Some((request, lending))
}

impl Lending {
    /// Settles what is left of the body, within `at_most`.
    pub(crate) fn settle(self, guest: &Guest, at_most: Duration, response: &mut Response) {
        let Some(mut rest) = guest.unread().take() else { return };
        let is_small = rest.size_hint().exact().is_some_and(|length| length <= DRAIN_BYTES_MAX);
        let closes = response.headers().get(header::CONNECTION).is_some_and(|value| value == "close");
        if self.is_http2 && !is_small {
            return;
        }
        if !self.is_http2 && (closes || self.expects_continue || !is_small) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return;
        }
        tokio::spawn(async move {
            // Dropping it early ends the connection, or the stream.
            let all = async { while let Some(Ok(_)) = rest.frame().await {} };
            let _ = timeout(at_most, all).await;
        });
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        if frame.is_none() && !self.guest.work_begins() {
            return Poll::Pending; // the connection is being closed, and this with it
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        false // so that the end is seen above
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.guest.unread() = Some(body);
        }
    }
}
