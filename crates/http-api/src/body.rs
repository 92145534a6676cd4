//! Reads a request's body within its bounds.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::HeaderMap, http::header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{api::State, limits};

/// A whole body, and its share of the memory that all bodies may take.
#[derive(Debug)]
pub(crate) struct ReadBody {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than {max_bytes} bytes")]
    TooLong { max_bytes: usize },
    #[error("the body did not arrive within {} s", waited.as_secs_f32())]
    Late { waited: Duration },
    #[error("the body broke off: {0}")]
    Broken(#[source] axum::Error),
    #[error("Content-Encoding {0:?} is not supported: send the body as it is")]
    Encoded(String),
    #[error("the server holds too many large requests at the moment; try again")]
    Busy,
}

impl ReadBody {
    /// Reads all of `body`, but no more than the bounds allow.
    pub(crate) async fn read(state: &State, headers: &HeaderMap, body: Body) -> Result<Self, BodyError> {
        let max_bytes = state.options.request_bytes_max;
        let waited = state.options.body_timeout;
        let announced = announced_length(headers);
        if announced.is_some_and(|length| length > max_bytes as u64) {
            return Err(BodyError::TooLong { max_bytes });
        }
        if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|e| *e != "identity") {
            return Err(BodyError::Encoded(String::from_utf8_lossy(encoding.as_bytes()).into_owned()));
        }
        let bytes = announced.map_or(max_bytes, |length| length as usize); // it is at most max_bytes
        let share = match bytes <= limits::BODY_BYTES_UNCOUNTED {
            true => None,
            false => Some(take_share(&state.bodies_kib, bytes, waited).await?),
        };
        let bytes = timeout(waited, collect(body, max_bytes)).await.map_err(|_| BodyError::Late { waited })??;
        Ok(Self { bytes, _share: share })
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn take_share(
    bodies_kib: &Arc<Semaphore>,
    bytes: usize,
    at_most: Duration,
) -> Result<OwnedSemaphorePermit, BodyError> {
    let kib = bytes.div_ceil(1024).min(limits::BODIES_KIB_MAX) as u32;
    match timeout(at_most, bodies_kib.clone().acquire_many_owned(kib)).await {
        Ok(Ok(share)) => Ok(share),
        _ => Err(BodyError::Busy),
    }
}

/// The common small body arrives as one frame and is not copied.
async fn collect(mut body: Body, max_bytes: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue }; // trailers
        if first.len() + rest.len() + data.len() > max_bytes {
            return Err(BodyError::TooLong { max_bytes });
        }
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
