//! `headwater peers`: small peers, how far behind each is, and who is shut out.

use serde_json::json;
use wire::admin::{PeerReply, PeersReply};

use super::{Context, read_reply};
use crate::{
    admin_client::AdminClient,
    config::AppOption,
    output::{counted, date_time, print_line, print_table},
};

/// What is not known, or does not apply.
const NOTHING: &str = "\u{2013}";

/// What to do with small peers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Peers {
    /// List the small peers of an app: who is connected, what is pending, how far behind each is
    #[command(after_help = "\
Example:
  headwater peers list

PENDING is how many of its own transactions have no verdict, as far as the peer told
while it was connected. LAG is how many transactions of the server it lacks, at most.
Of a peer that was not connected for long only its site and key are known.")]
    List {
        #[command(flatten)]
        app: AppOption,
        /// Only those behind this site: the next page
        #[arg(long, value_name = "SITE")]
        after: Option<u64>,
        /// How many at most
        #[arg(
            long,
            value_name = "COUNT",
            default_value_t = 1000,
            value_parser = clap::value_parser!(u64).range(1..=1000),
        )]
        limit: u64,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Shut a peer out: its session ends at once, and it is let in no more
    #[command(after_help = "\
What it wrote and did not push stays on the device. Whoever holds its key can come under
another site: where that is to be prevented, revoke the key too.

Example:
  headwater peers revoke 9120475511033275417")]
    Revoke {
        /// Its site, as `headwater peers list` and the header `site` of its events show it
        site: u64,
        #[command(flatten)]
        app: AppOption,
    },
    /// Let a peer in again that is revoked
    #[command(after_help = "Example:\n  headwater peers allow 9120475511033275417")]
    Allow {
        /// Its site
        site: u64,
        #[command(flatten)]
        app: AppOption,
    },
}

impl Peers {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Peers::List { app, after, limit, json } => {
                let (server, path) = connect(context, app)?;
                let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
                let reply = server.read(&format!("{path}?limit={limit}{after}"))?;
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            Peers::Revoke { site, app } => {
                let (server, path) = connect(context, app)?;
                server.create(&format!("{path}/{site}/revoke"), &json!({}))?;
                print_line(&format!("revoked peer {site}"))
            }
            Peers::Allow { site, app } => {
                let (server, path) = connect(context, app)?;
                server.create(&format!("{path}/{site}/allow"), &json!({}))?;
                print_line(&format!("peer {site} is let in again"))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/peers", app.as_str())))
}

fn print_all(reply: &PeersReply) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = reply.peers.iter().map(row).collect();
    let headings = ["site", "key", "state", "last seen", "pending", "lag", "sdk", "address"];
    print_table(&headings, &rows, "no small peers: none of this app has connected or pushed anything")?;
    match &reply.next {
        None => Ok(()),
        Some(next) => {
            let connected = counted(reply.connected as u64, "peer");
            print_line(&format!("{connected} connected; more with --after {next}"))
        }
    }
}

fn row(peer: &PeerReply) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| NOTHING.to_owned(), |number| number.to_string());
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| NOTHING.to_owned());
    let seen = match (&peer.connection, peer.seen_ms) {
        (Some(_), _) => "now".to_owned(),
        (None, Some(seen_ms)) => date_time(seen_ms),
        (None, None) => NOTHING.to_owned(),
    };
    vec![
        peer.site.clone(),
        text(&peer.key),
        state(peer).to_owned(),
        seen,
        number(peer.pending),
        number(peer.lag),
        text(&peer.sdk),
        text(&peer.address),
    ]
}

fn state(peer: &PeerReply) -> &'static str {
    match (&peer.connection, peer.revoked_ms) {
        (_, Some(_)) => "revoked",
        (Some(connection), None) if connection.caught_up => "connected",
        (Some(_), None) => "catching up",
        (None, None) => "away",
    }
}
