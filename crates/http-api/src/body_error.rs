//! Why a request's body was not read.
//!
//! Not here: reading it (`body`), the status of each (`failure`).

use std::time::Duration;

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
