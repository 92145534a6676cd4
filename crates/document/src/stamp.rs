//! Stamps: hybrid logical clock times with the site that made them (Kulkarni et al., "Logical Physical Clocks", 2014).

/// Who made a change: a random number that a replica keeps for life. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SiteId(pub u64);

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
    /// How far ahead of the wall clock it is.
    pub ahead_ms: u64,
}

impl StampClock {
    /// The next stamp: at `wall_ms` or, where the wall clock stands still or was set back, just above the last one.
    pub fn next(&mut self, wall_ms: u64) -> Stamp {
        self.last = (self.last + 1).max(wall_ms << 16);
        Stamp { time: self.last, site: self.site }
    }

    /// Notes a stamp from elsewhere, so that the next one is above it; refuses one too far in the future.
    pub fn observe(&mut self, stamp: Stamp, wall_ms: u64) -> Result<(), StampError> {
        let ahead_ms = stamp.wall_ms().saturating_sub(wall_ms);
        if ahead_ms > crate::limits::STAMP_AHEAD_MS_MAX {
            return Err(StampError { ahead_ms });
        }
        self.last = self.last.max(stamp.time);
        Ok(())
    }
}
