//! The verbs, one file each.

pub(crate) mod serve;
pub(crate) mod sink;

pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod verify;

pub(crate) mod collection;
pub(crate) mod count;
pub(crate) mod execute;
pub(crate) mod export;
pub(crate) mod find;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod write;

pub(crate) mod app;
pub(crate) mod credentials;
pub(crate) mod groups;
pub(crate) mod index;
mod job_progress;
pub(crate) mod key;
pub(crate) mod live_query;
pub(crate) mod login_hook;
pub(crate) mod peers;
pub(crate) mod token;

pub(crate) mod restore;

pub(crate) mod accept_clock;
pub(crate) mod backup;
pub(crate) mod doctor;
pub(crate) mod portal;
pub(crate) mod status;

pub(crate) mod completions;
pub(crate) mod manual_pages;

use clap::ArgMatches;

use crate::{
    arguments::QueryArguments,
    cli::{Cli, Verb},
    config::{CommonSettings, ConfigFile},
    environment, logging,
    store_client::StoreClient,
};

/// What a verb starts with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The file at `--config`.
    pub(crate) file: ConfigFile,
    /// The options of every verb.
    pub(crate) common: CommonSettings,
}

/// Runs the verb to its end; `matches` are what `cli` was made of.
pub(crate) fn run(cli: Cli, matches: &ArgMatches) -> anyhow::Result<()> {
    let file = ConfigFile::read(cli.config.as_deref())?;
    let log_is_given = cli.common.log.is_some() || file.common.log.is_some();
    let common = cli.common.resolve(&file);
    // The demo tells its story on stdout, and a server its own on a terminal; the log is of no interest
    // there unless something is wrong.
    let tells = match &cli.verb {
        Verb::Demo(_) => true,
        Verb::Serve(serve) => serve.is_watched(common.log_format),
        _ => false,
    };
    let log = if tells && !log_is_given { "warn" } else { common.log.as_str() };
    logging::start(log, common.log_format)?;
    environment::warn_of_unknown();
    let context = Context { file, common };
    match cli.verb {
        Verb::Serve(verb) => verb.run(&context, matches.subcommand_matches("serve").expect("it is the verb")),
        Verb::Demo(verb) => verb.run(),
        Verb::Events(verb) => verb.run(&context),
        Verb::Find(verb) => verb.run(&context),
        Verb::Get(verb) => verb.run(&context),
        Verb::Count(verb) => verb.run(&context),
        Verb::Write(verb) => verb.run(&context),
        Verb::Execute(verb) => verb.run(&context),
        Verb::Import(verb) => verb.run(&context),
        Verb::Export(verb) => verb.run(&context),
        Verb::Collection(verb) => verb.run(&context),
        Verb::Verify(verb) => verb.run(&context),
        Verb::Backup(verb) => verb.run(&context),
        Verb::Restore(verb) => verb.run(&context),
        Verb::App(verb) => verb.run(&context),
        Verb::LiveQuery(verb) => verb.run(&context),
        Verb::Sink(verb) => verb.run(&context),
        Verb::Index(verb) => verb.run(&context),
        Verb::Groups(verb) => verb.run(&context),
        Verb::Peers(verb) => verb.run(&context),
        Verb::LoginHook(verb) => verb.run(&context),
        Verb::Token(verb) => verb.run(&context),
        Verb::Key(verb) => verb.run(&context),
        Verb::Credentials(verb) => verb.run(&context),
        Verb::AcceptClock(verb) => verb.run(&context),
        Verb::Portal(verb) => verb.run(&context),
        Verb::Status(verb) => verb.run(&context),
        Verb::Doctor(verb) => verb.run(&context),
        Verb::Completions(verb) => verb.run(),
        Verb::ManualPages(verb) => verb.run(),
    }
}

/// The runtime of the verbs that hold sockets: a worker for each core.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// Reads the reply of a server; one of another version may speak otherwise, and `--json` shows it
/// as it is.
pub(crate) fn read_reply<'r, T: serde::Deserialize<'r>>(reply: &'r str) -> anyhow::Result<T> {
    serde_json::from_str(reply).map_err(|error| {
        anyhow::anyhow!(
            "the server's reply is not what this version expects ({error}); try --json, or the server's own version"
        )
    })
}

/// How many documents match.
fn count_of(client: &StoreClient, collection: &str, query: &QueryArguments) -> anyhow::Result<u64> {
    let reply = client.call("count", &count::CountRequest { collection, query })?;
    Ok(read_reply::<count::CountReply>(&reply)?.count)
}
