//! How a command fails: one line on stderr and an exit status (docs/operating/running.md).

use std::process::ExitCode;

/// The command was asked for something that makes no sense: exit status 2. Everything else that
/// fails is 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Whoever read our stdout has read enough (`| head`): the command ends, and that is no failure.
#[derive(Debug, thiserror::Error)]
#[error("stdout is closed")]
pub(crate) struct StdoutClosed;

/// What was looked at works, and something of it should be seen to: exit status 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OnlyWarnings(pub(crate) String);

/// Says why on stderr, in one line, and gives the status.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<StdoutClosed>().is_some() {
        return ExitCode::SUCCESS;
    }
    eprintln!("headwater: {}", one_line(error));
    ExitCode::from(status(error))
}

fn status(error: &anyhow::Error) -> u8 {
    match () {
        () if error.downcast_ref::<UsageError>().is_some() => 2,
        () if error.downcast_ref::<OnlyWarnings>().is_some() => 3,
        () => 1,
    }
}

/// The error and its causes in one line; a cause that the line before already ends with is not said
/// twice.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once_and_in_one_line() {
        let error = anyhow::anyhow!("disk\n on fire").context("cannot read x: disk on fire").context("start");
        assert_eq!(one_line(&error), "start: cannot read x: disk on fire");
    }
}
