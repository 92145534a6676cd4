//! Which offset an event has on a partition of a live query.
//!
//! Offsets are dense: an event's is its rank, how many events (and seeds, `preparing`) come before
//! it. A topic that older versions made keeps the numbers that were given out then: below
//! `older_to`, the end of the journal when it was first opened here, an event has its offset in the
//! journal; from there on they are dense again, behind the last of the old ones. So whoever stands
//! somewhere finds there what it would have found.
//!
//! Where a restore has skipped offsets of the main feed, every partition skips as many
//! ([`store::Seam`]): its first event of the new life is behind all that the one before may have
//! given out.
//!
//! ```text
//! offsets  0 ………… start        end …………
//! events   of before | skipped | of the new life
//! ```

use store::Seam;

/// One partition's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// Events of the journal below it have their offset there; 0 for a topic that was always
    /// dense.
    pub(crate) older_to: u64,
    /// Behind the last of those.
    pub(crate) older_end: u64,
    /// How many of them are counted.
    pub(crate) older_count: u64,
    /// The seams that were counted up to, in order.
    pub(crate) crossed: Vec<Crossed>,
}

/// A seam that all events before are counted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossed {
    /// Events and seeds before it.
    pub(crate) rank: u64,
    /// Offsets that it and the seams before it skip.
    pub(crate) skipped: u64,
}

/// Offsets of a partition that were skipped by a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// Behind the last event that was restored.
    pub start: u64,
    /// That of the first event of the new life.
    pub end: u64,
    /// The restore.
    pub seam: Seam,
}

impl Numbering {
    /// The offset of the event at `event` of the journal, which has that rank.
    pub(crate) fn offset(&self, rank: u64, event: u64) -> u64 {
        if event < self.older_to { event } else { self.dense(rank) }
    }

    /// The offset of what has that rank and is not one of the old ones.
    pub(crate) fn dense(&self, rank: u64) -> u64 {
        let skipped = self.crossed.iter().rev().find(|crossed| crossed.rank <= rank).map_or(0, |it| it.skipped);
        self.unskipped(rank) + skipped
    }

    fn unskipped(&self, rank: u64) -> u64 {
        self.older_end + rank.saturating_sub(self.older_count)
    }

    /// The rank that is looked for at an offset; `None` where offsets are the journal's.
    pub(crate) fn rank(&self, offset: u64) -> Option<u64> {
        let Some(last) = self.crossed.iter().rposition(|it| self.start(it, self.before(it)) <= offset) else {
            return Some(self.older_count + offset.checked_sub(self.older_end)?);
        };
        let Crossed { rank, skipped } = self.crossed[last];
        Some(rank.max(self.older_count + offset.saturating_sub(self.older_end + skipped)))
    }

    /// What the seams before that one skip.
    fn before(&self, crossed: &Crossed) -> u64 {
        let before = self.crossed.iter().take_while(|it| it.skipped < crossed.skipped).last();
        before.map_or(0, |it| it.skipped)
    }

    /// Behind the last event before the seam.
    fn start(&self, crossed: &Crossed, skipped_before: u64) -> u64 {
        self.unskipped(crossed.rank) + skipped_before
    }

    /// What the seams skip, which are those of the app that were crossed, in order.
    pub(crate) fn skipped<'s>(&'s self, seams: &'s [Seam]) -> impl Iterator<Item = Skipped> + 's {
        self.crossed.iter().zip(seams).map(|(crossed, seam)| {
            let (before, unskipped) = (self.before(crossed), self.unskipped(crossed.rank));
            Skipped { start: unskipped + before, end: unskipped + crossed.skipped, seam: *seam }
        })
    }

    /// All events before a seam that skips so many offsets are counted: `rank` of them.
    pub(crate) fn cross(&mut self, rank: u64, skipped: u64) {
        let before = self.crossed.last().map_or(0, |it| it.skipped);
        self.crossed.push(Crossed { rank, skipped: before + skipped });
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
        let older = Numbering { older_to: 100, older_end: 71, older_count: 3, ..Numbering::default() };
        assert_eq!(
            [(0, 10), (1, 40), (2, 70), (3, 120)].map(|(rank, event)| older.offset(rank, event)),
            [10, 40, 70, 71]
        );
        assert_eq!([10, 70, 71, 72].map(|offset| older.rank(offset)), [None, None, Some(3), Some(4)]);
        assert_eq!([(20, 1), (80, 3), (100, 3), (130, 4)].map(|(at, rank)| older.first(at, rank)), [20, 71, 71, 72]);
    }
    #[test]
    fn a_seam_is_skipped_by_all_that_comes_behind_it() {
        let mut numbering = Numbering::default();
        numbering.cross(10, 1000);
        numbering.cross(10, 500);
        numbering.cross(12, 1000);
        assert_eq!([9, 10, 11, 12, 13].map(|rank| numbering.dense(rank)), [9, 1510, 1511, 2512, 2513]);
        assert_eq!(
            [9, 10, 700, 1010, 1200, 1510, 1511, 1512, 2511, 2512, 2513].map(|at| numbering.rank(at).unwrap()),
            [9, 10, 10, 10, 10, 10, 11, 12, 12, 12, 13]
        );
    }
}
