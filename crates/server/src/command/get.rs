//! `headwater get`: one document.

use serde::Serialize;

use super::{Context, read_reply};
use crate::{
    arguments::JsonText,
    config::AppOption,
    found_documents::{FoundDocument, write_lines},
    output::{print_line, write_stdout},
    store_client::StoreClient,
};

/// Which document.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  headwater get people abc123
  headwater get people 17                     the integer
  headwater get people '\"17\"'                 the text
  headwater get orders '{\"shop\":\"a\",\"nr\":4}'")]
pub(crate) struct Get {
    /// The collection
    collection: String,
    /// Its _id as JSON: an integer, an object, or a text; a bare word is a text
    #[arg(allow_negative_numbers = true)]
    id: JsonText,
    /// Print the server's JSON reply
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: AppOption,
}

#[derive(Serialize)]
struct FindByIdRequest<'a> {
    collection: &'a str,
    id: &'a JsonText,
}

impl Get {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = StoreClient::connect(&context.common.data_dir, self.app.resolve(&context.file)?)?;
        let text = client.call("findbyid", &FindByIdRequest { collection: &self.collection, id: &self.id })?;
        if self.json {
            return print_line(&text);
        }
        let document: FoundDocument<'_> = read_reply(&text)?;
        write_stdout(|stdout| write_lines(&[document], stdout))
    }
}
