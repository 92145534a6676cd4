//! `cargo xtask test`: everything that must hold before a change lands, cheapest first.

use std::path::Path;

use anyhow::Result;

use crate::{deny, step, tidy, tools};

pub(crate) fn run(root: &Path, rest: &[String]) -> Result<()> {
    tidy::run(root)?;
    step::run("format", step::cargo().args(["fmt", "--all", "--check"]).current_dir(root))?;
    let tools = tools::install(root)?;
    deny::run_if_there(root)?;
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    step::run("lints", step::cargo().args(lints).current_dir(root))?;
    // The binary first: tests start it, and building it inside a test would hide what the time goes into.
    step::run("build", step::cargo().args(["build", "--workspace", "--all-targets"]).current_dir(root))?;
    let mut tests = step::cargo();
    tests.arg("test");
    if !rest.iter().any(|word| matches!(word.as_str(), "-p" | "--package" | "--workspace")) {
        tests.arg("--workspace");
    }
    step::run("tests", tests.arg("--no-fail-fast").args(rest).env("HEADWATER_TOOLS", tools).current_dir(root))
}
