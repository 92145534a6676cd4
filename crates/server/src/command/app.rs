//! `headwater app`: apps of the running server.

use serde_json::json;
use wire::admin::{AppReply, AppsReply};

use super::{Context, read_reply};
use crate::{
    admin_client::AdminClient,
    output::{print_line, print_table},
};

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
}

impl App {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let server = AdminClient::connect(&context.common.data_dir)?;
        match self {
            App::Create { name, json } => {
                let reply = server.create("apps", &json!({ "name": name }))?;
                if json { print_line(&reply) } else { print_created(&read_reply(&reply)?) }
            }
            App::List { json } => {
                let reply = server.read("apps")?;
                if json { print_line(&reply) } else { print_apps(&read_reply(&reply)?) }
            }
        }
    }
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
