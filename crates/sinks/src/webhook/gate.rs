//! Whether the receiver is called at all: one that is away is asked by one call at a time.
//!
//! While calls get through, each document waits on its own. After [`FAILURES_MAX`] failures without
//! anything delivered the gate closes: one call goes out when the wait is over, and each that fails makes
//! the wait longer. Whatever gets an answer opens it.

use super::pace::Pace;

/// So many failures, with nothing delivered between them, close the gate.
const FAILURES_MAX: u32 = 8;

#[derive(Debug, Default)]
pub(crate) struct Gate {
    failures: u32,
    /// Waits in a row while it is closed; 0 while it is open.
    rounds: u32,
    opens_ms: u64,
    is_probing: bool,
}

impl Gate {
    /// When a call may be made, if `under_way` are; `None`: not before one of them has ended.
    pub(crate) fn opens_ms(&self, under_way: usize) -> Option<u64> {
        match self.rounds {
            0 => Some(0),
            _ if under_way > 0 => None,
            _ => Some(self.opens_ms),
        }
    }

    /// A call is made.
    pub(crate) fn called(&mut self) {
        self.is_probing = self.rounds > 0;
    }

    /// A call failed; the receiver asks for `retry_after_ms`.
    pub(crate) fn failed(&mut self, now_ms: u64, retry_after_ms: u64, pace: &Pace, chance: f64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_MAX {
            return;
        }
        // Those that were under way when it closed tell nothing new.
        if self.rounds == 0 || self.is_probing {
            self.rounds = self.rounds.saturating_add(1);
            self.opens_ms = now_ms + pace.backoff_ms(self.rounds, chance).max(retry_after_ms);
        }
        self.is_probing = false;
    }

    /// The receiver took an event or refused it: it is there. Whether the gate was closed.
    pub(crate) fn answered(&mut self) -> bool {
        let was_closed = self.rounds > 0;
        *self = Self::default();
        was_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_away_is_asked_more_and_more_seldom_and_no_more_than_once_at_a_time() {
        let (mut gate, pace) = (Gate::default(), Pace::default());
        for _ in 0..7 {
            gate.failed(0, 0, &pace, 0.5);
        }
        assert_eq!(gate.opens_ms(16), Some(0));
        // The eighth closes it; eight more that were under way change nothing.
        for _ in 0..9 {
            gate.failed(0, 0, &pace, 0.5);
        }
        assert_eq!((gate.opens_ms(1), gate.opens_ms(0)), (None, Some(1000)));
        for (now, opens) in [(1000, 3000), (3000, 7000)] {
            gate.called();
            gate.failed(now, 0, &pace, 0.5);
            assert_eq!(gate.opens_ms(0), Some(opens));
        }
        gate.called();
        gate.failed(7000, 60_000, &pace, 0.5);
        assert_eq!(gate.opens_ms(0), Some(67_000));
        assert!(gate.answered());
        assert_eq!(gate.opens_ms(3), Some(0));
        assert!(!gate.answered());
    }
}
