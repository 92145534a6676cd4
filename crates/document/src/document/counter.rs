//! Counters: a start and what every site added since.
//!
//! The start belongs to the clear of the counter's place: the write that set a number there. A
//! total is the sum of a site's additions, with the stamp of the last one, and lives by that stamp:
//! a clear takes the totals before it, start or no start. So concurrent first increments all count,
//! and so does an increment after a concurrent set.
//! Not here: where a counter stands, and what takes it away (`field`).

use super::number::Number;
use crate::{SiteId, Stamp};

/// Start and totals; each may be missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Counter {
    /// The number that the clear of its place put there.
    pub(super) start: Option<Number>,
    /// What each site added, with the stamp of its last addition; ascending by site.
    pub(super) totals: Vec<(Stamp, Number)>,
}

impl Counter {
    pub(super) fn started(start: Number) -> Self {
        Self { start: Some(start), totals: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start.is_none() && self.totals.is_empty()
    }

    /// The start, then the totals by site: the order matters where floats are added.
    pub(super) fn value(&self) -> Number {
        Number::sum(self.start.into_iter().chain(self.totals.iter().map(|(_, total)| *total)))
    }

    pub(super) fn add(&mut self, number: Number, stamp: Stamp) {
        match self.position(stamp.site) {
            Ok(at) => self.totals[at] = (stamp, self.totals[at].1.plus(number)),
            Err(at) => self.totals.insert(at, (stamp, number)),
        }
    }

    /// The stamp of the newest total; zero where there is none.
    pub(super) fn newest_total(&self) -> Stamp {
        self.totals.iter().map(|(stamp, _)| *stamp).max().unwrap_or(Stamp::ZERO)
    }

    /// Of each site the later total; of equal stamps, which honest sites never make, the greater
    /// rank.
    pub(super) fn join_totals(&mut self, other: Vec<(Stamp, Number)>) {
        if self.totals.is_empty() {
            self.totals = other;
            return;
        }
        for (stamp, total) in other {
            match self.position(stamp.site) {
                Err(at) => self.totals.insert(at, (stamp, total)),
                Ok(at) => {
                    let (known, standing) = self.totals[at];
                    if (stamp, total.rank()) > (known, standing.rank()) {
                        self.totals[at] = (stamp, total);
                    }
                }
            }
        }
    }

    fn position(&self, site: SiteId) -> Result<usize, usize> {
        self.totals.binary_search_by_key(&site, |(stamp, _)| stamp.site)
    }
}

/// The counter that an object hides. Nearly always there is none, so it takes one word.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Hidden(Option<Box<Counter>>);

impl Hidden {
    pub(super) fn into_counter(self) -> Counter {
        self.0.map_or_else(Counter::default, |counter| *counter)
    }
}

impl From<Counter> for Hidden {
    fn from(counter: Counter) -> Self {
        Self(if counter.is_empty() { None } else { Some(Box::new(counter)) })
    }
}

impl std::ops::Deref for Hidden {
    type Target = Counter;

    fn deref(&self) -> &Counter {
        const NONE: &Counter = &Counter { start: None, totals: Vec::new() };
        self.0.as_deref().unwrap_or(NONE)
    }
}
