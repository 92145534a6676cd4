//! `headwater live-query`: what the topics of the running server's apps carry.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;
use wire::admin::{LiveQueriesReply, LiveQueryReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{print_line, print_table},
};

/// What to do with live queries.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum LiveQuery {
    /// Make a live query; its topic has its whole history at once
    #[command(after_help = "\
Examples:
  headwater live-query create adults --collection people --query \"age >= 18\" --partitions 4
  headwater live-query create orders --collection orders --on-gap snapshot --app shop
  headwater live-query create stale --query-language dql --query \"status IS MISSING\"
  headwater live-query create archive --compression zstd
  headwater live-query create north --collection orders --permission north.json   documents that the file lets read")]
    Create {
        /// Its name: 1 to 64 of a-z, 0-9 and '-'; its topic is user-consumable-<app>.<name>
        name: String,
        /// The collection [default: all]
        #[arg(long, value_name = "NAME")]
        collection: Option<String>,
        /// A filter; events whose document matches before or after [default: every document]
        #[arg(long, value_name = "QUERY")]
        query: Option<String>,
        /// The language of the query
        #[arg(long, value_enum, default_value_t = QueryLanguage::Legacy)]
        query_language: QueryLanguage,
        /// Partitions of its topic, 1 to 1000; a document's events are all in one
        #[arg(long, value_name = "N", default_value_t = 1)]
        partitions: u16,
        /// What a consumer gets in the place of events that were trimmed
        #[arg(long, value_enum, default_value_t = OnGap::Requery)]
        on_gap: OnGap,
        /// How its batches are compressed for Kafka clients
        #[arg(long, value_enum, default_value_t = Compression::None)]
        compression: Compression,
        /// Which documents it may carry, whatever the query says: a permission document as JSON, of which what may be read
        /// counts; '-' is the standard input [default: all]
        #[arg(long, value_name = "FILE", requires = "collection")]
        permission: Option<PathBuf>,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// List the live queries of an app; `main` is its main feed
    List {
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Show one live query
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Change what a gap gets, of the main feed too, or how the topic is compressed
    #[command(after_help = "\
Examples:
  headwater live-query set main --on-gap snapshot
  headwater live-query set adults --compression lz4")]
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true).args(["on_gap", "compression"]))]
    Set {
        /// Its name
        name: String,
        /// What a consumer gets in the place of events that were trimmed
        #[arg(long, value_enum)]
        on_gap: Option<OnGap>,
        /// How its batches are compressed for Kafka clients; not the main feed's
        #[arg(long, value_enum)]
        compression: Option<Compression>,
        #[command(flatten)]
        app: AppOption,
    },
    /// Delete a live query, its topic, and what groups have committed on it
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
    },
}

/// What a consumer gets in the place of events that were trimmed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnGap {
    /// The names of the documents that it has to read again
    Requery,
    /// Those documents themselves
    Snapshot,
}

/// The language of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryLanguage {
    /// The query language
    Legacy,
    /// A condition in DQL, as behind WHERE
    Dql,
}

/// How the batches of a topic are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// Not at all
    None,
    /// Little work
    Lz4,
    /// Saves most for its work; clients older than Kafka 2.1 get it uncompressed
    Zstd,
    /// For clients that know no other
    Gzip,
    /// As lz4
    Snappy,
}

/// What the API calls it: as it is typed.
fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("none is skipped").get_name().to_owned()
}

impl LiveQuery {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            LiveQuery::Create {
                name,
                collection,
                query,
                query_language,
                partitions,
                on_gap,
                compression,
                permission,
                app,
                json,
            } => {
                let (server, path) = connect(context, app)?;
                let mut body = json!({ "name": name, "partitions": partitions, "onGap": name_of(on_gap) });
                let compression = Some(compression).filter(|it| *it != Compression::None).map(name_of);
                let language = Some(query_language).filter(|it| *it != QueryLanguage::Legacy).map(name_of);
                let given = [
                    ("collection", collection),
                    ("query", query),
                    ("queryLanguage", language),
                    ("compression", compression),
                ];
                for (field, given) in given {
                    if let Some(given) = given {
                        body[field] = json!(given);
                    }
                }
                if let Some(file) = permission {
                    body["permission"] = super::key::permission_of(&file)?;
                }
                let reply = server.create(&path, &body)?;
                if json { print_line(&reply) } else { print_one("made", &read_reply(&reply)?) }
            }
            LiveQuery::List { app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&path)?;
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            LiveQuery::Show { name, app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&format!("{path}/{}", segment(&name)))?;
                if json { print_line(&reply) } else { print_one("", &read_reply(&reply)?) }
            }
            LiveQuery::Set { name, on_gap, compression, app } => {
                let (server, path) = connect(context, app)?;
                let mut body = json!({});
                let (on_gap, compression) = (on_gap.map(name_of), compression.map(name_of));
                for (field, given) in [("onGap", on_gap), ("compression", compression)] {
                    if let Some(given) = given {
                        body[field] = json!(given);
                    }
                }
                let reply = server.change(&format!("{path}/{}", segment(&name)), &body)?;
                print_one("changed", &read_reply(&reply)?)
            }
            LiveQuery::Delete { name, app } => {
                let (server, path) = connect(context, app)?;
                server.delete(&format!("{path}/{}", segment(&name)))?;
                print_line(&format!("deleted live query {name} and its topic"))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/live-queries", app.as_str())))
}

fn on_gap(reply: &LiveQueryReply) -> &'static str {
    match reply.on_gap {
        wire::admin::OnGap::Requery => "requery",
        wire::admin::OnGap::Snapshot => "snapshot",
    }
}

fn carried(reply: &LiveQueryReply) -> String {
    let query = reply.query.as_deref().unwrap_or("every document");
    let within = if reply.permission.is_some() { " within its permission" } else { "" };
    format!("{query}{within}")
}

fn print_one(done: &str, reply: &LiveQueryReply) -> anyhow::Result<()> {
    let LiveQueryReply { name, topic, endpoint, partitions, .. } = reply;
    let head = format!("{done} live query {name}");
    print_line(&format!(
        "\
{}
  carries          {}, {}{}
  topic and group  {topic}, at {endpoint}
  partitions       {partitions}
  on a gap         {}
  compression      {}",
        head.trim_start(),
        reply.collection.as_deref().unwrap_or("all collections"),
        carried(reply),
        if reply.query_language.is_legacy() { "" } else { " (DQL)" },
        on_gap(reply),
        reply.compression.name(),
    ))
}

fn print_all(reply: &LiveQueriesReply) -> anyhow::Result<()> {
    let row = |reply: &LiveQueryReply| {
        vec![
            reply.name.clone(),
            reply.collection.clone().unwrap_or_else(|| "(all)".to_owned()),
            match reply.query.is_some() {
                true => carried(reply),
                false => format!("({})", carried(reply)),
            },
            reply.partitions.to_string(),
            on_gap(reply).to_owned(),
            reply.compression.name().to_owned(),
            reply.topic.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = reply.live_queries.iter().map(row).collect();
    let head = ["live query", "collection", "query", "partitions", "on a gap", "compression", "topic and group"];
    print_table(&head, &rows, "none")
}
