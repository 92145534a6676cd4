//! What `headwater --version` says of the build: the commit, the target.
//!
//! A build outside a git checkout, or without git, says "unknown"; `HEADWATER_BUILD_COMMIT` overrides both.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=HEADWATER_BUILD_COMMIT");
    let commit = std::env::var("HEADWATER_BUILD_COMMIT").ok().or_else(|| {
        // The log of HEAD gains a line with every commit and checkout.
        let log = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?;
        println!("cargo::rerun-if-changed={log}");
        git(&["rev-parse", "--short=12", "HEAD"])
    });
    println!("cargo::rustc-env=HEADWATER_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rustc-env=HEADWATER_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo::rustc-env=HEADWATER_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
