//! `cargo xtask sdk js`: builds the npm package `headwater`; and its tests, which `cargo xtask test` runs.
//!
//! Invariant: npm fetches nothing for it; the tests alone need TypeScript, from `target/tools`.
//! Not here: how the library for browsers is built (`wasm`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::transcripts::Transcripts;
use crate::{step, wasm};

const PACKAGE: &str = "sdks/js";

/// Where the package looks for the library.
const LIBRARY: &str = "native/headwater.node";

/// Builds what the package has of Rust.
pub(crate) fn build(root: &Path, is_native_alone: bool, is_debug: bool) -> Result<()> {
    build_native(root, is_debug)?;
    if is_native_alone { Ok(()) } else { wasm::run_if_there(root) }
}

fn build_native(root: &Path, is_debug: bool) -> Result<()> {
    let mut build = step::cargo();
    build.args(["build", "--locked", "--package", "headwater-node"]);
    if !is_debug {
        build.args(["--profile", "node"]);
    }
    step::run("the library for Node.js", build.current_dir(root))?;
    let built = target(root).join(if is_debug { "debug" } else { "node" }).join(library());
    let library = root.join(PACKAGE).join(LIBRARY);
    // A new file: a process may have the old one loaded.
    let fresh = library.with_extension("fresh");
    fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&fresh, &library).with_context(|| format!("cannot write {}", library.display()))
}

/// As cargo names a shared library of this machine.
fn library() -> String {
    format!("{}headwater_node{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |it| root.join(it))
}

/// Builds the library and the server, and runs the tests in Node.js, and the vectors.
pub(crate) fn test(root: &Path, tools: &Path) -> Result<()> {
    build_native(root, true)?;
    step::run("the server for the tests in Node.js", step::cargo().args(["build", "-p", "server"]).current_dir(root))?;
    let package = root.join(PACKAGE);
    let mut tests: Vec<_> = fs::read_dir(package.join("test"))
        .context("cannot list the tests")?
        .filter_map(|it| Some(it.ok()?.path()))
        .filter(|it| it.to_string_lossy().ends_with(".test.js"))
        .collect();
    tests.sort();
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).args(tests).current_dir(&package);
    node.env("HEADWATER_TOOLS", tools).env("HEADWATER_BIN", target(root).join("debug/headwater"));
    step::run("tests in Node.js", &mut node)?;
    vectors(root)
}

/// The conformance vectors, with the server of transcripts.
fn vectors(root: &Path) -> Result<()> {
    let server = Transcripts::start(root, &target(root))?;
    let mut vectors = Command::new("node");
    vectors.arg("sdks/conformance/node.js").env("HEADWATER_VECTORS_SERVER", &server.url).current_dir(root);
    step::run("vectors in Node.js", &mut vectors)
}
