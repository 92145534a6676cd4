//! How fast a webhook is called, and when it is given up.

use std::time::Duration;

/// Times and counts of a webhook's sink; a test has shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// An event that failed is tried again after about this, then after twice as long, and so on,
    pub retry_first: Duration,
    /// up to this.
    pub retry_max: Duration,
    /// An event that still fails after this is set aside.
    pub give_up: Duration,
    /// And one that was refused so often.
    pub refusals_max: u32,
    /// How often, at most, the position is written.
    pub write_every: Duration,
    /// A call that has no answer by then has failed.
    pub call_timeout: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(5 * 60),
            give_up: Duration::from_secs(24 * 60 * 60),
            refusals_max: 5,
            write_every: Duration::from_millis(500),
            call_timeout: outbound::limits::CALL_TIMEOUT,
        }
    }
}

impl Pace {
    /// How long to wait after the `tries`th try, in ms; `chance`, from 0 to 1, spreads what failed at
    /// once.
    pub(crate) fn backoff_ms(&self, tries: u32, chance: f64) -> u64 {
        let first = self.retry_first.as_millis() as u64;
        let doubled = first.saturating_mul(1 << tries.saturating_sub(1).min(20));
        let max = self.retry_max.as_millis() as u64;
        let spread = doubled.min(max) as f64 * (0.8 + 0.4 * chance);
        (spread as u64).min(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_second_to_five_minutes() {
        let pace = Pace::default();
        let waits: Vec<_> = [1, 2, 3, 9, 10, 11, 99].map(|tries| pace.backoff_ms(tries, 0.5)).into();
        assert_eq!(waits, [1000, 2000, 4000, 256_000, 300_000, 300_000, 300_000]);
        assert_eq!((pace.backoff_ms(1, 0.0), pace.backoff_ms(1, 1.0)), (800, 1200));
        assert_eq!(pace.backoff_ms(99, 1.0), 300_000);
    }
}
