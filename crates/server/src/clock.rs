//! The machine's clock: the only place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock of this machine. May jump either way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl store::WallClock for SystemClock {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// Milliseconds since the epoch; 0 on a machine whose clock stands before it.
#[expect(clippy::disallowed_methods, reason = "the binary is where time comes from")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
