//! The verbs, one file each.

pub(crate) mod serve;

pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod verify;

pub(crate) mod app;
pub(crate) mod credentials;
pub(crate) mod key;

pub(crate) mod completions;

use crate::{
    cli::{Cli, Verb},
    config::{CommonSettings, ConfigFile},
    logging,
};

/// What a verb starts with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The file at `--config`.
    pub(crate) file: ConfigFile,
    /// The options of every verb.
    pub(crate) common: CommonSettings,
}

/// Runs the verb to its end.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let file = ConfigFile::read(cli.config.as_deref())?;
    let common = cli.common.resolve(&file);
    // The demo tells its story on stdout; the log of its server is of no interest unless something is wrong.
    let log = if matches!(cli.verb, Verb::Demo(_)) && common.log == "info" { "warn" } else { common.log.as_str() };
    logging::start(log, common.log_format)?;
    let context = Context { file, common };
    match cli.verb {
        Verb::Serve(verb) => verb.run(&context),
        Verb::Demo(verb) => verb.run(),
        Verb::Events(verb) => verb.run(&context),
        Verb::Verify(verb) => verb.run(&context),
        Verb::App(verb) => verb.run(&context),
        Verb::Key(verb) => verb.run(&context),
        Verb::Credentials(verb) => verb.run(&context),
        Verb::Completions(verb) => verb.run(),
    }
}

/// The runtime of the verbs that hold sockets: a worker for each core.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// The list below `name` of a reply.
fn items<'a>(reply: &'a serde_json::Value, name: &str) -> &'a [serde_json::Value] {
    reply[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A field as it is shown; nothing if it is absent.
fn text(object: &serde_json::Value, name: &str) -> String {
    match &object[name] {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A field in milliseconds since the epoch as it is shown.
fn date(object: &serde_json::Value, name: &str) -> String {
    object[name].as_u64().map(crate::output::date_time).unwrap_or_default()
}
