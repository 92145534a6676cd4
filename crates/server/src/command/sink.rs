//! `headwater sink`: where the running server delivers an app's events to.
//!
//! Not here: delivering (crate `sinks`).

mod set_aside;

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};
use wire::admin::{SinkReply, SinksReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    failure::UsageError,
    output::{print_line, print_table},
};

/// What to do with sinks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Sink {
    /// Make a sink: every event goes to your Kafka exactly once, or to a web server at least once
    #[command(after_help = "\
Examples:
  headwater sink create warehouse --kafka broker:9092 --topic people
  headwater sink create adults --live-query adults --kafka broker:9093 --topic people --partitions 6 \\
    --property security.protocol=SASL_SSL --property sasl.mechanism=SCRAM-SHA-512 --property sasl.username=headwater \\
    --property sasl.password=@password.txt --property ssl.ca.pem=@ca.pem
  headwater sink create crm --webhook https://crm.example/headwater --secret-file secret.txt

Consumers of the topic must set isolation.level=read_committed.")]
    Create(Box<Create>),
    /// List the sinks of an app, with what they do and how far behind they are
    List {
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Show one sink
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Change how a sink reaches its target; it goes on from where it is
    #[command(after_help = "\
Examples:
  headwater sink set warehouse --property sasl.password=@new-password.txt
  headwater sink set warehouse --property compression.type=
  headwater sink set crm --secret-file new-secret.txt")]
    Set {
        /// Its name
        name: String,
        /// A property of librdkafka; @FILE takes its value from a file, nothing behind = removes it
        #[arg(long, value_name = "NAME=VALUE")]
        property: Vec<String>,
        /// The web server's URL
        #[arg(long, value_name = "URL")]
        webhook: Option<String>,
        /// A file with the new secret; the one before signs beside it for 24 hours
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// What stands for events that were trimmed before they were delivered
        #[arg(long, value_enum)]
        on_gap: Option<OnGap>,
        #[command(flatten)]
        app: AppOption,
    },
    /// Stop delivering until it is resumed; nothing is lost while events are kept
    Pause {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
    },
    /// Go on from where it was; one that has failed tries again
    Resume {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
    },
    /// Look at events that a webhook did not take, send them once more, or drop them
    #[command(subcommand)]
    SetAside(set_aside::SetAside),
    /// Delete a sink; what it has delivered stays
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
    },
}

/// A sink that is to be made.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["kafka", "webhook"]))]
pub(crate) struct Create {
    /// Its name: 1 to 64 of a-z, 0-9 and '-'
    name: String,
    /// The live query whose events it delivers [default: the main feed]
    #[arg(long, value_name = "NAME")]
    live_query: Option<String>,
    /// Your Kafka's brokers: bootstrap.servers
    #[arg(long, value_name = "HOST:PORT,…", requires = "topic")]
    kafka: Option<String>,
    /// The topic there
    #[arg(long, value_name = "NAME", requires = "kafka")]
    topic: Option<String>,
    /// Makes the topic with so many partitions if it is missing [default: waits for it]
    #[arg(long, value_name = "N", requires = "kafka")]
    partitions: Option<u16>,
    /// Brokers that have the topic, if it is made [default: as the cluster says]
    #[arg(long, value_name = "N", requires = "partitions")]
    replication_factor: Option<u16>,
    /// A property of librdkafka; @FILE takes its value from a file
    #[arg(long, value_name = "NAME=VALUE", requires = "kafka")]
    property: Vec<String>,
    /// A web server's URL: https, or http to this machine
    #[arg(long, value_name = "URL", requires = "secret_file")]
    webhook: Option<String>,
    /// A file with the secret that signs calls, 16 to 1024 bytes
    #[arg(long, value_name = "FILE", requires = "webhook")]
    secret_file: Option<PathBuf>,
    /// What stands for events that were trimmed before they were delivered [default: as the live query says]
    #[arg(long, value_enum)]
    on_gap: Option<OnGap>,
    /// Where it begins
    #[arg(long, value_enum, default_value_t = Start::Earliest)]
    start: Start,
    /// How events are written
    #[arg(long, value_enum, default_value_t = Format::Headwater)]
    format: Format,
    #[command(flatten)]
    app: AppOption,
    /// Print the server's JSON reply
    #[arg(long)]
    json: bool,
}

/// What stands for events that were trimmed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnGap {
    /// The names of the documents that are to be read again
    Requery,
    /// Those documents themselves
    Snapshot,
}

/// Where a sink begins.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Start {
    /// With all that there is
    Earliest,
    /// With what is written from now on
    Latest,
}

/// How events are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// As on the server's own topics
    Headwater,
    /// In Debezium's envelope, for sink connectors that read it
    Debezium,
}

/// What the API calls it: as it is typed.
fn name_of(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("none is skipped").get_name().to_owned()
}

impl Sink {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Sink::Create(create) => create.run(context),
            Sink::List { app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&path)?;
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            Sink::Show { name, app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&format!("{path}/{}", segment(&name)))?;
                if json { print_line(&reply) } else { print_one("", &read_reply(&reply)?) }
            }
            Sink::Set { name, property, webhook, secret_file, on_gap, app } => {
                let (server, path) = connect(context, app)?;
                let mut body = json!({});
                if !property.is_empty() {
                    body["config"] = json!(properties(&property)?);
                }
                set(&mut body, "url", webhook.map(Value::from));
                set(&mut body, "secret", secret_file.map(|file| secret(&file)).transpose()?);
                set(&mut body, "onGap", on_gap.map(name_of).map(Value::from));
                let reply = server.change(&format!("{path}/{}", segment(&name)), &body)?;
                print_one("changed", &read_reply(&reply)?)
            }
            Sink::Pause { name, app } => act(context, app, &name, "pause", "paused"),
            Sink::Resume { name, app } => act(context, app, &name, "resume", "resumed"),
            Sink::SetAside(what) => what.run(context),
            Sink::Delete { name, app } => {
                let (server, path) = connect(context, app)?;
                server.delete(&format!("{path}/{}", segment(&name)))?;
                print_line(&format!("deleted sink {name}; what it has delivered stays"))
            }
        }
    }
}

impl Create {
    fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self { name, live_query, kafka, topic, partitions, replication_factor, property, .. } = self;
        let (server, path) = connect(context, self.app)?;
        let (start, format) = (name_of(self.start), name_of(self.format));
        let mut body = json!({ "name": name, "start": start, "format": format });
        set(&mut body, "liveQuery", live_query.map(Value::from));
        set(&mut body, "onGap", self.on_gap.map(name_of).map(Value::from));
        if let Some(servers) = kafka {
            let mut properties = properties(&property)?;
            properties.insert("bootstrap.servers".to_owned(), Some(servers));
            body["kind"] = json!("kafka");
            body["config"] = json!(properties);
            set(&mut body, "topic", topic.map(Value::from));
            set(&mut body, "partitions", partitions.map(Value::from));
            set(&mut body, "replicationFactor", replication_factor.map(Value::from));
        }
        if let Some(url) = self.webhook {
            body["kind"] = json!("webhook");
            body["url"] = json!(url);
            set(&mut body, "secret", self.secret_file.map(|file| secret(&file)).transpose()?);
        }
        let reply = server.create(&path, &body)?;
        if self.json { print_line(&reply) } else { print_one("made", &read_reply(&reply)?) }
    }
}

fn set(body: &mut Value, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        body[field] = value;
    }
}

/// `NAME=VALUE` each; `@FILE` is what is in the file, and nothing removes the name.
fn properties(given: &[String]) -> anyhow::Result<BTreeMap<String, Option<String>>> {
    let mut properties = BTreeMap::new();
    for one in given {
        let Some((name, value)) = one.split_once('=') else {
            return Err(UsageError(format!("--property: must be NAME=VALUE, not {one:?}")).into());
        };
        let value = match value.strip_prefix('@') {
            Some(file) => {
                let text =
                    fs::read_to_string(file).with_context(|| format!("--property {name}: cannot read {file}"))?;
                Some(text.trim_end_matches(['\n', '\r']).to_owned())
            }
            None => Some(value.to_owned()).filter(|value| !value.is_empty()),
        };
        properties.insert(name.trim().to_owned(), value);
    }
    Ok(properties)
}

fn secret(file: &std::path::Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("--secret-file: cannot read {}", file.display()))?;
    Ok(Value::from(text.trim_end_matches(['\n', '\r'])))
}

fn act(context: &Context, app: AppOption, name: &str, call: &str, done: &str) -> anyhow::Result<()> {
    let (server, path) = connect(context, app)?;
    let reply = server.create(&format!("{path}/{}/{call}", segment(name)), &json!({}))?;
    print_one(done, &read_reply(&reply)?)
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/sinks", app.as_str())))
}

fn target(reply: &SinkReply) -> String {
    match (&reply.topic, &reply.url) {
        (Some(topic), _) => {
            let servers = reply.config.as_ref().and_then(|config| config.get("bootstrap.servers"));
            format!("topic {topic} at {}", servers.map_or("?", String::as_str))
        }
        (None, url) => url.clone().unwrap_or_default(),
    }
}

fn state(reply: &SinkReply) -> String {
    match &reply.reason {
        Some(reason) => format!("{}: {reason}", reply.state.as_str()),
        None => reply.state.as_str().to_owned(),
    }
}

fn lag(reply: &SinkReply) -> String {
    reply.lag_events.map_or_else(|| "not known yet".to_owned(), |events| format!("{events} events"))
}

fn print_one(done: &str, reply: &SinkReply) -> anyhow::Result<()> {
    let head = format!("{done} sink {}", reply.name);
    let mut text = format!(
        "\
{}
  delivers    {}
  to          {}
  state       {}
  behind      {}
  delivered   {} events since the server's start, {} tries failed",
        head.trim_start(),
        reply.live_query.as_deref().map_or_else(|| "the main feed".to_owned(), |name| format!("live query {name}")),
        target(reply),
        state(reply),
        lag(reply),
        reply.events,
        reply.errors,
    );
    if let Some(set_aside) = reply.set_aside.filter(|count| *count > 0) {
        text.push_str(&format!("\n  set aside   {set_aside} events"));
    }
    if reply.kind == "kafka" {
        text.push_str("\n  consumers   must set isolation.level=read_committed");
    }
    print_line(&text)
}

fn print_all(reply: &SinksReply) -> anyhow::Result<()> {
    let row = |reply: &SinkReply| {
        let events = reply.live_query.clone().unwrap_or_else(|| "(main feed)".to_owned());
        vec![reply.name.clone(), events, target(reply), lag(reply), state(reply)]
    };
    let rows: Vec<Vec<String>> = reply.sinks.iter().map(row).collect();
    print_table(&["sink", "delivers", "to", "behind", "state"], &rows, "none")
}
