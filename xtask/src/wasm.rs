//! The core of a small peer for browsers: `headwater.wasm` of the package `headwater` (crate
//! `headwater-browser`), built where a compiler is that can: Debian's, which has the source of its
//! `std` (`rustc-web`, `cargo-web`, `rust-web-src`). The pinned toolchain has neither that source
//! nor a `std` for wasm32.
//!
//! Invariant: what is built takes and gives what the server does; only what it says of its own faults is left out.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::step;

/// Debian's compiler, and the source of its `std`.
const CARGO: &str = "/usr/bin/cargo";
const RUSTC: &str = "/usr/bin/rustc";
const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";
const LINKER: &str = "wasm-ld";

const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];

/// Without them a panic's place and text, and the fields of what is shown for debugging, would take
/// 150 KB. A panic is a trap, which the script tells as `internal`.
const RUST_FLAGS: [&str; 6] = [
    "-Clinker=wasm-ld",
    "-Clinker-flavor=wasm-ld",
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
    "-Zlocation-detail=none",
    "-Zfmt-debug=shallow",
];

/// Where the package looks for it.
const MODULE: &str = "sdks/js/dist/headwater.wasm";

/// Builds it, where that can be; else says what is missing.
pub(crate) fn run_if_there(root: &Path) -> Result<()> {
    if !is_there() && !install() {
        step::say(&format!("wasm32: not built, since it needs these of Debian: {}", DEBIAN_PACKAGES.join(" ")));
        return Ok(());
    }
    build(root).map(|_| ())
}

/// Builds `headwater.wasm` into the package's folder; where it is.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    if !is_there() && !install() {
        bail!("headwater.wasm is built with these of Debian: apt-get install {}", DEBIAN_PACKAGES.join(" "));
    }
    let target = root.join("target/wasm32");
    let mut build = Command::new(CARGO);
    build.args(["build", "-p", "headwater-browser", "--profile", "browser", "--target", "wasm32-unknown-unknown"]);
    build.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size", "--target-dir"]).arg(&target);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC).env("RUSTFLAGS", RUST_FLAGS.join(" "));
    build.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("CARGO_TARGET_DIR");
    step::run("headwater.wasm", build.current_dir(root))?;
    let built = target.join("wasm32-unknown-unknown/browser/headwater_browser.wasm");
    let module = root.join(MODULE);
    fs::create_dir_all(module.parent().expect("it lies in a folder"))?;
    fs::copy(&built, &module).with_context(|| format!("cannot copy {}", built.display()))?;
    if let Some(packed) = packed_bytes(&module) {
        eprintln!("    headwater.wasm: {} bytes, {packed} with gzip -9", fs::metadata(&module)?.len());
    }
    Ok(module)
}

/// What a server sends of it.
fn packed_bytes(path: &Path) -> Option<usize> {
    let mut gzip = Command::new("gzip");
    let mut gzip = gzip.args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = gzip.stdin.take()?;
    let bytes = fs::read(path).ok()?;
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = gzip.wait_with_output().ok()?;
    writer.join().ok()?.ok()?;
    output.status.success().then_some(output.stdout.len())
}

fn is_there() -> bool {
    [CARGO, RUSTC, STD_SOURCE].iter().all(|path| Path::new(path).exists())
        && step::answer(LINKER, &["--version"]).is_some()
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
