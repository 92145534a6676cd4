//! The bounds on talking to a server, and what crossing one means.

use std::time::Duration;

/// Most bytes of a reply's frame; a larger one ends the call with `ResponseTooLong`.
///
/// A fetch of any size stays below when its `max_bytes` is at most half of it: a server may send one batch more.
pub const RESPONSE_BYTES_MAX: usize = 64 << 20;

/// How long connecting may take, the TLS handshake included, before it is `TimedOut`.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a reply may take, beyond the wait that a fetch asks for, before it is `TimedOut`.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Most bytes of records that are unpacked from the compressed batches of one reply; more are `BadRecords`.
pub const RECORDS_BYTES_MAX: usize = 256 << 20;
