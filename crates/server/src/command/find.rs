//! `headwater find`: documents that match, as lines that `headwater import` takes.

use std::io::IsTerminal as _;

use serde::Serialize;

use super::{Context, read_reply};
use crate::{
    arguments::{QueryArguments, SortBy},
    config::AppOption,
    found_documents::{FindReply, write_lines},
    output::{print_line, write_stdout},
    store_client::StoreClient,
};

/// How many documents are printed if nothing is said: as many as the API answers then.
const LIMIT_DEFAULT: u64 = 1000;

/// What to look for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  headwater find people
  headwater find people \"age >= 18\" --sort age:desc --limit 10
  headwater find people 'name == $args.n' --arg n=Susan
  headwater find orders --describe
  headwater find people | jq -c '{_id, name}'

All documents of a large collection: headwater export.")]
pub(crate) struct Find {
    /// The collection
    collection: String,
    #[command(flatten)]
    query: QueryArguments,
    /// Sort by this field, as FIELD or FIELD:desc; repeatable, the first weighs most [default: by
    /// _id]
    #[arg(long, value_name = "FIELD[:desc]")]
    sort: Vec<SortBy>,
    /// Print at most so many documents
    #[arg(long, value_name = "N", default_value_t = LIMIT_DEFAULT)]
    limit: u64,
    /// Leave out so many of the matching ones first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
    /// Tell how the documents would be looked for, instead of looking
    #[arg(long)]
    describe: bool,
    /// Print the server's JSON reply
    #[arg(long, conflicts_with = "ndjson")]
    json: bool,
    /// Print one document a line, which is the default
    #[arg(long)]
    ndjson: bool,
    #[command(flatten)]
    app: AppOption,
}

#[derive(Serialize)]
struct FindRequest<'a> {
    collection: &'a str,
    #[serde(flatten)]
    query: &'a QueryArguments,
    sort: &'a [SortBy],
    limit: u64,
    offset: u64,
    describe: bool,
}

impl Find {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self { collection, query, sort, limit, offset, describe, json, ndjson: _, app } = self;
        let client = StoreClient::connect(&context.common.data_dir, app.resolve(&context.file)?)?;
        let request = FindRequest { collection: &collection, query: &query, sort: &sort, limit, offset, describe };
        let text = client.call("find", &request)?;
        if json {
            return print_line(&text);
        }
        let reply: FindReply<'_> = read_reply(&text)?;
        write_stdout(|stdout| write_lines(&reply.documents, stdout))?;
        if reply.documents.len() as u64 == limit && std::io::stderr().is_terminal() {
            eprintln!("headwater: there may be more than {limit}: raise --limit, or use headwater export");
        }
        Ok(())
    }
}
