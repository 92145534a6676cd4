//! Whether the crates of a small peer build for the browser, where a compiler is that can: Debian's, which has the source of its `std`
//! (`rustc-web`, `cargo-web`, `rust-web-src`). The pinned toolchain has neither that source nor a `std` for wasm32.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::step;

/// Debian's compiler, and the source of its `std`.
const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

const PACKAGES: [&str; 2] = ["peer-core", "sync-protocol"];

pub(crate) fn run_if_there(root: &Path) -> Result<()> {
    if !is_there() && !install() {
        step::say(&format!("wasm32: not tried, since it needs these of Debian: {}", DEBIAN_PACKAGES.join(" ")));
        return Ok(());
    }
    let mut check = Command::new(CARGO);
    check.args([
        "check",
        "--target",
        "wasm32-unknown-unknown",
        "-Zbuild-std=std,panic_abort",
        "--target-dir",
        "target/wasm32",
    ]);
    check.args(PACKAGES.iter().flat_map(|package| ["-p", package]));
    check.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    step::run("wasm32", check.current_dir(root))
}

fn is_there() -> bool {
    [CARGO, RUSTC, STD_SOURCE].iter().all(|path| Path::new(path).exists())
}

/// Installs them where that may be done; whether they are there then.
fn install() -> bool {
    let is_root = step::answer("id", &["-u"]).is_some_and(|uid| uid.trim() == "0");
    if !is_root || step::answer("apt-get", &["--version"]).is_none() {
        return false;
    }
    let mut apt = Command::new("apt-get");
    apt.args(["install", "-y", "-qq", "--no-install-recommends"]).args(DEBIAN_PACKAGES);
    let apt = apt.env("DEBIAN_FRONTEND", "noninteractive");
    let installed = step::run_quietly(&format!("apt-get install {}", DEBIAN_PACKAGES.join(" ")), apt);
    installed.is_ok() && is_there()
}
