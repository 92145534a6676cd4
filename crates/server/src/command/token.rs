//! `headwater token`: users of an app who have logged in.

use serde_json::Value;
use wire::admin::{TokenReply, TokensReply, TokensRevokedReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{counted, date_time, print_line, print_table},
};

/// What to do with tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Token {
    /// List users who have logged in, the newest first, and what they may do
    #[command(after_help = "\
Examples:
  headwater token list
  headwater token list --app shop --user ann --json    with their permission documents")]
    List {
        #[command(flatten)]
        app: AppOption,
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
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
    /// Revoke a token, or all of a user's: at once, and sessions that stood on them end
    #[command(after_help = "\
Examples:
  headwater token revoke 4fHq0aT2kd91LmXz
  headwater token revoke --user ann

Whoever can still log in gets another one: say no in the login hook first.")]
    Revoke {
        /// Its id, as `headwater token list` shows it
        #[arg(required_unless_present = "user", conflicts_with = "user")]
        id: Option<String>,
        /// Whose tokens
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        app: AppOption,
    },
}

impl Token {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Token::List { app, user, limit, json } => {
                let (server, path) = connect(context, app)?;
                let user = user.map(|user| format!("&user={}", segment(&user))).unwrap_or_default();
                let reply = server.read(&format!("{path}?limit={limit}{user}"))?;
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            Token::Revoke { id: Some(id), app, .. } => {
                let (server, path) = connect(context, app)?;
                server.delete(&format!("{path}/{}", segment(&id)))?;
                print_line(&format!("revoked token {id}"))
            }
            Token::Revoke { user, app, .. } => {
                let (server, path) = connect(context, app)?;
                let user = user.unwrap_or_default();
                let reply = server.delete(&format!("{path}?user={}", segment(&user)))?;
                let TokensRevokedReply { revoked } = read_reply(&reply)?;
                print_line(&format!("revoked {} of {user}", counted(revoked as u64, "token")))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/tokens", app.as_str())))
}

fn print_all(reply: &TokensReply) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = reply.tokens.iter().map(row).collect();
    let headings = ["token", "user", "provider", "may read", "may write", "logged in", "ends", "last used"];
    print_table(&headings, &rows, "nobody is logged in")?;
    match reply.count.saturating_sub(reply.tokens.len()) {
        0 => Ok(()),
        more => print_line(&format!("{} more", counted(more as u64, "token"))),
    }
}

fn row(token: &TokenReply) -> Vec<String> {
    let used = token.last_used_ms.map_or_else(|| "\u{2013}".to_owned(), date_time);
    let (read, write) = (half(&token.read), half(&token.write));
    let (made, ends) = (date_time(token.created_ms), date_time(token.expires_ms));
    vec![token.id.clone(), token.user.clone(), token.provider.clone(), read, write, made, ends, used]
}

/// A half of a permission document in few words.
fn half(half: &Value) -> String {
    if half["everything"] == true {
        return "everything".to_owned();
    }
    let collections = half["queriesByCollection"].as_object().map_or(0, serde_json::Map::len);
    match collections {
        0 => "nothing".to_owned(),
        some => format!("rules for {}", counted(some as u64, "collection")),
    }
}
