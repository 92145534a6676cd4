//! The log: stderr, as text for people or as JSON lines for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::{config::LogFormat, failure::UsageError};

/// Starts logging; once a process. A filter that cannot be read is bad usage.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| UsageError(format!("--log {filter}: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
