//! `cargo xtask law`: the law of the copies (crates/topics/tests/law.rs) over as many random histories as one has time for.

use std::path::Path;

use anyhow::Result;

use crate::step;

/// What `cargo xtask test` tries.
pub(crate) const HISTORIES_IN_CI: u32 = 10_000;

/// Histories sync at every step: a file system in memory takes them an order of magnitude faster, and a crash is simulated anyway.
const MEMORY: &str = "/dev/shm";

pub(crate) fn run(root: &Path, histories: u32) -> Result<()> {
    let mut law = step::cargo();
    law.args(["test", "--package", "topics", "--test", "law"]).current_dir(root);
    if histories > HISTORIES_IN_CI {
        // Compiling once more takes a minute, which many histories win back.
        law.arg("--release");
    }
    law.args(["--", "--nocapture"]);
    law.env("LAW_HISTORIES", histories.to_string());
    if Path::new(MEMORY).is_dir() {
        law.env("TMPDIR", MEMORY);
    }
    step::run(&format!("the law over {histories} histories"), &mut law)
}
