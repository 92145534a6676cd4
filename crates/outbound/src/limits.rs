//! Bounds of this crate, and what crossing one means.

use std::time::Duration;

/// A call that has no answer by then has failed. Everything is in it: the name, the connection, TLS,
/// sending, the answer's status.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// An address that does not answer by then is given up for the name's next one, if there is one.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// So many of a name's addresses are tried.
pub const ADDRESSES_MAX: usize = 4;

/// Of an answer's body as much is read, and thrown away; then the connection is closed.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Of an answer's status line and headers; beyond it, it is no answer.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long an answer's body is read once its status is there: all that depends on it is whether the
/// connection can be used again.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections to an endpoint that are kept for the next call; more are closed.
pub const IDLE_MAX: usize = 16;

/// How long one is kept: less than web servers do.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How old one may grow before the name is asked for again.
pub const AGE_MAX: Duration = Duration::from_secs(60);

/// Longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// Longest wait that an answer may ask for by `Retry-After`; a longer one counts as this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
