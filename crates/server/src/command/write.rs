//! `headwater write`: one transaction, as the API takes it.

use std::path::PathBuf;

use super::Context;
use crate::{config::AppOption, input::InputFile, output::print_line, store_client::StoreClient};

/// What to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The body is that of store/write: {\"commands\":[…]} with upserts, updates and removes, which happen together or \
not at all. The reply is printed as it is.

Examples:
  headwater write changes.json
  echo '{\"commands\":[{\"method\":\"remove\",\"collection\":\"people\",\"id\":\"abc123\"}]}' | headwater write")]
pub(crate) struct Write {
    /// The file with the body; '-' is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// The write's name: sent again under it, with the same body, it is done once
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    #[command(flatten)]
    app: AppOption,
}

impl Write {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = StoreClient::connect(&context.common.data_dir, self.app.resolve(&context.file)?)?;
        let body = InputFile::open(&self.file)?.read_all()?;
        print_line(&client.send("write", &body, self.request_id.as_deref())?)
    }
}
