//! `headwater login-hook`: who is asked when a user of an app logs in.

use std::{io::Read as _, path::PathBuf};

use anyhow::Context as _;
use serde_json::json;
use wire::admin::LoginHookReply;

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    output::{date_time, print_line, print_table},
};

/// Longest secret that is read, in bytes; the server takes shorter ones only.
const SECRET_BYTES_MAX: u64 = 4096;

/// What to do with login hooks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum LoginHook {
    /// Say who is asked when a user of an app logs in; the secret that signs is printed once
    #[command(after_help = "\
The server POSTs {\"appID\",\"provider\",\"token\"} there with the header
  ditto-signature: t=<unix>,v1=<hex HMAC-SHA256 of t.body>
and lets in whom the answer, within 5 s, calls authenticated:
  {\"authenticate\":true,\"expirationSeconds\":28800,\"userID\":\"ann\",
   \"permissions\":{\"read\":{\"everything\":true,\"queriesByCollection\":{}},
                  \"write\":{\"everything\":false,\"queriesByCollection\":{\"notes\":[\"_id.owner == 'ann'\"]}}}}

Examples:
  headwater login-hook set shop --url https://login.example.com/ditto
  headwater login-hook set shop --url http://localhost:4000/ --secret-file secret.txt")]
    Set {
        /// The app
        app: String,
        /// Who is asked: https, or http to the server's own machine
        #[arg(long)]
        url: String,
        /// A file with the secret, or - for stdin [default: the one that it has, or a new one]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Show who is asked, without the secret
    #[command(after_help = "Example:\n  headwater login-hook show shop")]
    Show {
        /// The app
        app: String,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Let nobody log in any more; tokens that were given out stay until they end or are revoked
    #[command(after_help = "Example:\n  headwater login-hook delete shop")]
    Delete {
        /// The app
        app: String,
    },
}

impl LoginHook {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let server = AdminClient::connect(&context.common.data_dir)?;
        let path = |app: &str| format!("apps/{}/login-hook", segment(app));
        match self {
            LoginHook::Set { app, url, secret_file, json } => {
                let mut body = json!({ "url": url });
                if let Some(file) = &secret_file {
                    body["secret"] = read_secret(file)?.into();
                }
                let reply = server.create(&path(&app), &body)?;
                if json {
                    return print_line(&reply);
                }
                let LoginHookReply { url, secret, .. } = read_reply(&reply)?;
                if secret_file.is_some() {
                    return print_line(&format!(
                        "users of {app} log in through {url}, signed with the secret that was given"
                    ));
                }
                eprintln!("users of {app} log in through {url}. The secret that signs is shown only now:");
                print_line(secret.as_deref().unwrap_or_default())
            }
            LoginHook::Show { app, json } => {
                let reply = server.read(&path(&app))?;
                if json {
                    return print_line(&reply);
                }
                let LoginHookReply { url, set_ms, .. } = read_reply(&reply)?;
                print_table(&["app", "url", "set"], &[vec![app, url, date_time(set_ms)]], "")
            }
            LoginHook::Delete { app } => {
                server.delete(&path(&app))?;
                print_line(&format!("nobody logs in to {app} any more"))
            }
        }
    }
}

/// Without the end of the line.
fn read_secret(file: &PathBuf) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().take(SECRET_BYTES_MAX).read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|it| it.take(SECRET_BYTES_MAX).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read the secret in {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
