//! `cargo xtask sdk generate`: what is made of `sdks/calls.json`, one file below a language or page.
//!
//! Invariants: a generated file is a function of what it is made of, and says by what it was made.
//! Not here: what other programs make, such as cbindgen's header.

mod c;
mod javascript;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use super::calls::{Calls, Code};
use crate::step;

/// What makes the files, as their headers and errors say it.
const COMMAND: &str = "cargo xtask sdk generate";

/// A file that is made: where it lies, and all of it.
struct Made {
    path: &'static str,
    text: String,
}

/// Writes every file that is not as it would be made.
pub(super) fn run(root: &Path) -> Result<()> {
    for Made { path, text } in stale(root)? {
        let whole = root.join(path);
        let folder = whole.parent().context("a generated file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder of {path}"))?;
        fs::write(&whole, text).with_context(|| format!("cannot write {path}"))?;
        step::say(&format!("{path}: written"));
    }
    Ok(())
}

/// Fails if a file is not as it would be made.
pub(crate) fn check(root: &Path) -> Result<()> {
    let stale = stale(root)?;
    if stale.is_empty() {
        return Ok(());
    }
    let paths: Vec<&str> = stale.iter().map(|made| made.path).collect();
    bail!("not as `{COMMAND}` makes them (run it): {}", paths.join(", "));
}

fn stale(root: &Path) -> Result<Vec<Made>> {
    let made = all(&Calls::read(root)?);
    Ok(made
        .into_iter()
        .filter(|made| fs::read_to_string(root.join(made.path)).ok().as_ref() != Some(&made.text))
        .collect())
}

fn all(calls: &Calls) -> Vec<Made> {
    vec![
        Made { path: "sdks/c/include/headwater_codes.h", text: c::codes(&calls.errors) },
        Made { path: "sdks/js/src/codes.js", text: javascript::codes(&calls.errors) },
        Made { path: "sdks/js/types/codes.d.ts", text: javascript::types(&calls.errors) },
    ]
}

/// `invalid_message` as `InvalidMessage`.
fn upper_camel_case(code: &Code) -> String {
    let words = code.code.split('_');
    words.map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect()
}
