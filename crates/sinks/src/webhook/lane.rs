//! One partition: how far it was read, and what of that is not delivered yet.
//!
//! Invariants: what is neither open nor expected below `read_to` was delivered or set aside.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::event::Event;

/// What is kept of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LanePosition {
    /// It was read up to here.
    pub(crate) read_to: u64,
    /// Offsets below that are not delivered.
    pub(crate) pending: BTreeSet<u64>,
}

impl LanePosition {
    /// Where reading goes on, so that nothing is missed.
    pub(crate) fn low(&self) -> u64 {
        self.pending.first().copied().unwrap_or(self.read_to)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Lane {
    read_to: u64,
    /// Read and not delivered.
    open: BTreeSet<u64>,
    /// Read by the run before, and not delivered by it; not read again yet.
    expected: BTreeSet<u64>,
    /// What lies below was read by the run before.
    resumed_below: u64,
    /// Events of it that have a place among the documents.
    pub(crate) admitted: usize,
    /// One that is about no single document has its turn.
    pub(crate) has_barrier: bool,
    /// What waits for one, or behind one.
    pub(crate) backlog: VecDeque<Event>,
}

impl Lane {
    pub(crate) fn at(position: LanePosition) -> Self {
        let LanePosition { read_to, pending } = position;
        Self { read_to, expected: pending, resumed_below: read_to, ..Self::default() }
    }

    /// Notes that the event was read; whether it is to be delivered.
    pub(crate) fn take(&mut self, event: &Event) -> bool {
        let was_expected = self.expected.remove(&event.offset);
        let is_new = was_expected || event.offset >= self.resumed_below || !event.is_stored();
        if is_new {
            self.open.insert(event.offset);
        }
        is_new
    }

    /// Everything below was read. What was expected there and did not come is there no more: what
    /// stands for it did.
    pub(crate) fn passed(&mut self, next_offset: u64) {
        self.read_to = self.read_to.max(next_offset);
        self.expected = self.expected.split_off(&next_offset);
    }

    /// The event is delivered or set aside.
    pub(crate) fn close(&mut self, offset: u64) {
        self.open.remove(&offset);
    }

    pub(crate) fn position(&self) -> LanePosition {
        LanePosition { read_to: self.read_to, pending: self.open.union(&self.expected).copied().collect() }
    }

    /// The first offset that is not delivered.
    pub(crate) fn low(&self) -> u64 {
        let first = [self.open.first(), self.expected.first()].into_iter().flatten().min();
        first.copied().unwrap_or(self.read_to)
    }

    /// How many behind that are.
    pub(crate) fn delivered_beyond(&self) -> u64 {
        let pending = (self.open.len() + self.expected.len()) as u64;
        (self.read_to - self.low()).saturating_sub(pending)
    }

    /// Whether the event has its turn: those about several documents alone, the others not behind one.
    pub(crate) fn admits(&self, event: &Event) -> bool {
        !self.has_barrier && (!event.is_barrier() || self.admitted == 0)
    }
}
