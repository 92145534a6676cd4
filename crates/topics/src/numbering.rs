//! Which offset an event has on a partition of a live query.
//!
//! Offsets are dense: an event's is its rank, how many events (and seeds, `preparing`) come before
//! it. A topic that older versions made keeps the numbers that were given out then: below
//! `older_to`, the end of the journal when it was first opened here, an event has its offset in the
//! journal; from there on they are dense again, behind the last of the old ones. So whoever stands
//! somewhere finds there what it would have found.

/// One partition's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// Events of the journal below it have their offset there; 0 for a topic that was always
    /// dense.
    pub(crate) older_to: u64,
    /// Behind the last of those.
    pub(crate) older_end: u64,
    /// How many of them are counted.
    pub(crate) older_count: u64,
}

impl Numbering {
    /// The offset of the event at `event` of the journal, which has that rank.
    pub(crate) fn offset(&self, rank: u64, event: u64) -> u64 {
        if event < self.older_to { event } else { self.dense(rank) }
    }

    /// The offset of what has that rank and is not one of the old ones.
    pub(crate) fn dense(&self, rank: u64) -> u64 {
        self.older_end + rank.saturating_sub(self.older_count)
    }

    /// The rank that is looked for at an offset; `None` where offsets are the journal's.
    pub(crate) fn rank(&self, offset: u64) -> Option<u64> {
        Some(self.older_count + offset.checked_sub(self.older_end)?)
    }

    /// The first offset whose event is kept, if the journal begins at `log_start`, before which
    /// there are `rank` events.
    pub(crate) fn first(&self, log_start: u64, rank: u64) -> u64 {
        if log_start < self.older_to { log_start.min(self.older_end) } else { self.dense(rank) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_from_the_begin_or_behind_the_old_ones() {
        let always = Numbering::default();
        assert_eq!((always.offset(3, 700), always.rank(3), always.first(700, 3)), (3, Some(3), 3));
        // Events 10, 40 and 70 of the journal came before it, 120 behind.
        let older = Numbering { older_to: 100, older_end: 71, older_count: 3 };
        assert_eq!(
            [(0, 10), (1, 40), (2, 70), (3, 120)].map(|(rank, event)| older.offset(rank, event)),
            [10, 40, 70, 71]
        );
        assert_eq!([10, 70, 71, 72].map(|offset| older.rank(offset)), [None, None, Some(3), Some(4)]);
        assert_eq!([(20, 1), (80, 3), (100, 3), (130, 4)].map(|(at, rank)| older.first(at, rank)), [20, 71, 71, 72]);
    }
}
