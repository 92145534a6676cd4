//! The log: stderr, as text for people or as JSON lines for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::{config::LogFormat, failure::UsageError};

/// Starts logging; once a process. A filter that cannot be read is bad usage.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    // A library's own steps are details to whoever runs a server; a filter that names the library shows them.
    let filter = EnvFilter::try_new(format!("fjall=warn,lsm_tree=warn,{filter}"))
        .map_err(|error| UsageError(format!("--log: {error}")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
