//! What a measurement prints: a table for a person, and a JSON line for whoever compares runs.

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// One measurement's figures, in the order in which they are printed.
pub(crate) struct Report {
    what: String,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
}

/// What a figure should reach.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Report {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Report { what: what.into(), rows: Vec::new() }
    }

    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.rows.push(Row { name: name.into(), value, unit, goal: None });
    }

    pub(crate) fn goal(&mut self, name: impl Into<String>, value: f64, unit: &'static str, goal: Goal) {
        self.rows.push(Row { name: name.into(), value, unit, goal: Some(goal) });
    }

    /// Prints the table, and appends the line to `results.jsonl` in `HEADWATER_BENCH_RESULTS` or `target/bench`.
    pub(crate) fn publish(&self, noise: &Value) -> Result<()> {
        let mut out = std::io::stdout().lock();
        write!(out, "{}", self.table(noise))?;
        out.flush()?;
        let folder =
            std::env::var_os("HEADWATER_BENCH_RESULTS").map_or_else(|| PathBuf::from("target/bench"), PathBuf::from);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join("results.jsonl");
        let mut file = File::options().create(true).append(true).open(&path)?;
        writeln!(file, "{}", self.line(noise)).with_context(|| format!("cannot write {}", path.display()))
    }

    fn table(&self, noise: &Value) -> String {
        let width = self.rows.iter().map(|it| it.name.len()).max().unwrap_or(0);
        let mut table = format!("\n{}\n{}\n", self.what, "-".repeat(self.what.len()));
        for Row { name, value, unit, goal } in &self.rows {
            table += &format!("{name:width$}  {:>12} {unit:5}", shown(*value));
            table += &goal.map(|goal| format!("  {}", goal.verdict(*value))).unwrap_or_default();
            table = table.trim_end().to_owned() + "\n";
        }
        table
            + &format!(
                "noise: load average before {}, machine busy {} of {} cores, others' share {} cores\n",
                noise["load_before"], noise["busy_cores"], noise["cores"], noise["others_cores"]
            )
    }

    fn line(&self, noise: &Value) -> Value {
        let figures: Map<_, _> =
            self.rows.iter().map(|it| (format!("{} [{}]", it.name, it.unit), json!(it.value))).collect();
        json!({ "at": seconds_since_epoch(), "what": self.what, "figures": figures, "noise": noise })
    }
}

impl Goal {
    fn verdict(self, value: f64) -> String {
        let (sign, limit, reached) = match self {
            Goal::AtLeast(limit) => (">=", limit, value >= limit),
            Goal::AtMost(limit) => ("<=", limit, value <= limit),
        };
        format!("goal {sign} {}: {}", shown(limit), if reached { "reached" } else { "MISSED" })
    }
}

/// Large figures with thousands set apart, small ones with as many digits as mean something.
fn shown(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let grouped: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|it| String::from_utf8_lossy(it)).collect();
    format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped.join(","))
}

#[expect(clippy::disallowed_methods, reason = "results say when they were measured")]
fn seconds_since_epoch() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// The value below which the given share of the sorted samples lies, in milliseconds.
pub(crate) fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |it| it.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_for_people() {
        assert_eq!(shown(1_234_567.8), "1,234,568");
        assert_eq!(shown(123.0), "123");
        assert_eq!(shown(1.234), "1.23");
    }

    #[test]
    fn percentiles_of_few_samples() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile_ms(&sorted, 0.5), 51.0);
        assert_eq!(percentile_ms(&sorted, 0.99), 100.0);
        assert!(percentile_ms(&[], 0.5).is_nan());
    }
}
