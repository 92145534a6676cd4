//! `headwater sink set-aside`: events that a webhook did not take, one by one or all.
//!
//! Not here: which events are set aside, and what replaying one means (crate `sinks`).

use serde_json::{Value, json};
use wire::admin::{SetAsideDoneReply, SetAsideEventReply, SetAsideReply};

use super::super::{Context, read_reply};
use crate::{
    admin_client::segment,
    config::AppOption,
    confirm,
    output::{print_line, print_table},
};

/// What to do with events that are set aside.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SetAside {
    /// List them, with why they were not delivered
    List {
        /// The sink's name
        name: String,
        #[command(flatten)]
        app: AppOption,
        /// Print each event, as JSON, a line each
        #[arg(long)]
        json: bool,
    },
    /// Send them once more
    #[command(after_help = "\
Examples:
  headwater sink set-aside replay crm
  headwater sink set-aside replay crm --id 3 --id 4")]
    Replay(Choice),
    /// Drop them: they are delivered no more
    Drop {
        #[command(flatten)]
        choice: Choice,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// The sink's name
    name: String,
    /// The number of one, as the list has it; may be repeated [default: all]
    #[arg(long, value_name = "N")]
    id: Vec<u64>,
    #[command(flatten)]
    app: AppOption,
}

impl SetAside {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            SetAside::List { name, app, json } => list(context, app, &name, json),
            SetAside::Replay(choice) => {
                let body = choice.body();
                let (server, path) = super::connect(context, choice.app)?;
                let reply = server.create(&format!("{path}/{}/set-aside/replay", segment(&choice.name)), &body)?;
                let SetAsideDoneReply { events } = read_reply(&reply)?;
                print_line(&format!("{events} events of sink {} are sent once more", choice.name))
            }
            SetAside::Drop { choice, yes } => {
                if !yes {
                    let which = if choice.id.is_empty() { "all events that are" } else { "events that are" };
                    confirm::by_name(
                        &choice.name,
                        &format!("{which} set aside of sink {} are delivered no more", choice.name),
                    )?;
                }
                let body = choice.body();
                let (server, path) = super::connect(context, choice.app)?;
                let reply = server.delete_some(&format!("{path}/{}/set-aside", segment(&choice.name)), &body)?;
                let SetAsideDoneReply { events } = read_reply(&reply)?;
                print_line(&format!("{events} events of sink {} are dropped", choice.name))
            }
        }
    }
}

impl Choice {
    fn body(&self) -> Value {
        if self.id.is_empty() { json!({}) } else { json!({ "ids": self.id }) }
    }
}

fn list(context: &Context, app: AppOption, name: &str, json: bool) -> anyhow::Result<()> {
    let (server, path) = super::connect(context, app)?;
    let path = format!("{path}/{}/set-aside", segment(name));
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = match after {
            None => server.read(&path)?,
            Some(after) => server.read(&format!("{path}?after={after}"))?,
        };
        let SetAsideReply { events: found, next } = read_reply(&page)?;
        if json {
            found.iter().try_for_each(|event| print_line(&serde_json::to_string(event)?))?;
        } else {
            events.extend(found);
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if json {
        return Ok(());
    }
    let row = |event: &SetAsideEventReply| {
        let reason =
            if event.is_replayed { format!("being sent once more; {}", event.reason) } else { event.reason.clone() };
        vec![event.id.to_string(), event.key.clone(), event.op.clone(), event.txn_id.clone(), reason]
    };
    let rows: Vec<Vec<String>> = events.iter().map(row).collect();
    print_table(&["id", "document", "op", "txnId", "why"], &rows, "none")
}
