//! `headwater portal`: a link that opens the portal of the running server, or the portal itself.

use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::json;
use wire::admin::SignInLinkReply;

use super::{Context, read_reply};
use crate::{
    admin_client::AdminClient,
    output::{date_time, print_line},
};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The link signs in whoever opens it first; it holds for ten minutes.

Examples:
  headwater portal --open
  ssh -L 8080:127.0.0.1:8080 server headwater portal --data-dir /var/lib/headwater")]
pub(crate) struct Portal {
    /// Open it in a browser of this machine, and do not print it
    #[arg(long, conflicts_with = "json")]
    open: bool,
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
        if self.open {
            open(&url)?;
            eprintln!("opened the portal in a browser");
            return Ok(());
        }
        eprintln!("opens the portal, once, until {}:", date_time(expires_ms));
        print_line(&url)
    }
}

/// What opens a link on this kind of machine.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Has the browser that a person prefers open the link. What that program prints is of no interest.
fn open(url: &str) -> anyhow::Result<()> {
    let instead = "open the link that headwater portal prints";
    let mut command = Command::new(OPENER);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().with_context(|| format!("cannot run {OPENER}: {instead}"))?;
    anyhow::ensure!(status.success(), "{OPENER} found no browser ({status}): {instead}");
    Ok(())
}
