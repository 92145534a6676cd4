//! The machine's clocks: the only place that reads them.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// What counts the time since the machine was booted, sleep included, on systems where one clock is
/// said to. POSIX leaves open whether the monotonic one does; macOS' own does.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// The clocks of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl store::WallClock for SystemClock {
    /// Milliseconds since the epoch; 0 on a machine whose clock stands before it. May jump either
    /// way.
    #[expect(clippy::disallowed_methods, reason = "the binary is where time comes from")]
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn boot_ms(&self) -> u64 {
        let since = clock_gettime(SINCE_BOOT);
        u64::try_from(since.tv_sec).unwrap_or(0) * 1000 + u64::try_from(since.tv_nsec).unwrap_or(0) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use store::WallClock as _;

    use super::*;

    #[test]
    fn both_clocks_go_on_and_stand_where_they_should() {
        const YEAR_2020_MS: u64 = 1_577_836_800_000;
        let (wall_ms, boot_ms) = (SystemClock.now_ms(), SystemClock.boot_ms());
        assert!(wall_ms > YEAR_2020_MS && boot_ms > 0 && boot_ms < wall_ms);
        assert!(SystemClock.boot_ms() >= boot_ms);
    }
}
