//! Building what verbs run: debug programs and libraries of this workspace.
//!
//! Cargo gives a dependency the features that the chosen packages ask for, so each choice of packages compiles much
//! of the tree anew. `cargo xtask test` therefore builds everything once, and what it runs later is there.
//! That choice has `kafka`, which the product's own builds leave out: it needs a C compiler and OpenSSL's headers.
//! Invariant: a verb that runs alone builds only what it needs.
//! Not here: release builds.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Result;

use crate::step;

/// The features that [`everything`] is built with, for cargo.
pub(crate) const FEATURES: [&str; 2] = ["--features", "server/kafka,sinks/kafka"];

/// Whether [`everything`] is there.
static IS_EVERYTHING_BUILT: AtomicBool = AtomicBool::new(false);

/// Builds all of the workspace, with its tests, as `cargo test --workspace` has it.
pub(crate) fn everything(root: &Path) -> Result<()> {
    if is_everything_there() {
        return Ok(());
    }
    let all = ["build", "--workspace", "--lib", "--bins", "--examples", "--tests"];
    step::run("everything", step::cargo().args(all).args(FEATURES).current_dir(root))?;
    IS_EVERYTHING_BUILT.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether [`everything`] was built.
pub(crate) fn is_everything_there() -> bool {
    IS_EVERYTHING_BUILT.load(Ordering::Relaxed)
}

/// Builds a package: its programs and libraries are in [`folder`] then.
pub(crate) fn package(root: &Path, what: &str, package: &str) -> Result<()> {
    if is_everything_there() {
        return Ok(());
    }
    step::run(what, step::cargo().args(["build", "--locked", "--package", package]).current_dir(root))
}

/// The command that runs one of a package's files of tests. No other package has one of this name.
pub(crate) fn test(root: &Path, package: &str, file: &str) -> Command {
    let mut test = step::cargo();
    test.arg("test").current_dir(root);
    if is_everything_there() {
        test.arg("--workspace").args(FEATURES);
    } else {
        test.args(["--package", package]);
    }
    test.args(["--test", file]);
    test
}

/// Cargo's folder for what it makes.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |it| root.join(it))
}

/// Where debug programs and libraries are.
pub(crate) fn folder(root: &Path) -> PathBuf {
    target(root).join("debug")
}
