//! `cargo xtask sdk generate`: what is made of `sdks/calls.json`, one file below a language or page.
//!
//! Invariants: a generated file is a function of what it is made of, and says by what it was made.
//! Not here: what other programs make, such as cbindgen's header.

mod c;
mod cpp;
mod csharp;
mod go;
mod java;
mod javascript;
mod python;
mod reference;
mod rust;
mod swift;
mod tables;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use super::{
    calls::{Calls, Code},
    examples::Examples,
    runs::Runs,
    table::Table,
};
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
    let mut made = all(&Calls::read(root)?, &Examples::read(root)?)?;
    made.extend(of_table(root, &Table::read(root)?, &Runs::read(root)?)?);
    made.retain(|made| fs::read_to_string(root.join(made.path)).ok().as_ref() != Some(&made.text));
    Ok(made)
}

fn all(calls: &Calls, examples: &Examples) -> Result<Vec<Made>> {
    Ok(vec![
        Made { path: "crates/peer-calls/src/codes.rs", text: rust::codes(&calls.errors) },
        Made { path: "sdks/c/include/headwater_codes.h", text: c::codes(&calls.errors) },
        Made { path: "sdks/jvm/src/com/headwater/Codes.java", text: java::codes(&calls.errors) },
        Made { path: "sdks/dotnet/src/Codes.cs", text: csharp::codes(&calls.errors) },
        Made { path: "sdks/cpp/include/headwater/codes.hpp", text: cpp::codes(&calls.errors) },
        Made { path: "sdks/js/src/codes.js", text: javascript::codes(&calls.errors) },
        Made { path: "sdks/go/codes.go", text: go::codes(&calls.errors) },
        Made { path: "sdks/python/src/headwater/codes.py", text: python::codes(&calls.errors) },
        Made { path: "sdks/js/types/codes.d.ts", text: javascript::types(&calls.errors) },
        Made { path: "sdks/swift/Sources/Headwater/Codes.swift", text: swift::codes(&calls.errors) },
        Made { path: "docs/reference/small-peer-calls.md", text: reference::page(calls, examples)? },
    ])
}

/// What is made of `sdks/table.json` and of what came of the last run.
fn of_table(root: &Path, table: &Table, runs: &Runs) -> Result<Vec<Made>> {
    let readme = fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    Ok(vec![
        Made { path: "README.md", text: tables::readme(&readme, table, runs)? },
        Made { path: "docs/reference/small-peer-sdks.md", text: tables::page(table) },
        Made { path: "sdks/rust/tests/it/table.rs", text: tables::rust_test(table) },
    ])
}

/// With a great letter at the beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
