//! How long a sink waits after a try that failed.

use std::time::Duration;

use crate::limits::{TRY_AGAIN_FIRST, TRY_AGAIN_MAX};

/// Doubles from one failure to the next.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure.
    pub(super) fn failed(&mut self) -> Duration {
        let wait = TRY_AGAIN_FIRST * 2u32.pow(self.failures.min(16));
        self.failures += 1;
        wait.min(TRY_AGAIN_MAX)
    }

    /// Something was delivered.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound_and_begins_again_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.failed().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        backoff.succeeded();
        assert_eq!(backoff.failed().as_secs(), 1);
    }
}
