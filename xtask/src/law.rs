//! `cargo xtask law`: the law of the copies (crates/topics/tests/law/main.rs) over as many random histories as one
//! has time for.

use std::path::Path;

use anyhow::Result;

use crate::{build, step};

/// What `cargo xtask test` tries.
pub(crate) const HISTORIES_IN_CI: u32 = 2_500;

/// Histories sync at every step: a file system in memory takes them an order of magnitude faster, and a crash is
/// simulated anyway.
const MEMORY: &str = "/dev/shm";

/// One in so many is tried once more where temporary files lie: on a disk what takes time, and so what a crash may
/// come between, is another.
const ON_DISK_ONE_IN: u32 = 50;

/// And at least so many: of a handful it may be that none shows what the law looks for, which it takes for a failure.
const ON_DISK_MIN: u32 = 100;

pub(crate) fn run(root: &Path, histories: u32) -> Result<()> {
    // Compiling once more takes a minute, which many histories win back.
    let release = histories > HISTORIES_IN_CI;
    if !Path::new(MEMORY).is_dir() {
        return run_in(root, histories, release, None);
    }
    run_in(root, histories, release, Some(MEMORY))?;
    run_in(root, (histories / ON_DISK_ONE_IN).max(ON_DISK_MIN), release, None)
}

/// Where temporary files lie, if no folder is given.
fn run_in(root: &Path, histories: u32, release: bool, folder: Option<&str>) -> Result<()> {
    let mut law = build::test(root, "topics", "law");
    if release {
        law.arg("--release");
    }
    law.args(["--", "--nocapture"]);
    law.env("LAW_HISTORIES", histories.to_string());
    law.envs(folder.map(|folder| ("TMPDIR", folder)));
    let place = if folder.is_some() { "in memory" } else { "where temporary files lie" };
    step::run(&format!("the law over {histories} histories, {place}"), &mut law)
}
