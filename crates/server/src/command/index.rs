//! `headwater index`: indexes of the documents of the running server's apps.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use wire::index::{IndexReply, IndexState, IndexesReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{print_line, print_table},
};

/// What to do with indexes.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Index {
    /// Make an index, and wait until it is built
    #[command(after_help = "\
Examples:
  headwater index create by-age --collection people --key age
  headwater index create newest --collection orders --key shop --key at:desc --no-wait")]
    Create {
        /// Its name, unique in the collection: 1 to 64 of A-Z, a-z, 0-9, '_' and '-'
        name: String,
        /// The collection
        #[arg(long, value_name = "NAME")]
        collection: String,
        /// A field, or a.b for one within another; ':desc' behind it for greatest first. The first weighs most; up to 8
        #[arg(long = "key", value_name = "FIELD[:desc]", required = true)]
        keys: Vec<String>,
        /// Do not wait until it is built, which the server does for a moment anyway
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// List the indexes of an app
    List {
        /// Of this collection only
        #[arg(long, value_name = "NAME")]
        collection: Option<String>,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Show one index, and how far it is built
    Show {
        /// Its name
        name: String,
        /// Its collection
        #[arg(long, value_name = "NAME")]
        collection: String,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Drop an index; queries do without it from then on
    Drop {
        /// Its name
        name: String,
        /// Its collection
        #[arg(long, value_name = "NAME")]
        collection: String,
        #[command(flatten)]
        app: AppOption,
    },
}

/// How often it is looked whether an index is built.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often a line is written meanwhile, where there is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

impl Index {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Index::Create { name, collection, keys, no_wait, app, json } => {
                let (server, path) = connect(context, app)?;
                let keys = keys.iter().map(|key| key_of(key)).collect::<anyhow::Result<Vec<Value>>>()?;
                let body = json!({ "name": name, "collection": collection, "keys": keys });
                let mut reply = server.create(&path, &body)?;
                if !no_wait {
                    reply = wait(&server, &path_of(&path, &collection, &name), reply)?;
                }
                if json { print_line(&reply) } else { print_one("made", &read_reply(&reply)?) }
            }
            Index::List { collection, app, json } => {
                let (server, path) = connect(context, app)?;
                let mut reply = server.read(&path)?;
                if let Some(collection) = collection {
                    let mut all: IndexesReply = read_reply(&reply)?;
                    all.indexes.retain(|index| index.collection == collection);
                    reply = serde_json::to_string(&all)?;
                }
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            Index::Show { name, collection, app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&path_of(&path, &collection, &name))?;
                if json { print_line(&reply) } else { print_one("", &read_reply(&reply)?) }
            }
            Index::Drop { name, collection, app } => {
                let (server, path) = connect(context, app)?;
                server.delete(&path_of(&path, &collection, &name))?;
                print_line(&format!("dropped index {name} of {collection}"))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/indexes", app.as_str())))
}

fn path_of(indexes: &str, collection: &str, name: &str) -> String {
    format!("{indexes}/{}/{}", segment(collection), segment(name))
}

/// `age`, `at:desc`, `at:asc`. A name with a colon in it stands in brackets: `['a:b']`.
fn key_of(text: &str) -> anyhow::Result<Value> {
    let (property, direction) = match text.rsplit_once(':') {
        Some((property, direction @ ("asc" | "desc"))) => (property, direction),
        Some((property, other)) if !other.contains(']') => {
            anyhow::bail!(
                "a direction is asc or desc, not {other:?}, in {text:?}; a field of that name is written ['{property}:{other}']"
            )
        }
        _ => (text, "asc"),
    };
    Ok(json!({ "property": property, "direction": direction }))
}

/// Waits until the index is built, and tells how far it is.
fn wait(server: &AdminClient, path: &str, mut reply: String) -> anyhow::Result<String> {
    let is_terminal = std::io::stderr().is_terminal();
    let mut told_at = Instant::now();
    loop {
        let index: IndexReply = read_reply(&reply)?;
        if index.state == IndexState::Ready {
            if is_terminal {
                eprint!("\r\x1b[K");
            }
            return Ok(reply);
        }
        let line = format!("building {}: {} of {} documents", index.name, index.entries, index.documents);
        if is_terminal {
            eprint!("\r\x1b[K{line}");
        } else if told_at.elapsed() >= TELL_EVERY {
            told_at = Instant::now();
            eprintln!("{line}");
        }
        std::thread::sleep(LOOK_EVERY);
        reply = server.read(path)?;
    }
}

fn keys(reply: &IndexReply) -> String {
    let key = |key: &wire::index::IndexKeyReply| match key.direction.as_str() {
        "desc" => format!("{} desc", key.property),
        _ => key.property.clone(),
    };
    reply.keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn state(reply: &IndexReply) -> String {
    match reply.state {
        IndexState::Ready => "ready".to_owned(),
        IndexState::Building => format!("building, {} of {} documents", reply.entries, reply.documents),
    }
}

fn print_one(done: &str, reply: &IndexReply) -> anyhow::Result<()> {
    let head = format!("{done} index {}", reply.name);
    print_line(&format!(
        "{}\n  collection  {}\n  keys        {}\n  state       {}\n  entries     {}",
        head.trim_start(),
        reply.collection,
        keys(reply),
        state(reply),
        reply.entries,
    ))
}

fn print_all(reply: &IndexesReply) -> anyhow::Result<()> {
    let row = |reply: &IndexReply| {
        vec![reply.name.clone(), reply.collection.clone(), keys(reply), state(reply), reply.entries.to_string()]
    };
    let rows: Vec<Vec<String>> = reply.indexes.iter().map(row).collect();
    print_table(&["index", "collection", "keys", "state", "entries"], &rows, "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_say_its_direction() {
        assert_eq!(key_of("at:desc").unwrap(), json!({ "property": "at", "direction": "desc" }));
        assert_eq!(key_of("a.b").unwrap(), json!({ "property": "a.b", "direction": "asc" }));
        assert_eq!(key_of("['a:b']").unwrap(), json!({ "property": "['a:b']", "direction": "asc" }));
        assert!(key_of("at:up").unwrap_err().to_string().contains("asc or desc"));
    }
}
