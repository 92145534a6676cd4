//! Variables that look like options of this program and are none: each gets one warning with the
//! nearest name.
//!
//! Invariant: nothing is refused. The SDKs, scripts and whoever deploys have `HEADWATER_…` variables
//! of their own.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use crate::cli::Cli;

/// What others than this program read; and what its own build sets, which `cargo run` hands on.
const OF_OTHERS: [&str; 6] =
    ["HEADWATER_URL", "HEADWATER_TOOLS", "HEADWATER_BIN", "HEADWATER_COMMIT", "HEADWATER_PROFILE", "HEADWATER_TARGET"];
const PREFIX: &str = "HEADWATER_";

/// Warns of those in the environment, in the log.
pub(crate) fn warn_of_unknown() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for warning in warnings(names) {
        tracing::warn!("{warning}");
    }
}

fn warnings(names: impl Iterator<Item = String>) -> Vec<String> {
    let unknown: BTreeSet<String> = names.filter(|name| name.starts_with(PREFIX)).collect();
    if unknown.is_empty() {
        return Vec::new();
    }
    let known = known();
    let unknown = unknown.iter().filter(|name| !known.contains(*name) && !OF_OTHERS.contains(&name.as_str()));
    unknown.map(|name| format!("{name} is no option of this program and does nothing{}", hint(name, &known))).collect()
}

/// Every variable of every command.
fn known() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut to_do = vec![Cli::command()];
    while let Some(command) = to_do.pop() {
        let variables = command.get_arguments().filter_map(|argument| argument.get_env());
        known.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        to_do.extend(command.get_subcommands().cloned());
    }
    known
}

fn hint(name: &str, known: &BTreeSet<String>) -> String {
    let likeness = |known: &&String| strsim::jaro_winkler(&name[PREFIX.len()..], &known[PREFIX.len()..]);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.map(|nearest| format!("; the nearest one is {nearest}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_named_with_the_nearest() {
        let names = ["PATH", "HEADWATER_URL", "HEADWATER_DATA_DIR", "HEADWATER_HTP_LISTEN", "HEADWATER_RETENTION"];
        let warnings = warnings(names.map(str::to_owned).into_iter());
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert_eq!(
            warnings[0],
            "HEADWATER_HTP_LISTEN is no option of this program and does nothing; the nearest one is HEADWATER_HTTP_LISTEN"
        );
        assert!(warnings[1].contains("HEADWATER_RETENTION_"), "{warnings:?}");
    }

    #[test]
    fn every_option_of_a_server_has_a_variable() {
        let known = known();
        assert!(known.contains("HEADWATER_APP") && known.contains("HEADWATER_CONFIG"), "{known:?}");
    }
}
