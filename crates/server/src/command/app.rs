//! `headwater app`: apps of the running server.

use serde_json::{Value, json};

use super::Context;
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
                let app = server.create("apps", &json!({ "name": name }))?;
                if json { print_line(&app.to_string()) } else { print_line(&created(&name, &app)) }
            }
            App::List { json } => {
                let reply = server.read("apps")?;
                if json { print_line(&reply.to_string()) } else { print_apps(&reply) }
            }
        }
    }
}

fn created(name: &str, app: &Value) -> String {
    let topic = app["topic"].as_str().map(str::to_owned).unwrap_or_else(|| format!("user-consumable-{name}"));
    let mut text = format!("made app {name}: base path /{name}/api/v4, topic and group {topic}");
    if let Some(directory) = app["credentials"].as_str() {
        text.push_str(&format!("\ncertificate files: {directory}"));
    }
    text
}

fn print_apps(reply: &Value) -> anyhow::Result<()> {
    let apps = super::items(reply, "apps");
    let row = |app: &Value| vec![super::text(app, "name"), super::text(app, "topic"), super::text(app, "txnId")];
    print_table(&["app", "topic and group", "newest transaction"], &apps.iter().map(row).collect::<Vec<_>>(), "no apps")
}
