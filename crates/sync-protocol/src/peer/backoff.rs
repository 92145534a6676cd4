//! How long a peer waits before it connects again: full jitter under a bound that doubles, so that
//! peers that a server lost at once do not come back at once.

use crate::limits::{BACKOFF_FIRST_MS, BACKOFF_LAST_MS, RETRY_AFTER_MS_MAX};

/// How often it failed since it was last live.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait: between 0 and the bound by `jitter`, behind what the server asks for.
    pub(super) fn next_wait_ms(&mut self, jitter: u64, retry_after_ms: Option<u64>) -> u64 {
        let bound_ms = (BACKOFF_FIRST_MS << self.failures.min(16)).min(BACKOFF_LAST_MS);
        self.failures = self.failures.saturating_add(1);
        let random_ms = jitter % (bound_ms + 1);
        retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX) + random_ms
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_to_a_minute_and_a_server_is_obeyed() {
        let mut backoff = Backoff::default();
        let longest: Vec<u64> = (0..9)
            .map(|failures| {
                let bound_ms = (500 << failures).min(60_000);
                assert_eq!(Backoff { failures }.next_wait_ms(bound_ms + 1, None), 0);
                backoff.next_wait_ms(bound_ms, None)
            })
            .collect();
        assert_eq!(longest, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        backoff.reset();
        assert_eq!(backoff.next_wait_ms(400, Some(7_000)), 7_400);
        assert_eq!(backoff.next_wait_ms(0, Some(u64::MAX)), RETRY_AFTER_MS_MAX);
    }
}
