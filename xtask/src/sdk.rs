//! `cargo xtask sdk …`: what the SDKs for small peers need beyond `cargo build`.
//!
//! One file per verb.
//! Not here: the SDKs themselves (`sdks/`), their tests (`cargo xtask test`).

mod calls;
mod examples;
mod generate;

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::generate::check;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make what is made of sdks/calls.json: constants of error codes for each language, and
    /// docs/reference/small-peer-calls.md.
    Generate {
        /// Writes nothing, and fails if a file is not as it would be made.
        #[arg(long)]
        check: bool,
    },
}

pub(crate) fn run(root: &Path, verb: &Verb) -> Result<()> {
    match verb {
        Verb::Generate { check: true } => check(root),
        Verb::Generate { check: false } => generate::run(root),
    }
}
