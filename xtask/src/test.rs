//! `cargo xtask test`: everything that must hold before a change lands, cheapest first.
//!
//! What fails does not stop what comes after it, so that one run tells everything; the last line
//! names what failed. Only without its tools is there no point in going on.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{build, compat, deny, dist, law, sdk, sim, step, tidy, tools, wasm};

/// How much tests try that can try more: `cargo xtask flips`, or the test with the variable set.
const BUDGETS: [(&str, &str); 2] = [("FLIPS_SECONDS", "8"), ("DAMAGE_FLIPS", "2")];

pub(crate) fn run(root: &Path, rest: &[String]) -> Result<()> {
    let tools = tools::install(root)?;
    let mut failed = Vec::new();
    let mut check = |result: Result<()>| {
        if let Err(error) = result {
            eprintln!("error: {error:#}");
            failed.push(error.to_string());
        }
    };
    check(tidy::run(root));
    check(step::run("format", step::cargo().args(["fmt", "--all", "--check"]).current_dir(root)));
    check(deny::run_if_there(root));
    let (lints, strict) = (["clippy", "--workspace", "--all-targets", "--keep-going"], ["--", "-D", "warnings"]);
    let mut clippy = step::cargo();
    clippy.args(lints).args(build::FEATURES).args(strict).current_dir(root);
    check(step::run("lints", &mut clippy));
    check(wasm::run_if_there(root));
    if rest.is_empty() {
        check(build::everything(root));
    }
    // The server's tests have apps in Node.js.
    check(sdk::js::build(root, true, true));

    let mut tests = step::cargo();
    tests.arg("test");
    if !rest.iter().any(|word| matches!(word.as_str(), "-p" | "--package" | "--workspace")) {
        tests.arg("--workspace").args(build::FEATURES);
    }
    tests.arg("--no-fail-fast").args(rest).env("HEADWATER_TOOLS", &tools).current_dir(root);
    if rest.is_empty() {
        // Many tests wait for programs beside them.
        let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get() + 1);
        tests.env("RUST_TEST_THREADS", threads.to_string()).envs(BUDGETS);
    }
    check(step::run_tests("tests", &mut tests));
    if rest.is_empty() {
        check(compat::run_short(root, &tools));
        check(dist::try_out(root));
        check(sdk::c::test(root));
        check(sdk::js::test(root, &tools));
        check(sdk::languages::run(root, &tools, &[], false));
        check(law::run(root, law::HISTORIES_IN_CI));
        check(sim::run(root, sim::SEEDS_IN_CI, 1, None));
    }
    if !failed.is_empty() {
        bail!("not everything holds:\n  {}", failed.join("\n  "));
    }
    Ok(())
}
