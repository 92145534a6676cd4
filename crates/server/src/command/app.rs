//! `headwater app`: apps of the running server; and one that goes to another, or comes from there.

mod export;
mod import;

use std::time::Duration;

use serde_json::json;
use wire::admin::{AppDeletedReply, AppReply, AppsReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    confirm,
    output::{counted, print_line, print_table},
};

/// The server waits for those that hold the app, and then removes its files.
const DELETED_WITHIN: Duration = Duration::from_secs(300);

/// What to do with apps.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum App {
    /// Make an app, with its topic and certificate files
    #[command(after_help = "Example:\n  headwater app create shop")]
    Create {
        /// Its id: 1 to 64 of a-z, 0-9 and '-'
        name: String,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// List the apps
    List {
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Copy one app into a folder, for another server
    Export(export::Export),
    /// Take one app of an export, of a backup or of a copy into this server, running or not
    Import(import::Import),
    /// Delete an app with all that is in it, and everything that opens it
    #[command(after_help = "\
Its documents, events, live queries and indexes, what its consumers have committed, its
certificates, and the API keys that may do nothing else go, at once and for good. Its consumers are
cut off. A later app of the same name begins empty, and no old certificate or key opens it. On a
terminal the name is asked for; elsewhere --yes is needed. The default app cannot be deleted.

Examples:
  headwater app delete shop
  headwater app delete shop --yes")]
    Delete {
        /// Its name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
}

impl App {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let data_dir = &context.common.data_dir;
        // These do without a server, too.
        let this = match self {
            App::Export(export) => return export.run(data_dir),
            App::Import(import) => return import.run(data_dir),
            other => other,
        };
        let server = AdminClient::connect(data_dir)?;
        match this {
            App::Export(_) | App::Import(_) => unreachable!("they were run above"),
            App::Create { name, json } => {
                let reply = server.create("apps", &json!({ "name": name }))?;
                if json { print_line(&reply) } else { print_created(&read_reply(&reply)?) }
            }
            App::List { json } => {
                let reply = server.read("apps")?;
                if json { print_line(&reply) } else { print_apps(&read_reply(&reply)?) }
            }
            App::Delete { name, yes, json } => {
                if !yes {
                    let apps: AppsReply = read_reply(&server.read("apps")?)?;
                    anyhow::ensure!(apps.apps.iter().any(|app| app.name == name), "there is no app {name:?}");
                    let consequence = format!(
                        "the app {name} would be deleted for good, with its documents, events, certificates and keys"
                    );
                    confirm::by_name(&name, &consequence)?;
                }
                let reply = server.waiting(DELETED_WITHIN).delete(&format!("apps/{}", segment(&name)))?;
                if json { print_line(&reply) } else { print_deleted(&read_reply(&reply)?) }
            }
        }
    }
}

fn print_deleted(reply: &AppDeletedReply) -> anyhow::Result<()> {
    let AppDeletedReply { deleted, certificates_revoked, keys_revoked, finished } = reply;
    let keys = match keys_revoked.as_slice() {
        [] => "no API key".to_owned(),
        names => format!("{} ({})", counted(names.len() as u64, "API key"), names.join(", ")),
    };
    let certificates = counted(*certificates_revoked as u64, "certificate");
    print_line(&format!("deleted app {deleted}; revoked with it: {certificates}, {keys}"))?;
    if !finished {
        let why = "somebody still holds its files, such as an open page of the portal";
        eprintln!("headwater: {why}: they go, and its name is free, once nobody does, or at the next start");
    }
    Ok(())
}

fn print_created(app: &AppReply) -> anyhow::Result<()> {
    let AppReply { name, topic, endpoint, credentials, .. } = app;
    print_line(&format!(
        "made app {name}\n  HTTP API         /{name}/api/v4\n  topic and group  {topic}, at {endpoint}\n  certificates     {credentials}"
    ))
}

fn print_apps(reply: &AppsReply) -> anyhow::Result<()> {
    let row = |app: &AppReply| {
        let newest = app.txn_id.map_or("\u{2013}".to_owned(), |newest| newest.to_string());
        let state = app.damaged.as_ref().map_or(newest, |reason| format!("DAMAGED: {reason}"));
        vec![app.name.clone(), app.topic.clone(), state]
    };
    let rows: Vec<Vec<String>> = reply.apps.iter().map(row).collect();
    print_table(&["app", "topic and group", "newest transaction"], &rows, "no apps")
}
