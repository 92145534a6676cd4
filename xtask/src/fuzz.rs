//! `cargo xtask fuzz`: what nobody would send, as long as one has time for. `cargo xtask test` tries a
//! few of each, and replays all of `fuzz/seeds`.
//!
//! Two kinds: tests that make their cases by themselves, and the targets of `fuzz/`, for which libFuzzer
//! makes them, guided by which code they reach. An input that breaks a target is kept as a seed of it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::step;

/// A test that reads `FUZZ_CASES`, and for how many statements of DQL it tries one of its cases: what
/// takes about as long.
const TESTS: &[(&str, &[&str], u64)] = &[
    ("mutated statements", &["--package", "query"], 1),
    ("sessions with a party that sends what it likes", &["--package", "sync-protocol", "--features", "zstd"], 20),
    ("peers at a server that sends what it likes", &["--package", "peer-core"], 20),
    ("messages to the functions of the C ABI", &["--package", "headwater-c"], 5),
];

/// The targets of `fuzz/`, and what they take.
const TARGETS: &[(&str, &str)] = &[
    ("requests", "request frames at the Kafka endpoint"),
    ("classic_groups", "clients of classic consumer groups"),
    ("consumer_groups", "clients of consumer groups of both protocols"),
];

/// What libFuzzer needs to see which code an input reaches, with a stable compiler.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// The flags are for what runs, and not for the build scripts that need no coverage: so a target is named.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Runs `cases` of the tests, then each target of `fuzz/` for `seconds`; or, if `only` names one, that target alone.
pub(crate) fn run(root: &Path, cases: u64, seconds: u64, only: Option<&str>) -> Result<()> {
    if only.is_none() {
        run_tests(root, cases)?;
    }
    let targets: Vec<_> = TARGETS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    anyhow::ensure!(!targets.is_empty(), "no such target; there are {}", names.join(", "));
    let mut build = step::cargo();
    build.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", PLATFORM]);
    build.arg("--target-dir").arg(root.join("target/fuzz")).env("RUSTFLAGS", COVERAGE).env_remove("CARGO_TARGET_DIR");
    step::run("build the targets of fuzz/", build.current_dir(root))?;
    for (name, what) in targets {
        guided(root, name, what, seconds)?;
    }
    Ok(())
}

fn run_tests(root: &Path, cases: u64) -> Result<()> {
    for (what, package, statements) in TESTS {
        let cases = (cases / statements).max(1);
        let mut fuzz = step::cargo();
        fuzz.args(["test", "--release", "--test", "fuzz"]).args(*package).args(["--", "--nocapture"]);
        fuzz.env("FUZZ_CASES", cases.to_string()).current_dir(root);
        step::run(&format!("{cases} {what}"), &mut fuzz)?;
    }
    Ok(())
}

/// One target. What it learns stays in `target/fuzz/corpus`, so that the next run goes on from there.
fn guided(root: &Path, name: &str, what: &str, seconds: u64) -> Result<()> {
    let corpus = root.join("target/fuzz/corpus").join(name);
    let seeds = root.join("fuzz/seeds").join(name);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let program = root.join("target/fuzz").join(PLATFORM).join("release").join(name);
    let mut fuzz = std::process::Command::new(program);
    fuzz.arg(format!("-max_total_time={seconds}")).args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    fuzz.arg(format!("-artifact_prefix={}/", seeds.display())).arg(corpus).arg(&seeds);
    step::run(&format!("{seconds} s of {what}"), fuzz.current_dir(root)).with_context(|| {
        format!("{name} broke: the input is in fuzz/seeds/{name}, where `cargo xtask test` replays it from now on")
    })
}
