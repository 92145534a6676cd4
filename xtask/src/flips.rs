//! `cargo xtask flips`: the law of damage over the bits of stored files (tests `flips` of the
//! crates that store).
//!
//! `cargo xtask test` runs the same tests with a sample of what is costly; here it is as long as
//! one has time for, or all.

use std::path::Path;

use anyhow::Result;

use crate::step;

/// Package, and which of its tests.
const TESTS: [(&str, &[&str]); 3] = [
    ("store", &["--lib", "journal::flips"]),
    ("credentials", &["--test", "flips"]),
    ("topics", &["--test", "formats", "flips"]),
];

/// Tries for so many seconds, or everything.
pub(crate) fn run(root: &Path, seconds: u32, all: bool) -> Result<()> {
    let how_much = if all { "all".to_owned() } else { seconds.to_string() };
    for (package, which) in TESTS {
        let mut flips = step::cargo();
        flips.args(["test", "--release", "--package", package]).args(which).args(["--", "--nocapture"]);
        flips.env("FLIPS_SECONDS", &how_much).current_dir(root);
        step::run(&format!("flipped bits of what {package} stores"), &mut flips)?;
    }
    Ok(())
}
