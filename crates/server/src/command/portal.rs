//! `headwater portal`: a link that opens the portal of the running server.

use serde_json::json;
use wire::admin::SignInLinkReply;

use super::{Context, read_reply};
use crate::{
    admin_client::AdminClient,
    output::{date_time, print_line},
};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "The link signs in whoever opens it first; it holds for ten minutes.")]
pub(crate) struct Portal {
    /// Print the server's JSON reply
    #[arg(long)]
    json: bool,
}

impl Portal {
    /// The link alone on stdout, so that `xdg-open "$(headwater portal)"` works.
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let reply = AdminClient::connect(&context.common.data_dir)?.create("sign-in-links", &json!({}))?;
        if self.json {
            return print_line(&reply);
        }
        let SignInLinkReply { url, expires_ms } = read_reply(&reply)?;
        eprintln!("opens the portal, once, until {}:", date_time(expires_ms));
        print_line(&url)
    }
}
