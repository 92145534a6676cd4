//! How often a sign-in may fail: guessing is slow, whoever guesses.
//!
//! Not here: the comparison itself (`credentials`, in constant time).

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::limits::{ATTEMPTS_MAX, ATTEMPTS_WINDOW};

/// When the latest sign-ins failed, ms since the epoch; at most [`ATTEMPTS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    failed_ms: Mutex<VecDeque<u64>>,
}

impl Attempts {
    /// Takes a place for an attempt, which counts as failed until [`Attempts::succeeded`]; `false` if there have been
    /// too many.
    pub(crate) fn begin(&self, now_ms: u64) -> bool {
        let mut failed = self.failed_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let window_ms = ATTEMPTS_WINDOW.as_millis() as u64;
        failed.retain(|&at| at <= now_ms && now_ms - at < window_ms);
        let admitted = failed.len() < ATTEMPTS_MAX;
        if admitted {
            failed.push_back(now_ms);
        }
        admitted
    }

    /// The latest attempt was no failure: nobody is guessing.
    pub(crate) fn succeeded(&self) {
        self.failed_ms.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures_close_the_door_for_a_while() {
        let attempts = Attempts::default();
        assert!((0..ATTEMPTS_MAX as u64).all(|n| attempts.begin(1_000 + n)));
        assert!(!attempts.begin(2_000));
        assert!(attempts.begin(1_000 + ATTEMPTS_WINDOW.as_millis() as u64), "the first has been forgotten");
        attempts.succeeded();
        assert!((0..ATTEMPTS_MAX).all(|_| attempts.begin(70_000)));
    }
}
