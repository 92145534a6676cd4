//! `headwater completions`: a script for the shell.

use clap::CommandFactory as _;

use crate::{cli::Cli, output::print_line};

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  headwater completions bash > ~/.local/share/bash-completion/completions/headwater
  headwater completions zsh  > ~/.zfunc/_headwater
  headwater completions fish > ~/.config/fish/completions/headwater.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "headwater", &mut script);
        print_line(String::from_utf8_lossy(&script).trim_end())
    }
}
