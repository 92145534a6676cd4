//! `headwater credentials`: user certificates of the running server's apps.

mod rotate;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;
use wire::admin::{UserIssuedReply, UserReply, UserRevokedReply, UsersReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{date_time, print_line, print_table},
};

/// What to do with certificates.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Credentials {
    /// Issue a user certificate for an app, with the whole set of files that a client needs
    #[command(after_help = "\
Examples:
  headwater credentials issue warehouse
  headwater credentials issue warehouse --app shop --out ./warehouse-certificates
  headwater credentials issue north --live-query north   that topic alone; the live query has a permission")]
    Issue {
        /// The user: the certificate's CN
        user: String,
        #[command(flatten)]
        app: AppOption,
        /// Where the server puts the files [default: users/<USER> in the app's credentials directory]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// A live query with a permission; the certificate opens its topic and its groups, and never the main feed;
        /// repeatable [default: everything of the app]
        #[arg(long = "live-query", value_name = "NAME")]
        live_queries: Vec<String>,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// List the certificates of an app; revoked ones say so
    List {
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Revoke every certificate of a user: refused from now on, live connections are cut
    Revoke {
        /// The user
        user: String,
        #[command(flatten)]
        app: AppOption,
    },
    /// Replace the server's certificate, users' certificates, or the certificate authority, while
    /// consumers read
    Rotate(rotate::Rotate),
    /// The certificate authority, the server's certificate, and where a rotation stands
    Status(rotate::Status),
}

impl Credentials {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Credentials::Rotate(rotate) => rotate.run(context),
            Credentials::Status(status) => status.run(context),
            Credentials::Issue { user, app, out, live_queries, json } => {
                let out = out
                    .map(|out| std::path::absolute(&out).with_context(|| format!("--out {}", out.display())))
                    .transpose()?;
                let (server, path) = connect(context, app)?;
                let mut body = json!({ "user": user });
                if let Some(out) = out {
                    body["directory"] = json!(out);
                }
                if !live_queries.is_empty() {
                    body["liveQueries"] = json!(live_queries);
                }
                let reply = server.create(&path, &body)?;
                if json { print_line(&reply) } else { print_issued(&read_reply(&reply)?) }
            }
            Credentials::List { app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&path)?;
                if json { print_line(&reply) } else { print_users(&read_reply(&reply)?) }
            }
            Credentials::Revoke { user, app } => {
                let (server, path) = connect(context, app)?;
                let reply: UserRevokedReply = read_reply(&server.delete(&format!("{path}/{}", segment(&user)))?)?;
                if reply.revoked.is_empty() {
                    return print_line(&format!("every certificate of {user} was revoked before"));
                }
                let serials: Vec<&str> = reply.revoked.iter().map(|certificate| certificate.serial.as_str()).collect();
                print_line(&format!("revoked {} of {user}: serial {}", counted(serials.len()), serials.join(", ")))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/credentials", app.as_str())))
}

fn counted(certificates: usize) -> String {
    if certificates == 1 { "1 certificate".to_owned() } else { format!("{certificates} certificates") }
}

fn print_issued(issued: &UserIssuedReply) -> anyhow::Result<()> {
    let UserIssuedReply { user, directory, settings } = issued;
    print_line(&format!(
        "issued a certificate for {} in app {}\n  serial           {}\n  expires          {}\n  topic and group  {}, at {}\n  files            {directory}",
        user.user,
        user.app,
        user.serial,
        date_time(user.expires_ms),
        settings.topic,
        settings.endpoint,
    ))
}

fn print_users(reply: &UsersReply) -> anyhow::Result<()> {
    let row = |user: &UserReply| {
        let revoked = user.revoked_ms.map(date_time).unwrap_or_default();
        let opens = user.live_queries.as_ref().map_or_else(|| "the app".to_owned(), |names| names.join(" "));
        let (issued, expires) = (date_time(user.issued_ms), date_time(user.expires_ms));
        vec![user.user.clone(), user.serial.clone(), opens, issued, expires, revoked]
    };
    let rows: Vec<Vec<String>> = reply.credentials.iter().map(row).collect();
    print_table(&["user", "serial", "opens", "issued", "expires", "revoked"], &rows, "no certificates")
}
