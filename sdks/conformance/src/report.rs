//! What a driver says: how many cases of each group passed, which failed, and which it did not run.

use std::collections::BTreeMap;
use std::fmt;

/// One group of vectors.
#[derive(Debug, Default)]
pub struct Group {
    /// How many cases passed.
    pub passed: usize,
    /// Each that failed: which, and why.
    pub failed: Vec<(String, String)>,
    /// Kinds of vectors that this driver does not run, each with how many cases of it there are.
    pub not_run: BTreeMap<String, usize>,
}

/// All groups.
#[derive(Debug, Default)]
pub struct Report {
    /// By name.
    pub groups: BTreeMap<String, Group>,
}

impl Report {
    /// How many passed, and how many failed.
    pub fn totals(&self) -> (usize, usize) {
        self.groups.values().fold((0, 0), |(passed, failed), it| (passed + it.passed, failed + it.failed.len()))
    }
}

/// A line for each failure and each group; the last one is `N passed, N failed`.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, group) in &self.groups {
            for (case, why) in &group.failed {
                writeln!(out, "FAILED {case}: {why}")?;
            }
            writeln!(out, "{name}: {} passed, {} failed", group.passed, group.failed.len())?;
            for (kind, count) in &group.not_run {
                writeln!(out, "{name}: {count} of {kind} not run")?;
            }
        }
        let (passed, failed) = self.totals();
        writeln!(out, "{passed} passed, {failed} failed")
    }
}
