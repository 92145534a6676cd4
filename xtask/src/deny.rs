//! `cargo xtask deny`: cargo-deny with this workspace's deny.toml.
//!
//! Building cargo-deny takes minutes on two cores, so `cargo xtask test` uses it only where it is built already, and
//! says so where not.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{step, tools};

const VERSION: &str = "0.20.2";

/// Builds cargo-deny at its first use, then checks.
pub(crate) fn run(root: &Path) -> Result<()> {
    let program = match installed(root) {
        Some(program) => program,
        None => {
            let into = tools::directory(root);
            let mut install = step::cargo();
            install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&into);
            step::run("build cargo-deny (takes minutes, once)", install.current_dir(root))?;
            into.join("bin/cargo-deny")
        }
    };
    check(root, &program)?;
    check_advisories(root, &program)
}

/// Checks where cargo-deny is built already.
pub(crate) fn run_if_there(root: &Path) -> Result<()> {
    match installed(root) {
        Some(program) => check(root, &program),
        None => {
            step::say(
                "dependencies: not checked, since cargo-deny is not built here; `cargo xtask deny` builds it and checks",
            );
            Ok(())
        }
    }
}

fn check(root: &Path, program: &Path) -> Result<()> {
    let mut command = Command::new(program);
    // Advisories need a database from outside; what can be checked without one is checked everywhere.
    command.args(["--offline", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    step::run("dependencies", command.current_dir(root))
}

/// Known vulnerabilities; the database comes from outside, and a machine without a way there is told so.
fn check_advisories(root: &Path, program: &Path) -> Result<()> {
    step::say("advisories: fetch the database");
    let fetched = Command::new(program).args(["fetch", "db"]).current_dir(root).output();
    if !fetched.is_ok_and(|it| it.status.success()) {
        step::say("advisories: not checked, since the database cannot be fetched from here");
        return Ok(());
    }
    step::run("advisories", Command::new(program).args(["check", "advisories"]).current_dir(root))
}

fn installed(root: &Path) -> Option<PathBuf> {
    let ours = tools::directory(root).join("bin/cargo-deny");
    if ours.exists() {
        return Some(ours);
    }
    step::answer("cargo-deny", &["--version"]).map(|_| PathBuf::from("cargo-deny"))
}
