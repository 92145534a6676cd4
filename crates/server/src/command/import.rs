//! `headwater import`: the documents of a file, into a collection.
//!
//! ```text
//! input ──> cutter ──> batches ──> senders ──> store/write, each under its request id
//!   (a thread)                     (a thread each)
//!                                    │ what became of it
//! resume file: up to where  <── this thread
//! all is acknowledged
//! ```
//!
//! Invariants: the same run of an import cuts the same input into the same batches under the same
//! request ids, however often it is interrupted, so each is written once; a document without `_id`
//! gets the same one from the same line of the same input; of a batch with a bad line nothing is
//! written. The file is never in memory, only the batches that are under way.
//! Not here: what a document may hold, which the server decides; only JSON's own rules are checked
//! here, so that line and column can be told.

mod batch;
mod cutter;
mod document;
mod reader;
mod resume;
mod run;
mod sender;

use std::path::PathBuf;

use clap::ValueEnum;

use super::Context;
use crate::{config::AppOption, config::Milliseconds, progress::ProgressOption, store_client::StoreClient};

/// What to import, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Documents are upserted: one that is there is merged with what is read. Those without _id get one that follows from the \
file and the line, so that the same file gives the same documents again. An import that was interrupted goes on when it is \
run again with the same file: each line is written once.

Examples:
  headwater import people people.ndjson
  headwater import people people.json --format json-array --id-field email
  zcat orders.ndjson.gz | headwater import orders --app shop")]
pub(crate) struct Import {
    /// The collection
    collection: String,
    /// The file; '-' is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// How documents stand in it
    #[arg(long, value_enum, default_value_t = FormatOption::Auto)]
    format: FormatOption,
    /// Take each document's _id from this field; the field stays [default: its _id]
    #[arg(long, value_name = "NAME")]
    id_field: Option<String>,
    /// Documents in one transaction, at most; fewer where they are large
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1000))]
    batch: u64,
    /// Count lines that are no documents, and go on
    #[arg(long)]
    skip_bad: bool,
    /// Begin anew, though an import of this file was interrupted
    #[arg(long)]
    restart: bool,
    /// For how long to try again while the server does not answer or cannot write, as 5m or plain
    /// milliseconds [default: 60s]
    #[arg(long, value_name = "TIME")]
    retry_for: Option<Milliseconds>,
    /// Whether to show how far it is, on stderr
    #[arg(long, value_enum, default_value_t = ProgressOption::Auto)]
    progress: ProgressOption,
    #[command(flatten)]
    app: AppOption,
}

/// How documents stand in a file, or that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatOption {
    /// One a line
    Ndjson,
    /// One JSON array
    JsonArray,
    /// What begins with '[' is an array
    Auto,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let app = self.app.clone().resolve(&context.file)?;
        let client = StoreClient::connect(&context.common.data_dir, app.clone())?;
        run::import(&self, &client, app.as_str(), &context.common.data_dir)
    }
}
