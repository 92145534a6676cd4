//! `headwater credentials`: user certificates of the running server's apps.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Context;
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{print_line, print_table},
};

/// What to do with certificates.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Credentials {
    /// Issue a user certificate for an app, with the whole set of files that a client needs
    #[command(after_help = "\
Examples:
  headwater credentials issue warehouse
  headwater credentials issue warehouse --app shop --out ./warehouse-certificates")]
    Issue {
        /// The user: the certificate's CN
        user: String,
        #[command(flatten)]
        app: AppOption,
        /// Where the server puts the files [default: users/<USER> in the app's credentials directory]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
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
}

impl Credentials {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Credentials::Issue { user, app, out, json } => {
                let out = out
                    .map(|out| std::path::absolute(&out).with_context(|| format!("--out {}", out.display())))
                    .transpose()?;
                let (server, path) = connect(context, app)?;
                let mut body = json!({ "user": user });
                if let Some(out) = out {
                    body["directory"] = json!(out);
                }
                let reply = server.create(&path, &body)?;
                if json { print_line(&reply.to_string()) } else { print_line(&issued(&user, &reply)) }
            }
            Credentials::List { app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&path)?;
                if json { print_line(&reply.to_string()) } else { print_users(&reply) }
            }
            Credentials::Revoke { user, app } => {
                let (server, path) = connect(context, app)?;
                server.delete(&format!("{path}/{}", segment(&user)))?;
                print_line(&format!("revoked every certificate of {user}"))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/credentials", app.as_str())))
}

fn issued(user: &str, reply: &Value) -> String {
    format!(
        "issued a certificate for {user} (serial {})\nfiles: {}",
        super::text(reply, "serial"),
        super::text(reply, "directory")
    )
}

fn print_users(reply: &Value) -> anyhow::Result<()> {
    let row = |user: &Value| {
        let columns = [super::text(user, "user"), super::text(user, "serial"), super::date(user, "issued_ms")];
        let end = [super::date(user, "expires_ms"), super::date(user, "revoked_ms")];
        columns.into_iter().chain(end).collect::<Vec<_>>()
    };
    let users = super::items(reply, "credentials");
    print_table(
        &["user", "serial", "issued", "expires", "revoked"],
        &users.iter().map(row).collect::<Vec<_>>(),
        "no certificates",
    )
}
