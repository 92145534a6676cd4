//! `cargo xtask sdk js`: builds the npm package `headwater`; and its tests, which `cargo xtask test` runs.
//!
//! Invariant: npm fetches nothing for it; the tests alone need TypeScript, from `target/tools`.
//! Not here: how the library for browsers is built (`wasm`).

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::languages::{Ran, Setting};
use crate::{build, step, wasm};

const PACKAGE: &str = "sdks/js";

/// Where the package looks for the library.
const LIBRARY: &str = "native/headwater.node";

/// Builds what the package has of Rust.
pub(crate) fn build(root: &Path, is_native_alone: bool, is_debug: bool) -> Result<()> {
    build_native(root, is_debug)?;
    if is_native_alone { Ok(()) } else { wasm::run_if_there(root) }
}

fn build_native(root: &Path, is_debug: bool) -> Result<()> {
    const WHAT: &str = "the library for Node.js";
    if is_debug {
        build::package(root, WHAT, "headwater-node")?;
    } else {
        let words = ["build", "--locked", "--profile", "node", "--package", "headwater-node"];
        step::run(WHAT, step::cargo().args(words).current_dir(root))?;
    }
    let built = build::target(root).join(if is_debug { "debug" } else { "node" }).join(library());
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

/// Builds the library and the server, and runs the tests in Node.js, and the vectors.
pub(crate) fn test(root: &Path, tools: &Path) -> Result<()> {
    build_native(root, true)?;
    build::package(root, "the server for the tests in Node.js", "server")?;
    let package = root.join(PACKAGE);
    let mut tests: Vec<_> = fs::read_dir(package.join("test"))
        .context("cannot list the tests")?
        .filter_map(|it| Some(it.ok()?.path()))
        .filter(|it| it.to_string_lossy().ends_with(".test.js"))
        .collect();
    tests.sort();
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec"]).args(tests).current_dir(&package);
    node.env("HEADWATER_TOOLS", tools).env("HEADWATER_BIN", build::folder(root).join("headwater"));
    step::run("tests in Node.js", &mut node)
}

/// What runs with the other languages.
pub(super) fn test_vectors(setting: &Setting<'_>) -> Result<Ran> {
    build_native(setting.root, true)?;
    let program = |path: &str| {
        let mut node = Command::new("node");
        node.arg(setting.root.join(path)).current_dir(setting.root);
        node
    };
    Ok(Ran {
        vectors: setting.vectors("Node.js", &mut program("sdks/conformance/node.js"))?,
        page: program("sdks/js/examples/page.js"),
        flush: program("sdks/js/examples/flush.js"),
        login: program("sdks/js/examples/login.js"),
    })
}
