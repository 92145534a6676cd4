//! Reads a request's body within its bounds.
//!
//! Invariants: what has come of all bodies together is bounded, and no body holds more of that than
//! has come; so announcing much and sending little keeps nobody out.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use crate::{body_error::BodyError, guests::Guest, limits, state::State};

/// A whole body, and its share of the memory that all bodies may take.
#[derive(Debug, Default)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl ReadBody {
    /// One that was not sent as a body.
    pub(crate) fn made(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), _share: None }
    }

    /// Reads all of `body`, but no more than the bounds allow. `guest` is whose body it is.
    pub(crate) async fn read(state: &State, headers: &HeaderMap, guest: &Guest, body: Body) -> Result<Self, BodyError> {
        let max_bytes = state.options.request_bytes_max;
        let waited = state.options.body_timeout;
        if announced_length(headers).is_some_and(|length| length > max_bytes as u64) {
            return Err(BodyError::TooLong { max_bytes });
        }
        check_encoding(headers)?;
        if HttpBody::is_end_stream(&body) {
            return Ok(Self::default());
        }
        let mut share = Share { state, guest, permit: None, waits: false };
        match timeout(waited, collect(body, max_bytes, &mut share)).await {
            Ok(bytes) => Ok(Self { bytes: bytes?, _share: share.permit }),
            Err(_) if share.waits => Err(BodyError::Busy),
            Err(_) => Err(BodyError::Late { waited }),
        }
    }
}

/// A share of the memory for bodies for one that is not kept whole. `guest` is whose body it is.
pub(crate) async fn share(
    state: &State,
    guest: &Guest,
    bytes: usize,
) -> Result<Option<OwnedSemaphorePermit>, BodyError> {
    let mut share = Share { state, guest, permit: None, waits: false };
    let grown = timeout(state.options.body_timeout, share.grow(bytes)).await;
    grown.map(|()| share.permit).map_err(|_| BodyError::Busy)
}

/// A body comes as it is.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), BodyError> {
    match headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        Some(encoding) => Err(BodyError::Encoded(String::from_utf8_lossy(encoding.as_bytes()).into_owned())),
        None => Ok(()),
    }
}

/// Whether there is none, also none whose length is to be found out.
pub(crate) fn is_none(body: &Body) -> bool {
    HttpBody::is_end_stream(body)
}

pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What a body holds of the memory for bodies.
struct Share<'s> {
    state: &'s State,
    guest: &'s Guest,
    permit: Option<OwnedSemaphorePermit>,
    /// For its turn.
    waits: bool,
}

impl Share<'_> {
    /// Makes the share enough for a body of which `bytes` have come.
    async fn grow(&mut self, bytes: usize) {
        let counted = bytes.saturating_sub(limits::BODY_BYTES_UNCOUNTED);
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = counted.div_ceil(1024).min(limits::BODIES_KIB_MAX);
        let Some(more) = wanted.checked_sub(held).filter(|&more| more > 0) else { return };
        let more = self.wait_for(more as u32).await;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        self.guest.holds_body_kib(wanted as u32);
    }

    async fn wait_for(&mut self, kib: u32) -> OwnedSemaphorePermit {
        let room: &Arc<_> = &self.state.bodies_kib;
        loop {
            self.waits = true;
            let permit = timeout(limits::BODIES_PAUSE, room.clone().acquire_many_owned(kib)).await;
            if let Ok(permit) = permit {
                self.waits = false;
                return permit.expect("this semaphore is never closed");
            }
            self.state.guests.close_slowest_body();
        }
    }
}

/// The common small body arrives as one frame and is not copied.
async fn collect(mut body: Body, max_bytes: usize, share: &mut Share<'_>) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue }; // trailers
        let bytes = first.len() + rest.len() + data.len();
        if bytes > max_bytes {
            return Err(BodyError::TooLong { max_bytes });
        }
        share.grow(bytes).await;
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
