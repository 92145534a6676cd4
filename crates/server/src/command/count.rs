//! `headwater count`: how many documents match.

use serde::{Deserialize, Serialize};

use super::{Context, read_reply};
use crate::{arguments::QueryArguments, config::AppOption, output::print_line, store_client::StoreClient};

/// What to count.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  headwater count people
  headwater count people \"age >= 18\" --app shop")]
pub(crate) struct Count {
    /// The collection
    collection: String,
    #[command(flatten)]
    query: QueryArguments,
    /// Print the server's JSON reply
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: AppOption,
}

#[derive(Serialize)]
pub(super) struct CountRequest<'a> {
    pub(super) collection: &'a str,
    #[serde(flatten)]
    pub(super) query: &'a QueryArguments,
}

#[derive(Deserialize)]
pub(super) struct CountReply {
    pub(super) count: u64,
}

impl Count {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = StoreClient::connect(&context.common.data_dir, self.app.resolve(&context.file)?)?;
        let text = client.call("count", &CountRequest { collection: &self.collection, query: &self.query })?;
        if self.json {
            return print_line(&text);
        }
        print_line(&read_reply::<CountReply>(&text)?.count.to_string())
    }
}
