//! `cargo xtask bench …`: builds the release binary and the load generator, and hands over to the latter.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{step, tools};

pub(crate) fn run(root: &Path, rest: &[String]) -> Result<()> {
    let asked_for_help = rest.is_empty() || rest.iter().any(|word| word == "--help" || word == "-h");
    let tools = if asked_for_help { tools::directory(root) } else { tools::install(root)? };
    let build = ["build", "--release", "--package", "server", "--package", "bench"];
    step::run("build for measuring (release)", step::cargo().args(build).current_dir(root))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |it| root.join(it));
    let mut bench = Command::new(target.join("release/bench"));
    bench.args(if rest.is_empty() { vec!["--help"] } else { rest.iter().map(String::as_str).collect() });
    step::run(
        "measure",
        bench.env("HEADWATER_TOOLS", tools).env("HEADWATER_BENCH_RESULTS", root.join("target/bench")).current_dir(root),
    )
}
