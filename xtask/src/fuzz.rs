//! `cargo xtask fuzz`: what nobody would send, as long as one has time for. `cargo xtask test` tries a
//! few of each.

use std::path::Path;

use anyhow::Result;

use crate::step;

/// A test that reads `FUZZ_CASES`, and for how many statements of DQL it tries one of its cases: what
/// takes about as long.
const TESTS: &[(&str, &[&str], u64)] = &[
    ("mutated statements", &["--package", "query"], 1),
    ("sessions with a party that sends what it likes", &["--package", "sync-protocol", "--features", "zstd"], 20),
    ("peers at a server that sends what it likes", &["--package", "peer-core"], 20),
    ("messages to the functions of the C ABI", &["--package", "headwater-c"], 5),
];

pub(crate) fn run(root: &Path, cases: u64) -> Result<()> {
    for (what, package, statements) in TESTS {
        let cases = (cases / statements).max(1);
        let mut fuzz = step::cargo();
        fuzz.args(["test", "--release", "--test", "fuzz"]).args(*package).args(["--", "--nocapture"]);
        fuzz.env("FUZZ_CASES", cases.to_string()).current_dir(root);
        step::run(&format!("{cases} {what}"), &mut fuzz)?;
    }
    Ok(())
}
