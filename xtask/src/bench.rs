//! `cargo xtask bench …`: builds the release binary and the load generator, and hands over to the
//! latter. `border` is that of the C library and `sdk-jvm` that of the jar,
//! which need neither.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{build, sdk, step, tools, wasm};

pub(crate) fn run(root: &Path, rest: &[String]) -> Result<()> {
    match rest.first().map(String::as_str) {
        Some("border") => return sdk::c::bench(root),
        Some("sdk-go") => return sdk::go::bench(root),
        Some("sdk-dotnet") => return sdk::dotnet::bench(root),
        Some("sdk-cpp") => return sdk::cpp::bench(root),
        Some("sdk-python") => return sdk::python::bench(root),
        Some("sdk-jvm") => return sdk::jvm::bench(root),
        Some("browser") => return run_browser(root, &rest[1..]),
        _ => {}
    }
    let asked_for_help = rest.is_empty() || rest.iter().any(|word| word == "--help" || word == "-h");
    let tools = if asked_for_help { tools::directory(root) } else { tools::install(root)? };
    if rest.first().is_some_and(|what| what == "node") && !asked_for_help {
        sdk::js::build(root, true, false)?;
    }
    let build = ["build", "--release", "--package", "server", "--package", "bench"];
    let mut cargo = step::cargo();
    cargo.args(build).current_dir(root);
    if rest.first().is_some_and(|what| what == "sink") {
        cargo.args(["--features", "server/kafka"]);
    }
    step::run("build for measuring (release)", &mut cargo)?;
    let target = build::target(root);
    let mut bench = Command::new(target.join("release/bench"));
    bench.args(if rest.is_empty() { vec!["--help"] } else { rest.iter().map(String::as_str).collect() });
    // A broker that is measured has the JVM that Kafka's own script gives it, and not one that starts soon.
    bench.env("KAFKA_OPTS", "-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20");
    step::run(
        "measure",
        bench.env("HEADWATER_TOOLS", tools).env("HEADWATER_BENCH_RESULTS", root.join("target/bench")).current_dir(root),
    )
}

/// `cargo xtask bench browser [documents]`: a small peer in Chromium.
fn run_browser(root: &Path, rest: &[String]) -> Result<()> {
    tools::install(root)?;
    wasm::build(root)?;
    let build = ["build", "--release", "--package", "server"];
    step::run("build for measuring (release)", step::cargo().args(build).current_dir(root))?;
    let mut bench = Command::new("node");
    bench.arg(root.join("sdks/js/bench/browser.js")).args(rest);
    step::run("measure", bench.env("HEADWATER_BIN", build::target(root).join("release/headwater")).current_dir(root))
}
