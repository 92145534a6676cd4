//! The command line: one variant per verb.

use std::path::PathBuf;

use crate::{command, config::CommonOptions};

/// A document database whose change feed is a Kafka topic.
#[derive(Debug, clap::Parser)]
#[command(
    name = "headwater",
    version,
    long_version = LONG_VERSION,
    max_term_width = 100,
    mut_args(|argument| argument.hide_env(true)),
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// A TOML file with options; a key is a flag without its dashes
    #[arg(
        long,
        value_name = "FILE",
        env = "HEADWATER_CONFIG",
        global = true,
        help_heading = "Options of every command"
    )]
    pub(crate) config: Option<PathBuf>,
    /// The options of every verb.
    #[command(flatten)]
    pub(crate) common: CommonOptions,
}

const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit ",
    env!("HEADWATER_COMMIT"),
    "\ntarget ",
    env!("HEADWATER_TARGET"),
    "\nbuild ",
    env!("HEADWATER_PROFILE")
);

const EXAMPLES: &str = "\
Examples:
  headwater demo                     see a write become an event; nothing is left behind
  headwater serve                    run on 127.0.0.1, with data in ./headwater-data
  headwater events --from-beginning  print the topic of the running server

Every option is also an environment variable and a key of the file at --config:
  --data-dir DIR  is  HEADWATER_DATA_DIR=DIR  is  data-dir = \"DIR\"";

/// The verbs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Run a server until SIGTERM or Ctrl-C
    Serve(Box<command::serve::Serve>),
    /// Show a write become an event: a throw-away server, sample changes, a consumer
    Demo(command::demo::Demo),
    /// Print a topic of the running server as JSON lines, through its Kafka endpoint
    Events(command::events::Events),
    /// Print documents that match, one a line
    Find(command::find::Find),
    /// Print one document
    Get(command::get::Get),
    /// Count documents that match
    Count(command::count::Count),
    /// Write: the commands of one transaction, as JSON
    Write(command::write::Write),
    /// Run a DQL statement: SELECT, INSERT, UPDATE, DELETE and others
    Execute(command::execute::Execute),
    /// Write the documents of a file into a collection; goes on where it was interrupted
    Import(command::import::Import),
    /// Write every document that matches into a file
    Export(command::export::Export),
    /// List collections, and remove whole ones
    #[command(subcommand)]
    Collection(command::collection::Collection),
    /// Print a link that opens the portal of the running server in a browser
    Portal(command::portal::Portal),
    /// Say that the machine's clock is right, so that writes are taken again
    AcceptClock(command::accept_clock::AcceptClock),
    /// Prove that a data directory is whole, or say what is wrong and where
    Verify(command::verify::Verify),
    /// Copy everything into a folder of backups, while the server runs; check and prune it
    Backup(command::backup::Backup),
    /// Make a new data directory of a backup, and tell everyone who knew the old one
    Restore(command::restore::Restore),
    /// Make, list and delete apps
    #[command(subcommand)]
    App(command::app::App),
    /// Make, list, change and delete live queries: what topics carry
    #[command(subcommand)]
    LiveQuery(command::live_query::LiveQuery),
    /// Deliver an app's events to your Kafka, exactly once, or to a web server
    #[command(subcommand)]
    Sink(command::sink::Sink),
    /// Make, list, show and drop indexes: documents found without a look at all of them
    #[command(subcommand)]
    Index(command::index::Index),
    /// List, show, reset and delete consumer groups: who consumes, and how far behind
    #[command(subcommand)]
    Groups(command::groups::Groups),
    /// List small peers, shut one out, let it in again
    #[command(subcommand)]
    Peers(command::peers::Peers),
    /// Say who is asked when users of an app log in
    #[command(subcommand)]
    LoginHook(command::login_hook::LoginHook),
    /// List users who have logged in, and revoke their tokens
    #[command(subcommand)]
    Token(command::token::Token),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(command::key::Key),
    /// Issue, list and revoke the certificates of Kafka clients
    #[command(subcommand)]
    Credentials(command::credentials::Credentials),
    /// Show how the running server does: ports, disk, lag, certificates, warnings
    Status(command::status::Status),
    /// Look for what is set up wrong: modes, disk, clock, limits, TLS with the consumers' own files
    Doctor(command::doctor::Doctor),
    /// Print a script that completes commands in a shell
    Completions(command::completions::Completions),
    /// Write a page for `man` of each command into a directory
    #[command(hide = true)]
    ManualPages(command::manual_pages::ManualPages),
}
