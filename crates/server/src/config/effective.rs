//! The effective configuration, as `headwater serve --check` prints it: a file that `--config`
//! takes, with where each value comes from behind it.
//!
//! Invariants: each option stands there once, in the order of `serve --help`; what is a secret is not
//! shown (no option is one today: keys are files, and their paths are shown); what has no value is a
//! comment.

use clap::{ArgMatches, Args as _, parser::ValueSource};

use super::{CommonOptions, ServeOptions};

/// Where a value comes from.
const DEFAULT: &str = "default";

/// The lines. `matches` are those of `serve`; `file` is the text of the file at `--config`, and how
/// it is called.
pub(crate) fn effective(matches: &ArgMatches, file: Option<(&str, &str)>) -> Vec<String> {
    let table: toml::Table = file.and_then(|(_, text)| text.parse().ok()).unwrap_or_default();
    let command = ServeOptions::augment_args(CommonOptions::augment_args(clap::Command::new("serve")));
    let options: Vec<_> = command.get_arguments().filter(|argument| argument.get_long().is_some()).collect();
    let row = |argument: &&clap::Arg| {
        let key = argument.get_long().unwrap_or_default();
        let given = given(matches, argument.get_id().as_str());
        let (value, source) = match (given, table.get(key)) {
            (Some((value, ValueSource::EnvVariable)), _) => {
                let variable = argument.get_env().unwrap_or_default().to_string_lossy().into_owned();
                (Some(quoted(&value)), variable)
            }
            (Some((value, _)), _) => (Some(quoted(&value)), format!("--{key}")),
            (None, Some(value)) => (Some(value.to_string()), file.map(|(name, _)| name.to_owned()).unwrap_or_default()),
            (None, None) => (default_of(argument).map(|value| quoted(&value)), DEFAULT.to_owned()),
        };
        match value {
            Some(value) => (format!("{key} = {value}"), source),
            None => (format!("# {key} is not set"), source),
        }
    };
    let rows: Vec<(String, String)> = options.iter().map(row).collect();
    let width = rows.iter().map(|(text, _)| text.chars().count()).max().unwrap_or_default();
    rows.into_iter().map(|(text, source)| format!("{text:width$}  # {source}")).collect()
}

/// A value from the command line or the environment, as it was written.
fn given(matches: &ArgMatches, id: &str) -> Option<(String, ValueSource)> {
    let source = matches.value_source(id).filter(|source| *source != ValueSource::DefaultValue)?;
    let value = matches.get_raw(id)?.next()?.to_string_lossy().into_owned();
    Some((value, source))
}

/// As the option's help names it.
fn default_of(argument: &clap::Arg) -> Option<String> {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let (_, rest) = help.rsplit_once("[default: ")?;
    let value = rest.split(']').next()?.split_whitespace().collect::<Vec<_>>().join(" ");
    // Some are words, such as where a name is derived from.
    (!value.contains(' ')).then_some(value)
}

fn quoted(value: &str) -> String {
    match value {
        "true" | "false" => value.to_owned(),
        _ if value.parse::<i64>().is_ok() => value.to_owned(),
        _ => toml::Value::String(value.to_owned()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigFile;

    fn lines(arguments: &[&str], file: &str) -> Vec<String> {
        let command = ServeOptions::augment_args(CommonOptions::augment_args(clap::Command::new("serve")));
        let matches = command.try_get_matches_from([&["serve"], arguments].concat()).unwrap();
        effective(&matches, Some(("headwater.toml", file)))
    }

    #[test]
    fn every_value_says_where_it_is_from() {
        let lines =
            lines(&["--http-listen", "0.0.0.0:80", "--insecure-open"], "segment-bytes = '1MiB'\nretention-ms = 7");
        let line = |key: &str| lines.iter().find(|line| line.contains(key)).unwrap().split("  ").collect::<Vec<_>>();
        let parts = |key: &str| (line(key)[0].to_owned(), line(key).last().unwrap().trim().to_owned());
        let expected = |text: &str, source: &str| (text.to_owned(), format!("# {source}"));
        assert_eq!(parts("http-listen"), expected(r#"http-listen = "0.0.0.0:80""#, "--http-listen"));
        assert_eq!(parts("insecure-open"), expected("insecure-open = true", "--insecure-open"));
        assert_eq!(parts("segment-bytes"), expected(r#"segment-bytes = "1MiB""#, "headwater.toml"));
        assert_eq!(parts("retention-ms"), expected("retention-ms = 7", "headwater.toml"));
        assert_eq!(parts("retention-bytes"), expected("retention-bytes = -1", "default"));
        assert_eq!(parts("kafka-listen"), expected(r#"kafka-listen = "127.0.0.1:9093""#, "default"));
        assert_eq!(parts("https-cert"), expected("# https-cert is not set", "default"));
    }

    #[test]
    fn what_is_printed_is_a_file_that_says_the_same() {
        let printed = lines(&["--app", "shop", "--log", "info,store=debug"], "retention-ms = '7d'").join("\n");
        let file = ConfigFile::parse(&printed).unwrap();
        assert_eq!((file.serve.app.as_deref(), file.common.log.as_deref()), (Some("shop"), Some("info,store=debug")));
        assert_eq!(file.serve.retention_ms, ConfigFile::parse("retention-ms = '7d'").unwrap().serve.retention_ms);
    }
}
