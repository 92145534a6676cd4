//! `cargo xtask sim`: peers and a server under seeds (crates/simulation), as many as one has time for.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{build, step};

/// What `cargo xtask test` runs.
pub(crate) const SEEDS_IN_CI: u64 = 300;

/// Journals are synced at every step: a file system in memory takes them an order of magnitude faster, and crashes
/// are simulated anyway.
const MEMORY: &str = "/dev/shm";

/// From so many seeds on, compiling once more is won back.
const SEEDS_IN_RELEASE: u64 = 2_000;

pub(crate) fn run(root: &Path, seeds: u64, from: u64, minutes: Option<u64>) -> Result<()> {
    let mut simulation = program(root, seeds)?;
    simulation.args(["--seeds", &seeds.to_string(), "--from", &from.to_string()]).current_dir(root);
    if let Some(minutes) = minutes {
        simulation.args(["--minutes", &minutes.to_string()]);
    }
    if Path::new(MEMORY).is_dir() {
        simulation.env("TMPDIR", MEMORY);
    }
    step::run(&format!("the laws of sync over {seeds} histories"), &mut simulation)
}

fn program(root: &Path, seeds: u64) -> Result<Command> {
    if seeds < SEEDS_IN_RELEASE {
        build::package(root, "the simulation", "simulation")?;
        return Ok(Command::new(build::folder(root).join("simulation")));
    }
    let mut simulation = step::cargo();
    simulation.args(["run", "--quiet", "--package", "simulation", "--release", "--"]);
    Ok(simulation)
}
