//! Stamps: hybrid logical clock times with the site that made them (Kulkarni et al., "Logical
//! Physical Clocks", 2014).
//!
//! Invariants: a clock's stamps grow, each at least one tick above all it gave or saw; one write
//! takes one tick, so no two writes of a site share a stamp.
//! Not here: the wall clock, which is passed in.

/// Who made a change: a random number that a replica keeps for life
/// ([`SiteId::is_valid_origin`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SiteId(pub u64);

impl SiteId {
    /// Nobody's own: of documents that every replica makes alike before it has synced (DQL's
    /// `INITIAL DOCUMENTS`). All of them bear [`Stamp::INITIAL`], so that any real write wins.
    pub const INITIAL: SiteId = SiteId(1);

    /// Whether a stored stamp may bear it. 0 means nobody, and the greatest number stood in format
    /// 1 of documents for "just before".
    pub fn is_valid_origin(self) -> bool {
        self.0 != 0 && self.0 != u64::MAX
    }
}

/// When and by whom a change was made. Ordered by time, then by site; the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// Milliseconds since the epoch in the upper 48 bits, a counter in the lower 16. 0 is "never".
    pub time: u64,
    /// The site; breaks ties.
    pub site: SiteId,
}

impl Stamp {
    /// Before every real stamp.
    pub const ZERO: Stamp = Stamp { time: 0, site: SiteId(0) };

    /// The one stamp of `INITIAL DOCUMENTS`, before every other real one.
    pub const INITIAL: Stamp = Stamp { time: 1, site: SiteId::INITIAL };

    /// The milliseconds since the epoch in it.
    pub fn wall_ms(self) -> u64 {
        self.time >> 16
    }
}

/// A hybrid logical clock: gives stamps above every stamp that it gave or saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StampClock {
    /// The site it stamps for.
    pub site: SiteId,
    /// The greatest time given or seen so far.
    pub last: u64,
}

/// Why a stamp from outside is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stamp lies {ahead_ms} ms in the future; at most {} are taken", crate::limits::STAMP_AHEAD_MS_MAX)]
pub struct StampError {
    /// How far ahead of the commit time it is.
    pub ahead_ms: u64,
}

impl StampClock {
    /// The next stamp: at `wall_ms` or, where the wall clock stands still or was set back, just
    /// above the last one.
    pub fn next(&mut self, wall_ms: u64) -> Stamp {
        self.last = (self.last + 1).max(wall_ms << 16);
        Stamp { time: self.last, site: self.site }
    }

    /// Notes a stamp from elsewhere, so that the next one is above it; refuses one too far ahead of
    /// `commit_time_ms`, which stands in the frame: a replay decides alike.
    pub fn observe(&mut self, stamp: Stamp, commit_time_ms: u64) -> Result<(), StampError> {
        let ahead_ms = stamp.wall_ms().saturating_sub(commit_time_ms);
        if ahead_ms > crate::limits::STAMP_AHEAD_MS_MAX {
            return Err(StampError { ahead_ms });
        }
        self.last = self.last.max(stamp.time);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::STAMP_AHEAD_MS_MAX;

    fn at_ms(wall_ms: u64) -> Stamp {
        Stamp { time: wall_ms << 16, site: SiteId(2) }
    }

    #[test]
    fn a_clock_follows_the_wall_and_never_goes_back() {
        let mut clock = StampClock { site: SiteId(1), last: 0 };
        let times: Vec<_> = [5, 5, 3, 6].map(|wall_ms| clock.next(wall_ms).time).into();
        assert_eq!(times, [5 << 16, (5 << 16) + 1, (5 << 16) + 2, 6 << 16]);
    }

    #[test]
    fn a_stamp_too_far_ahead_is_refused_and_forgotten() {
        let mut clock = StampClock { site: SiteId(1), last: 7 };
        assert_eq!(
            clock.observe(at_ms(STAMP_AHEAD_MS_MAX + 10), 9),
            Err(StampError { ahead_ms: STAMP_AHEAD_MS_MAX + 1 })
        );
        assert_eq!(clock.last, 7);
        assert_eq!(clock.observe(at_ms(STAMP_AHEAD_MS_MAX + 9), 9), Ok(()));
    }

    proptest! {
        #[test]
        fn every_stamp_is_above_all_given_and_seen(
            steps in prop::collection::vec((0_u64..1 << 40, prop::option::of(0_u64..1 << 40)), 1..20),
        ) {
            let mut clock = StampClock { site: SiteId(1), last: 0 };
            let mut greatest = Stamp::ZERO;
            for (wall_ms, seen_ms) in steps {
                if let Some(seen_ms) = seen_ms {
                    let taken = clock.observe(at_ms(seen_ms), wall_ms).is_ok();
                    prop_assert_eq!(taken, seen_ms <= wall_ms + STAMP_AHEAD_MS_MAX);
                    greatest = if taken { greatest.max(at_ms(seen_ms)) } else { greatest };
                }
                let next = clock.next(wall_ms);
                prop_assert!(next.time > greatest.time && next.wall_ms() >= wall_ms);
                greatest = next;
            }
        }
    }
}
