//! What histories exercised: a law that nobody put to the test must be seen.

use std::{collections::BTreeMap, fmt};

/// How often each thing happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally(BTreeMap<String, u64>);

/// What must have happened in a run over many histories.
pub const EXPECTED: [&str; 34] = [
    "peer kills",
    "peer power losses",
    "peer kills between two writes",
    "peer disks full",
    "server kills",
    "server power losses",
    "server crashes at a file",
    "server crashes at a batch",
    "server faults at a file",
    "connections cut",
    "connections lost unnoticed",
    "pushes",
    "pushes sent again",
    "acks",
    "nacks denied",
    "nacks removed",
    "nacks skew",
    "nacks invalid",
    "resyncs trimmed",
    "resyncs incarnation",
    "resyncs permission",
    "resyncs refused",
    "sites renewed",
    "transactions renumbered",
    "trims",
    "tombstones dropped",
    "forks",
    "copies",
    "rights changed",
    "permission documents changed",
    "evictions",
    "observed results",
    "committed transactions looked up",
    "harm refused",
];

impl Tally {
    pub(crate) fn count(&mut self, what: &str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &str, times: u64) {
        match self.0.get_mut(what) {
            Some(count) => *count += times,
            None => drop(self.0.insert(what.to_owned(), times)),
        }
    }

    /// How often it happened.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Adds what another run exercised.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// What is expected of many histories and never happened.
    pub fn missing(&self) -> Vec<&'static str> {
        EXPECTED.into_iter().filter(|what| self.of(what) == 0).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in &self.0 {
            writeln!(f, "  {times:>9} {what}")?;
        }
        Ok(())
    }
}
