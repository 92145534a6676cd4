//! `headwater demo`: a write becomes an event, in a server that leaves nothing behind; so does what a
//! small peer wrote before it connects. With `--tasks` a list of tasks is shared in a web page, as long as one likes.
//!
//! Invariants: the demo uses the doors that everybody uses, HTTP and the mutual-TLS Kafka endpoint;
//! without a terminal, or with `--once`, it ends by itself, but for `--tasks`.

mod small_peer;
mod staying;
mod tasks;
mod tasks_files;

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use kafka_client::OwnedRecord;
use tokio::sync::mpsc;

use self::small_peer::{OfflinePeer, Synced, WRITES};
use crate::{
    admin_client::{agent, reply},
    config::{ConfigFile, ListenAddress, ServeOptions},
    output::{Marks, indented_json, print_line},
    server::{Facts, Server},
    topic_reader::{Place, TopicReader},
};

/// An event must arrive within this; usually it takes a millisecond.
const EVENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Events on their way from the reader to the screen; the reader waits when it is full.
const ARRIVALS_MAX: usize = 16;

/// The changes of the page, in its order: what is shown, and the command.
const CHANGES: [(&str, &str); 3] = [
    (
        "A new document",
        r#"{"method":"upsert","collection":"people","id":"6213e9c90012e4af0017cb9f","value":{"date":1645472312,"name":"Susan","age":31}}"#,
    ),
    (
        "A change: fields that are named change, the others stay",
        r#"{"method":"upsert","collection":"people","id":"6213e9c90012e4af0017cb9f","value":{"name":"Frank","ownedCars":0,"friends":[]}}"#,
    ),
    (
        "A removal, by a query",
        r#"{"method":"remove","collection":"people","query":"name == $args.name","args":{"name":"Frank"}}"#,
    ),
];

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It listens on free ports of 127.0.0.1, and removes its data at the end. On a terminal it stays open
once its story is told, with the portal's link and every event as it comes, until Ctrl-C; elsewhere,
or with --once, it ends after a few seconds. With --tasks it goes on until Ctrl-C.")]
pub(crate) struct Demo {
    /// End once the story is told, also on a terminal
    #[arg(long, conflicts_with = "tasks")]
    once: bool,
    /// Serves a web page with a list of tasks that works offline and is shared with a terminal's app
    #[arg(long)]
    tasks: bool,
    /// Where the JavaScript package is, which the page needs: `cargo xtask sdk js` builds it
    #[arg(long, value_name = "DIR", default_value = "sdks/js", requires = "tasks")]
    tasks_package: PathBuf,
}

/// A record, and when the consumer had it.
type Arrival = (OwnedRecord, Instant);

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let pages = match self.tasks {
            true => tasks::pages(&self.tasks_package)?,
            false => axum::Router::new(),
        };
        let directory =
            tempfile::Builder::new().prefix("headwater-demo-").tempdir().context("cannot make a directory")?;
        let options = ServeOptions {
            http_listen: Some(ListenAddress::loopback(0)),
            kafka_listen: Some(ListenAddress::loopback(0)),
            ..ServeOptions::default()
        };
        let settings = options.resolve(&ConfigFile::default(), &directory.path().join("data"))?;
        super::runtime()?.block_on(async {
            let started = Instant::now();
            let server = Server::start_with_pages(&settings, pages).await?;
            let took = started.elapsed();
            let peer_folder = directory.path().join("peer");
            let shown = if self.tasks {
                tasks::show(&server, directory.path()).await
            } else {
                self.tell(&server, took, &peer_folder).await
            };
            server.stop().await?;
            shown
        })?;
        directory.close().context("cannot remove the demo's data")?;
        print_line(WHAT_NEXT)
    }

    /// The story; on a terminal the server stays afterwards.
    async fn tell(&self, server: &Server, start_took: Duration, peer_folder: &Path) -> anyhow::Result<()> {
        let marks = Marks::for_stdout();
        let arrivals = tokio::select! {
            shown = show(server, start_took, peer_folder, marks) => shown?,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped by Ctrl-C"),
        };
        if self.once || !std::io::stdout().is_terminal() {
            return Ok(());
        }
        staying::stay(server, arrivals, marks).await
    }
}

const WHAT_NEXT: &str = "
The server is stopped and its data is removed. What to try next:

  headwater serve                     a server that stays; it prints the cURL and Kafka's script, filled in
  headwater events --from-beginning   its events, in another terminal
  headwater --help                    the rest";

/// Tells it; gives what brings further events.
async fn show(
    server: &Server,
    start_took: Duration,
    peer_folder: &Path,
    marks: Marks,
) -> anyhow::Result<mpsc::Receiver<anyhow::Result<Arrival>>> {
    let facts = server.facts();
    let mut arrivals = consume(server).await?;
    print_line(&introduction(facts, start_took, marks))?;
    for (index, (title, command)) in CHANGES.iter().enumerate() {
        let body = format!(r#"{{"commands":[{command}]}}"#);
        let (answer, sent, answered) = write(&facts.run.http, body).await?;
        let (record, arrived) = next(&mut arrivals).await?;
        print_line(&format!(
            "{}\n\n  POST /api/v4/store/write\n  {command}\n  {}\n\n  {}\n{}\n",
            marks.strong(&format!("{}. {title}", index + 1)),
            marks.faint(&format!("{} later, durable: {answer}", shown_duration(answered - sent))),
            marks.faint(&format!("offset {}, {}:", record.offset, arrival_text(answered, arrived))),
            shown_value(&record),
        ))?;
    }
    show_small_peer(facts, peer_folder, &mut arrivals, marks).await?;
    Ok(arrivals)
}

/// A small peer writes without a server; then it connects, and its writes are events too.
async fn show_small_peer(
    facts: &Facts,
    folder: &Path,
    arrivals: &mut mpsc::Receiver<anyhow::Result<Arrival>>,
    marks: Marks,
) -> anyhow::Result<()> {
    let peer = OfflinePeer::write(folder, &facts.run.http, &facts.apps[0]).await?;
    print_line(&format!(
        "{}\n\n  {}\n  {}\n",
        marks.strong(&format!("{}. A small peer writes, with its sync off", CHANGES.len() + 1)),
        WRITES.join("\n  "),
        marks.faint(&format!(
            "{} later, durable in the peer's own store; {} transactions are pending, and the server knows of none",
            shown_duration(peer.took),
            peer.pending
        )),
    ))?;
    let Synced { txn_ids, took } = peer.sync(EVENT_TIMEOUT).await?;
    let ids: Vec<String> = txn_ids.iter().map(u64::to_string).collect();
    print_line(&format!(
        "{}\n\n  {}",
        marks.strong(&format!("{}. It connects, and each of its transactions is one event", CHANGES.len() + 2)),
        marks.faint(&format!(
            "{} after its start, the server has them as the transactions {}",
            shown_duration(took),
            ids.join(" and ")
        )),
    ))?;
    for _ in &txn_ids {
        let (record, _) = next(arrivals).await?;
        let headers =
            ["txnId", "peer", "site", "stamp", "merge"].map(|name| format!("{name}: {}", header(&record, name)));
        print_line(&format!(
            "\n  {}\n  {}\n{}",
            marks.faint(&format!("offset {}, with the headers", record.offset)),
            headers.join("  "),
            shown_value(&record)
        ))?;
    }
    print_line("")
}

async fn next(arrivals: &mut mpsc::Receiver<anyhow::Result<Arrival>>) -> anyhow::Result<Arrival> {
    let arrival = tokio::time::timeout(EVENT_TIMEOUT, arrivals.recv()).await;
    arrival.ok().flatten().context("the event did not arrive at the consumer")?
}

fn header(record: &OwnedRecord, name: &str) -> String {
    let found = record.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref());
    String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
}

fn shown_value(record: &OwnedRecord) -> String {
    let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    indented_json(&value).lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn introduction(facts: &Facts, start_took: Duration, marks: Marks) -> String {
    format!(
        "\n{} {}\n\n  HTTP API        {}\n  Kafka endpoint  {}, mutual TLS\n  Topic           {}, with a consumer on it\n",
        marks.strong("A server for this demo"),
        marks.faint(&format!("started in {}", shown_duration(start_took))),
        facts.run.http,
        facts.run.kafka,
        facts.bundle.topic,
    )
}

/// Reads the topic on a task of its own, so that the time of an arrival is the consumer's.
async fn consume(server: &Server) -> anyhow::Result<mpsc::Receiver<anyhow::Result<Arrival>>> {
    let facts = server.facts();
    let tls = server.credentials().client_tls(&facts.apps[0])?;
    let mut reader = TopicReader::open(&facts.run.kafka, tls, &facts.bundle.topic, Place::beginning()).await?;
    let (sender, receiver) = mpsc::channel(ARRIVALS_MAX);
    tokio::spawn(async move {
        loop {
            let records = match reader.next().await {
                Ok((_, records)) => records,
                Err(error) => return sender.send(Err(error)).await.unwrap_or_default(),
            };
            let now = Instant::now();
            for record in records {
                if sender.send(Ok((record, now))).await.is_err() {
                    return;
                }
            }
        }
    });
    Ok(receiver)
}

/// Posts a write; the reply, when it was sent and when it was answered.
async fn write(http: &str, body: String) -> anyhow::Result<(String, Instant, Instant)> {
    let http = http.to_owned();
    let call = move || {
        let request = agent().post(format!("{http}/api/v4/store/write")).content_type("application/json");
        let sent = Instant::now();
        let answer = reply(request.send(body), &http)?;
        Ok((answer, sent, Instant::now()))
    };
    tokio::task::spawn_blocking(call).await.context("the write broke off")?
}

fn arrival_text(answered: Instant, arrived: Instant) -> String {
    match arrived.checked_duration_since(answered) {
        Some(later) => format!("in the consumer's hands {} after the reply", shown_duration(later)),
        None => "in the consumer's hands before the reply".to_owned(),
    }
}

fn shown_duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    if ms < 100.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_digits_that_count() {
        assert_eq!(shown_duration(Duration::from_micros(1_340)), "1.3 ms");
        assert_eq!(shown_duration(Duration::from_millis(1_340)), "1340 ms");
    }
}
