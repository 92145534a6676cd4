//! `cargo xtask sdk …`: what the SDKs for small peers need beyond `cargo build`.
//!
//! One file per verb.
//! Not here: the SDKs themselves (`sdks/`), their tests (`cargo xtask test`).

pub(crate) mod c;
mod calls;
pub(crate) mod cpp;
pub(crate) mod dotnet;
mod examples;
mod generate;
pub(crate) mod go;
pub(crate) mod js;
pub(crate) mod jvm;
mod kotlin;
pub(crate) mod languages;
mod login;
mod page;
pub(crate) mod python;
mod runs;
mod rust;
mod swift;
mod table;
mod transcripts;
mod vectors;

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::generate::check;
use crate::tools;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make what is made of sdks/calls.json and sdks/table.json: constants of error codes, the
    /// reference pages, the table of README.md, a test of each name.
    Generate {
        /// Writes nothing, and fails if a file is not as it would be made.
        #[arg(long)]
        check: bool,
    },
    /// Build the C library, and run what must hold of it: its driver in C++ under sanitizers, with the
    /// conformance vectors, and the program of its README.
    C,
    /// Run each SDK in its language: its tests, the conformance vectors, and the page's snippet in all of them.
    #[command(after_help = "Example:\n  cargo xtask sdk languages --only Rust --only 'JavaScript in Node.js'")]
    Languages {
        /// Only these, as README.md names them.
        #[arg(long, value_name = "LANGUAGE")]
        only: Vec<String>,
        /// Write into sdks/runs.json what came of it, for README.md.
        #[arg(long)]
        record: bool,
    },
    /// As `languages --only Go`: the module's tests, its vectors, its format.
    Go,
    /// As `languages --only C++`: its tests under sanitizers, the vectors, and projects that find it installed.
    Cpp,
    /// As `languages --only Python`: its wheel in an environment below the tools, its tests, the vectors, its types.
    Python,
    /// As `languages --only Java`: its jar, its tests, the vectors, the program of its README.
    Jvm {
        /// Only builds the jar, for use: with a release library.
        #[arg(long)]
        release: bool,
    },
    /// As `languages --only C#`: compiled by Mono, its tests, the vectors, the program of its README.
    Dotnet,
    /// As `languages --only Kotlin`: its jar over Java's, its tests, the program of its README.
    Kotlin,
    /// Build the npm package headwater in sdks/js: the library for Node.js, and the one for browsers
    /// where a compiler is that can.
    Js {
        /// Without the library for browsers.
        #[arg(long)]
        native: bool,
        /// Quicker to build, and slower.
        #[arg(long)]
        debug: bool,
    },
}

pub(crate) fn run(root: &Path, verb: &Verb) -> Result<()> {
    match verb {
        Verb::Generate { check: true } => check(root),
        Verb::Generate { check: false } => generate::run(root),
        Verb::C => c::test(root),
        Verb::Languages { only, record } => languages::run(root, &tools::install(root)?, only, *record),
        Verb::Go => languages::run(root, &tools::install(root)?, &["Go".to_owned()], false),
        Verb::Cpp => languages::run(root, &tools::install(root)?, &["C++".to_owned()], false),
        Verb::Python => languages::run(root, &tools::install(root)?, &["Python".to_owned()], false),
        Verb::Jvm { release: true } => jvm::build(root),
        Verb::Jvm { release: false } => languages::run(root, &tools::install(root)?, &["Java".to_owned()], false),
        Verb::Dotnet => languages::run(root, &tools::install(root)?, &["C#".to_owned()], false),
        Verb::Kotlin => languages::run(root, &tools::install(root)?, &["Kotlin".to_owned()], false),
        Verb::Js { native, debug } => js::build(root, *native, *debug),
    }
}
