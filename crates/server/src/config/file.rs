//! The TOML file of `--config`.
//!
//! Invariants: a key is a flag's name without the dashes before it; an error is one line that says
//! where and what.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::Args as _;

use super::{CommonOptions, ServeOptions, usage};

/// What the file says; empty if there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ConfigFile {
    pub(crate) common: CommonOptions,
    pub(crate) serve: ServeOptions,
    /// The file as it was given, and its text; `None` if there is none.
    pub(crate) source: Option<(PathBuf, String)>,
}

impl ConfigFile {
    /// Reads and checks the whole file, whatever the command needs of it.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?;
        let parsed = Self::parse(&text).map_err(|message| usage(format!("{}, {message}", path.display())))?;
        Ok(Self { source: Some((path.to_owned(), text)), ..parsed })
    }

    /// Reads the file's text. The error says the line and what is wrong there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let at = |offset: usize| format!("line {}", text[..offset.min(text.len())].matches('\n').count() + 1);
        let place =
            |error: &toml::de::Error| error.span().map_or_else(|| "at its end".to_owned(), |span| at(span.start));
        let table = toml::de::DeTable::parse(text)
            .map_err(|error| format!("{}: {}", place(&error), one_line(error.message())))?;
        let known = known_keys();
        for key in table.get_ref().keys() {
            if !known.contains(key.get_ref().as_ref()) {
                return Err(format!("{}: {}", at(key.span().start), unknown_key(key.get_ref(), &known)));
            }
        }
        let key_at = |offset: usize| {
            let holder = table.get_ref().iter().find(|(_, value)| value.span().contains(&offset));
            holder.map(|(key, _)| format!(", {}", key.get_ref())).unwrap_or_default()
        };
        let wrong = |error: toml::de::Error| {
            let key = error.span().map(|span| key_at(span.start)).unwrap_or_default();
            format!("{}{key}: {}", place(&error), one_line(error.message()))
        };
        let (common, serve) = (toml::from_str(text).map_err(wrong)?, toml::from_str(text).map_err(wrong)?);
        Ok(Self { common, serve, source: None })
    }
}

/// The keys are the flags' names, by construction.
fn known_keys() -> BTreeSet<String> {
    let command = ServeOptions::augment_args(CommonOptions::augment_args(clap::Command::new("headwater")));
    command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
}

fn unknown_key(key: &str, known: &BTreeSet<String>) -> String {
    let spelled = key.trim_start_matches('-').replace('_', "-").to_lowercase();
    let likeness = |name: &&String| strsim::jaro_winkler(&spelled, name);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest.map(|name| format!("; the nearest known one is {name:?}")).unwrap_or_default();
    format!("unknown key {key:?}{hint}")
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(ConfigFile::parse(text).unwrap_err(), message);
    }

    #[test]
    fn every_flag_is_a_key() {
        let text = "
            data-dir = '/var/lib/headwater'\nlog = 'warn'\nlog-format = 'json'
            http-listen = '0.0.0.0:80'\nhttps-listen = '[::]:443'\nhttps-cert = 'c'\nhttps-key = 'k'
            max-request-bytes = 1\nmax-attachment-bytes = 1\nrequest-timeout-ms = '5s'\ninsecure-open = true\nattachment-grace = '7d'\naccept-clock = true\nnewest-note = 'n'\nno-sinks = true\nkafka-listen = '0.0.0.0:9093'\nkafka-advertise = 'a:1'
            max-connections-per-user = 7\nmax-groups-per-app = 7\noffsets-retention-minutes = -1
            backup-to = 'b'\nbackup-every = '6h'\nbackup-keep = '30d'\nbackup-passphrase-file = 'p'
            max-event-bytes = '1MiB'\napp = 'shop'\nsegment-bytes = 3\nretention-bytes = -1\nretention-ms = -1\ntombstone-retention-ms = -1";
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table.keys().cloned().collect::<BTreeSet<_>>(), known_keys());
        let file = ConfigFile::parse(text).unwrap();
        assert_eq!(file.serve.clone().over(ServeOptions::default()), file.serve);
        let debug = format!("{:?} {:?}", file.common, file.serve);
        assert!(!debug.contains("None"), "a key is not read: {debug}");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest() {
        refused("\nhtp-listen = 1", "line 2: unknown key \"htp-listen\"; the nearest known one is \"http-listen\"");
        refused("data_dir = 'x'", "line 1: unknown key \"data_dir\"; the nearest known one is \"data-dir\"");
        refused("[kafka]\nlisten = 1", "line 1: unknown key \"kafka\"; the nearest known one is \"kafka-listen\"");
    }

    #[test]
    fn a_wrong_value_says_where() {
        refused(
            "app = 'a'\nsegment-bytes = true",
            "line 2, segment-bytes: invalid type: boolean `true`, expected a string or a whole number",
        );
        refused(
            "retention-ms = '64KiB'",
            "line 1, retention-ms: a time is milliseconds, or a number with ms, s, m, h or d, such as 7d, not \"64KiB\"; -1 keeps all",
        );
        refused("app = 1", "line 1, app: invalid type: integer `1`, expected a string");
        refused("http-listen = 'x'", "line 1, http-listen: an address is HOST:PORT, such as 127.0.0.1:8080");
        refused("log-format = 'xml'", "line 1, log-format: unknown variant `xml`, expected `text` or `json`");
    }

    #[test]
    fn broken_toml_says_where() {
        assert!(ConfigFile::parse("app = 'a'\nlog =").unwrap_err().starts_with("line 2: "));
        assert!(ConfigFile::parse("app = 'a'\napp = 'b'").unwrap_err().starts_with("line 2: "));
    }

    #[test]
    fn every_option_is_documented() {
        let page = include_str!("../../../../docs/operating/running.md");
        for key in known_keys() {
            let variable = key.to_uppercase().replace('-', "_");
            let row = page.lines().find(|line| line.starts_with(&format!("| `--{key}")));
            assert!(row.is_some_and(|row| row.contains(&format!("`HEADWATER_{variable}`"))), "--{key}");
        }
    }
}
