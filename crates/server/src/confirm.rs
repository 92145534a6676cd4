//! Asking a person before something is gone for good.
//!
//! Invariant: without a terminal nobody is asked and nothing is done; `--yes` is the answer there.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::failure::UsageError;

/// Has somebody at a terminal type `name` before it is deleted; `consequence` says what goes with it.
/// Where there is no terminal it is bad usage, which says that `--yes` is wanted.
pub(crate) fn by_name(name: &str, consequence: &str) -> anyhow::Result<()> {
    let mut stderr = std::io::stderr();
    if !(std::io::stdin().is_terminal() && stderr.is_terminal()) {
        return Err(UsageError(format!("{consequence}; to do it, add --yes")).into());
    }
    write!(stderr, "{consequence}.\nType {name} to do it: ")?;
    stderr.flush()?;
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() == name {
        return Ok(());
    }
    anyhow::bail!("{:?} was typed, not {name:?}: nothing was done", typed.trim())
}
