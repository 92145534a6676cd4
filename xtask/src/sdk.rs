//! `cargo xtask sdk …`: what the SDKs for small peers need beyond `cargo build`.
//!
//! One file per verb.
//! Not here: the SDKs themselves (`sdks/`), their tests (`cargo xtask test`).

pub(crate) mod c;
mod calls;
mod examples;
mod generate;
pub(crate) mod js;
mod table;
mod transcripts;

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::generate::check;

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
        Verb::Js { native, debug } => js::build(root, *native, *debug),
    }
}
