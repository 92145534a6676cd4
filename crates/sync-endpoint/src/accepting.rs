//! How many peers are let in a second. When a server comes back, all of its peers do.
//!
//! Each peer that is put off is told when its turn is: those that come at once are spread over the
//! time that letting them in takes.
//!
//! Not here: who is let in (`session::admission`).

use crate::limits::{ADMISSIONS_AT_ONCE, ADMISSIONS_PER_SECOND, PUT_OFF_MS_MAX};

/// What one takes, in microseconds.
const EACH_US: u64 = 1_000_000 / ADMISSIONS_PER_SECOND;

/// Times are microseconds of one clock.
#[derive(Debug, Default)]
pub(crate) struct Accepting {
    /// By when those that were let in had their turns, one after the other.
    busy_until_us: u64,
    /// By when those that were put off have theirs.
    queue_until_us: u64,
}

impl Accepting {
    /// Whether a peer has a turn now; if not, in how many ms.
    pub(crate) fn take_turn(&mut self, now_us: u64) -> Result<(), u64> {
        let busy_until_us = self.busy_until_us.max(now_us) + EACH_US;
        if busy_until_us - now_us <= EACH_US * ADMISSIONS_AT_ONCE {
            self.busy_until_us = busy_until_us;
            return Ok(());
        }
        self.queue_until_us = self.queue_until_us.max(self.busy_until_us) + EACH_US;
        let wait_ms = (self.queue_until_us - now_us).div_ceil(1_000);
        if wait_ms > PUT_OFF_MS_MAX {
            self.queue_until_us = now_us; // they are spread over the same time again
        }
        Err(wait_ms.min(PUT_OFF_MS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10,000 at once, each of which comes back when it was told to.
    #[test]
    fn a_herd_is_let_in_one_after_the_other() {
        let (mut accepting, mut waiting) = (Accepting::default(), vec![5_000_000_u64; 10_000]);
        let (mut attempts, mut let_in) = (0, 0);
        while let Some((at, now_us)) = waiting.iter().copied().enumerate().min_by_key(|(_, at)| *at) {
            waiting.swap_remove(at);
            attempts += 1;
            match accepting.take_turn(now_us) {
                Ok(()) => let_in += 1,
                Err(wait_ms) => waiting.push(now_us + wait_ms * 1_000),
            }
            assert!(now_us < 5_000_000 + 2 * 10_000 * EACH_US, "{let_in} of 10,000 after {} s", now_us / 1_000_000);
        }
        assert_eq!(let_in, 10_000);
        assert!(attempts < 25_000, "{attempts} attempts");
    }

    #[test]
    fn who_comes_alone_does_not_wait() {
        let mut accepting = Accepting::default();
        for n in 0..10 * ADMISSIONS_PER_SECOND {
            assert_eq!(accepting.take_turn(n * EACH_US), Ok(()));
        }
    }

    #[test]
    fn nobody_is_put_off_for_longer_than_the_bound() {
        let mut accepting = Accepting::default();
        let most = (0..1_000_000).filter_map(|_| accepting.take_turn(1).err()).max();
        assert_eq!(most, Some(PUT_OFF_MS_MAX));
    }
}
