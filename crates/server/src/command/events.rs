//! `headwater events`: a topic as JSON lines, or as lines that also say where each event stands.
//!
//! Invariants: each event is printed once, also if the server is restarted meanwhile; what is said
//! about it goes to stderr, so that stdout holds events alone.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use credentials::Credentials;
use kafka_client::{ClientError, Consumer, OwnedRecord};
use rustls::ClientConfig;
use store::{AppName, WallClock as _};
use wire::admin::AppsReply;

use super::{Context, groups::topic_of, read_reply};
use crate::{
    admin_client::AdminClient,
    clock::SystemClock,
    config::AppOption,
    json_paint::painted,
    output::{Marks, indented_json, print_line},
    point_in_time::PointInTime,
    run_file::RunFile,
    topic_reader::{Place, Start, TopicReader},
};

/// Between two attempts to find the server again.
const LOOK_AGAIN_EVERY: Duration = Duration::from_millis(250);

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It waits for more until Ctrl-C, and goes on where it was when the server is restarted.

Examples:
  headwater events
  headwater events --from-beginning --until-end --pretty
  headwater events --from-time 15m --max 10
  headwater events --live-query adults --from-offset 1000 --long
  headwater events --group audit --from-beginning >> audit.jsonl
  headwater events | jq .change.newValue")]
pub(crate) struct Events {
    /// The topic [default: the main one of the app, user-consumable-<app>]
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// The topic of this live query of the app
    #[arg(long, value_name = "NAME", conflicts_with = "topic")]
    live_query: Option<String>,
    /// Begin with the oldest event, not with the next one; with --group, where the group has no
    /// committed offset
    #[arg(long)]
    from_beginning: bool,
    /// Begin at this offset, in every partition
    #[arg(long, value_name = "OFFSET", conflicts_with = "from_beginning")]
    from_offset: Option<u64>,
    /// Begin with the first event of this time or later: 2026-01-31T12:00:00Z, or how long ago, as
    /// 15m; with --group, where the group has no committed offset
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from_beginning", "from_offset"])]
    from_time: Option<PointInTime>,
    /// Go on where this consumer group is, and commit what was printed. The group must have no
    /// members meanwhile
    #[arg(long, value_name = "GROUP", conflicts_with = "from_offset")]
    group: Option<String>,
    /// Before each event its partition and offset, what happened, and its key
    #[arg(long)]
    long: bool,
    /// Each event on lines of its own, with indents
    #[arg(long)]
    pretty: bool,
    /// End after this many events
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// End once everything is printed that there was at the start; do not wait for more
    #[arg(long)]
    until_end: bool,
    #[command(flatten)]
    app: AppOption,
}

/// Where the events come from.
struct Source<'a> {
    data_dir: &'a Path,
    tls: Arc<ClientConfig>,
    topic: String,
    start: Start,
    group: Option<&'a str>,
}

/// A connection to the server, with the place that it has.
struct Connected {
    reader: TopicReader,
    committer: Option<Consumer>,
}

impl Events {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let app = self.app.clone().resolve(&context.file)?;
        let data_dir = &context.common.data_dir;
        RunFile::of_running(data_dir)?;
        let tls = client_tls(data_dir, &app)?;
        let topic = self.topic.clone().unwrap_or_else(|| topic_of(&app, self.live_query.as_deref()));
        let start = match (self.from_offset, self.from_time) {
            (Some(offset), _) => Start::Offset(offset),
            (None, Some(time)) => Start::TimeMs(time.at_ms(SystemClock.now_ms())),
            (None, None) if self.from_beginning => Start::Beginning,
            (None, None) => Start::End,
        };
        let source = Source { data_dir, tls, topic, start, group: self.group.as_deref() };
        super::runtime()?.block_on(self.print_all(&source))
    }

    /// Prints until it is told to end, over every restart of the server.
    async fn print_all(&self, source: &Source<'_>) -> anyhow::Result<()> {
        let mut left = self.max.unwrap_or(u64::MAX);
        let mut connected = source.connect(None).await?;
        let ends = connected.reader.ends().clone();
        if !self.until_end && left > 0 && connected.reader.is_at_end() {
            eprintln!("headwater: waiting for events of {}; Ctrl-C ends it", source.topic);
        }
        loop {
            let Err(error) = self.print(&mut connected, &mut left, &ends, source).await else { return Ok(()) };
            if !error.downcast_ref::<ClientError>().is_some_and(is_gone) {
                return Err(error);
            }
            tracing::debug!(%error, "the connection is lost");
            eprintln!("headwater: the server is gone; it goes on when it is back; Ctrl-C ends it");
            let places = connected.reader.places().clone();
            drop(connected);
            connected = source.connect_again(&places).await?;
            eprintln!("headwater: the server is back; {} goes on at {}", source.topic, shown_places(&places));
        }
    }

    async fn print(
        &self,
        connected: &mut Connected,
        left: &mut u64,
        ends: &BTreeMap<i32, i64>,
        source: &Source<'_>,
    ) -> anyhow::Result<()> {
        let marks = Marks::for_stdout();
        while *left > 0 && !(self.until_end && connected.reader.has_reached(ends)) {
            let (partition, records) = connected.reader.next().await?;
            let take = records.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            let lines = records[..take].iter().map(|record| self.shown(partition, record, marks));
            print_line(&lines.collect::<Vec<_>>().join("\n"))?;
            *left -= take as u64;
            if let (Some(consumer), Some(group), Some(last)) =
                (connected.committer.as_mut(), source.group, records[..take].last())
            {
                consumer.commit(group, &source.topic, partition, last.offset + 1).await?;
            }
        }
        Ok(())
    }

    fn shown(&self, partition: i32, record: &OwnedRecord, marks: Marks) -> String {
        let value = if self.pretty { indented_json(&value(record)) } else { value(record) };
        let value = painted(&value, marks);
        match (self.long, self.pretty) {
            (false, _) => value,
            (true, false) => format!("{} {value}", marks.faint(&place_and_key(partition, record))),
            (true, true) => format!("{}\n{value}", marks.faint(&place_and_key(partition, record))),
        }
    }
}

impl Source<'_> {
    async fn connect(&self, resume: Option<&BTreeMap<i32, i64>>) -> anyhow::Result<Connected> {
        let run = RunFile::of_running(self.data_dir)?;
        let place = Place { start: self.start, group: self.group, resume };
        let reader = TopicReader::open(&run.kafka, self.tls.clone(), &self.topic, place).await?;
        let committer = match self.group {
            Some(_) => Some(Consumer::connect(&run.kafka, self.tls.clone()).await?),
            None => None,
        };
        Ok(Connected { reader, committer })
    }

    /// Waits until there is a server again, as long as it takes.
    async fn connect_again(&self, places: &BTreeMap<i32, i64>) -> anyhow::Result<Connected> {
        loop {
            tokio::time::sleep(LOOK_AGAIN_EVERY).await;
            if RunFile::of_running(self.data_dir).is_err() {
                continue;
            }
            match self.connect(Some(places)).await {
                Err(error) if error.downcast_ref::<ClientError>().is_some_and(is_gone) => {}
                // It ended again in between.
                Err(_) if RunFile::of_running(self.data_dir).is_err() => {}
                done => return done,
            }
        }
    }
}

/// Whether it is the connection that is lost, and not something that stays wrong.
fn is_gone(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unreachable { .. }
            | ClientError::Broken { .. }
            | ClientError::Closed { .. }
            | ClientError::TimedOut { .. }
            | ClientError::OutOfStep
    )
}

/// What shows the server the app's own user certificate. Where there is none, since there is no such
/// app, that is said.
fn client_tls(data_dir: &Path, app: &AppName) -> anyhow::Result<Arc<ClientConfig>> {
    let found = Credentials::client_tls_of_files(&data_dir.join("credentials").join(app.as_str()));
    let Err(error) = found else { return Ok(found?) };
    let apps: Option<AppsReply> =
        AdminClient::connect(data_dir).and_then(|server| read_reply(&server.read("apps")?)).ok();
    let names: Vec<String> = apps.into_iter().flat_map(|reply| reply.apps).map(|app| app.name).collect();
    if !names.is_empty() && !names.iter().any(|name| name == app.as_str()) {
        let (app, names) = (app.as_str(), names.join(", "));
        anyhow::bail!("there is no app {app:?}; there are: {names}. To make it: headwater app create {app}");
    }
    Err(error).with_context(|| format!("the certificate files of app {:?} cannot be used", app.as_str()))
}

fn shown_places(places: &BTreeMap<i32, i64>) -> String {
    match places.len() {
        1 => places.values().map(|next| format!("offset {next}")).collect(),
        many => format!("the offsets where its {many} partitions were"),
    }
}

/// As `0:41 update ["people","abc123"]`.
fn place_and_key(partition: i32, record: &OwnedRecord) -> String {
    let header = record.headers.iter().find(|(name, _)| name == "op");
    let op = String::from_utf8_lossy(header.and_then(|(_, value)| value.as_deref()).unwrap_or_default());
    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
    format!("{partition}:{} {op} {key}", record.offset)
}

/// The value as text; an event always has one.
fn value(record: &OwnedRecord) -> String {
    record.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}
