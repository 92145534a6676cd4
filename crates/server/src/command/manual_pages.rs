//! `headwater manual-pages`: a page for `man` of each command, for those who make packages.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::{cli::Cli, output::print_line};

/// Where to.
#[derive(Debug, clap::Args)]
pub(crate) struct ManualPages {
    /// The directory that gets headwater.1, headwater-serve.1 and so on; made if it is missing
    directory: PathBuf,
}

impl ManualPages {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let directory = &self.directory;
        let written = || -> std::io::Result<()> {
            std::fs::create_dir_all(directory)?;
            // Hidden commands are nobody's to read about.
            clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), directory)
        };
        written().with_context(|| format!("cannot write pages into {}", directory.display()))?;
        print_line(&directory.display().to_string())
    }
}
