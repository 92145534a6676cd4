//! `cargo xtask fuzz`: mutated DQL statements (crates/query/tests/fuzz.rs) as long as one has time
//! for. `cargo xtask test` tries a few.

use std::path::Path;

use anyhow::Result;

use crate::step;

pub(crate) fn run(root: &Path, cases: u64) -> Result<()> {
    let mut fuzz = step::cargo();
    fuzz.args(["test", "--release", "--package", "query", "--test", "fuzz", "--", "--nocapture"]);
    fuzz.env("FUZZ_CASES", cases.to_string()).current_dir(root);
    step::run(&format!("{cases} mutated statements"), &mut fuzz)
}
