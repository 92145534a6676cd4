//! The connector's figures: reading a live query, catching up through a gap, what live queries cost writers, and what
//! freeing old segments does.

use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    Place,
    consumer::kcat_of,
    http,
    latency::{Write, write_at},
    load::{self, FILLER_LEN, Until, Work},
    machine::{self, Noise},
    report::{Goal, Report, percentile_ms},
    server::{self, Server},
};

/// Filler that makes the event of a new document about 500 bytes.
const EVENT_FILLER_LEN: usize = 315;

/// How long a hundred kcats may take to connect before that counts as failed.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure; all if not given.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Events that a consumer slept through.
    #[arg(long, default_value_t = 2_000_000)]
    gap_events: u64,
    /// Live queries with filters, of which none matches.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    live_queries: u64,
    /// A kcat waits for each of these live queries.
    #[arg(long)]
    waiting: bool,
    /// The filter of these live queries; `{n}` is a number of each's own.
    #[arg(long, default_value = "age == {n} && name == 'nobody'")]
    query: String,
    /// How long writes are measured without live queries, and with them, in each turn.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Events of which two match, where making a live query and reading what matches rarely are measured.
    #[arg(long, default_value_t = 1_000_000)]
    rare_events: u64,
    /// How often that is done.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    turns: u64,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Filtered,
    Gap,
    Writers,
    Retention,
    Rare,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = |part| options.only.is_none_or(|only| only == part);
    if wanted(Part::Filtered) {
        filtered(options)?;
    }
    if wanted(Part::Gap) {
        gap(options)?;
    }
    if wanted(Part::Writers) {
        writers(options)?;
    }
    if wanted(Part::Retention) {
        retention(options)?;
    }
    if wanted(Part::Rare) {
        rare(options)?;
    }
    Ok(())
}

/// A million events through a filter that each passes, from four partitions.
fn filtered(options: &Options) -> Result<()> {
    const EVENTS: u64 = 1_000_000;
    let server = Server::start(&options.place)?;
    live_query(&server, &["all", "--collection", "people", "--query", "age >= 18", "--partitions", "4"])?;
    eprintln!("    load {EVENTS} events");
    let work =
        Work { connections: 8, batch: 100, documents: EVENTS, filler_len: EVENT_FILLER_LEN, until: Until::EachOnce };
    load::run(server.http(), work)?;
    let topic = format!("{}.all", server.topic());
    // The first reading waits until the live query has looked at every event.
    let first = read(&server, &topic, EVENTS)?;
    let noise = Noise::begin();
    let cpu = machine::cpu_seconds(server.pid());
    let second = read(&server, &topic, EVENTS)?;
    let cpu = machine::cpu_seconds(server.pid()) - cpu;
    let mut report = Report::new(format!("connector: {EVENTS} events of 500 B through a filter, 4 partitions, kcat"));
    report.figure("right after loading", EVENTS as f64 / first.as_secs_f64(), "/s");
    report.goal("again", EVENTS as f64 / second.as_secs_f64(), "/s", Goal::AtLeast(200_000.0));
    report.figure("server CPU per million", cpu * 1e6 / EVENTS as f64, "s");
    report.publish(&noise.end())
}

/// A consumer that begins at offset 0 of a topic of which little is left.
fn gap(options: &Options) -> Result<()> {
    const DOCUMENTS: u64 = 100_000;
    let mut place = options.place.clone();
    place.serve.extend(["--retention-bytes", "64MiB"].map(str::to_owned));
    let server = Server::start(&place)?;
    eprintln!("    write {} events over {DOCUMENTS} documents", options.gap_events);
    let each =
        Work { connections: 8, batch: 100, documents: DOCUMENTS, filler_len: FILLER_LEN, until: Until::EachOnce };
    let mut events = 0;
    while events < options.gap_events {
        events += load::run(server.http(), each)?.commands;
    }
    // Half of the documents are not written again, so that a good part of them lies in what is trimmed.
    let few = Work { documents: DOCUMENTS / 2, ..each };
    for _ in 0..4 {
        events += load::run(server.http(), few)?.commands;
    }
    let settled = Instant::now();
    let mut left = u64::MAX;
    loop {
        let now = count(&server, server.topic())?;
        if now == left && settled.elapsed() > Duration::from_secs(7) {
            break;
        }
        left = now;
    }
    let noise = Noise::begin();
    let cpu = machine::cpu_seconds(server.pid());
    let began = Instant::now();
    let records = count(&server, server.topic())?;
    let took = began.elapsed();
    let mut report = Report::new(format!("connector: behind by {events} events over {DOCUMENTS} documents, kcat"));
    report.goal("from offset 0 to the end", took.as_secs_f64(), "s", Goal::AtMost(5.0));
    report.figure("records that took: pages and events that are left", records as f64, "");
    report.figure("server CPU", machine::cpu_seconds(server.pid()) - cpu, "s");
    report.publish(&noise.end())
}

/// A live query that two of many events match: making it, and reading it.
fn rare(options: &Options) -> Result<()> {
    let events = options.rare_events;
    let server = Server::start(&options.place)?;
    let half = Work {
        connections: 8,
        batch: 100,
        documents: events / 2,
        filler_len: EVENT_FILLER_LEN,
        until: Until::EachOnce,
    };
    for place in 0..2 {
        eprintln!("    load {} events", half.documents);
        load::run(server.http(), half)?;
        let command = load::upsert_named(place, "Nobody", 7, EVENT_FILLER_LEN);
        let request = http::post("/api/v4/store/write", format!(r#"{{"commands":[{command}]}}"#).as_bytes());
        http::BlockingConnection::open(server.http())?.call(&request)?;
    }
    let noise = Noise::begin();
    let mut making = Vec::new();
    for turn in 0..3 {
        let began = Instant::now();
        let name = format!("rare{turn}");
        live_query(&server, &[&name, "--collection", "people", "--query", "name == 'Nobody' && age >= 0"])?;
        let topic = format!("{}.{name}", server.topic());
        while end(&server, &topic)? < 2 {}
        making.push(began.elapsed().as_secs_f64());
    }
    // What kcat takes to connect is in both.
    let (rare, main) = (format!("{}.rare0", server.topic()), server.topic());
    let mut more = Vec::new();
    for _ in 0..21 {
        more.push(tail_of_two(&server, &rare, "0")?.as_secs_f64() - tail_of_two(&server, main, "-2")?.as_secs_f64());
    }
    let mut report = Report::new(format!("connector: a live query of 2 in {events} events of 500 B"));
    report.goal("made, up to its first exact high watermark", median(making), "s", Goal::AtMost(3.0));
    report.goal(
        "kcat reads both, beyond reading the main topic's last two",
        median(more) * 1e3,
        "ms",
        Goal::AtMost(5.0),
    );
    report.publish(&noise.end())
}

/// The high watermark of partition 0.
fn end(server: &Server, topic: &str) -> Result<u64> {
    let mut kcat = Command::new("kcat");
    kcat.arg("-F").arg(server.credential("librdkafka.properties")).args(["-b", server.kafka(), "-Q", "-t"]);
    let output = kcat.arg(format!("{topic}:0:-1")).output().context("cannot run kcat")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().last().and_then(|offset| offset.parse().ok()).unwrap_or(0))
}

/// Two events from there on.
fn tail_of_two(server: &Server, topic: &str, from: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut kcat = kcat_of(server, topic);
    let status = kcat.args(["-o", from, "-c", "2"]).stdout(Stdio::null()).status().context("cannot run kcat")?;
    if !status.success() {
        bail!("kcat failed ({status})");
    }
    Ok(began.elapsed())
}

/// 1,000 writes a second, without and with live queries that look at every one of them.
fn writers(options: &Options) -> Result<()> {
    const RATE: u64 = 1_000;
    const DOCUMENTS: u64 = 100_000;
    let server = Server::start(&options.place)?;
    let seed =
        Work { connections: 8, batch: 100, documents: DOCUMENTS, filler_len: FILLER_LEN, until: Until::EachOnce };
    load::run(server.http(), seed)?;
    let time = Duration::from_secs(options.seconds);
    let measure = || -> Result<[f64; 3]> {
        let cpu = machine::cpu_seconds(server.pid());
        let writes = write_at(server.http(), RATE, time, DOCUMENTS)?;
        let cpu = (machine::cpu_seconds(server.pid()) - cpu) / time.as_secs_f64();
        let replies = reply_times(&writes);
        Ok([percentile_ms(&replies, 0.5), percentile_ms(&replies, 0.99), cpu])
    };
    let live_queries = options.live_queries;
    let noise = Noise::begin();
    let mut without = Vec::new();
    let mut with = Vec::new();
    // Turn by turn, since the machine changes from minute to minute.
    for turn in 1..=options.turns {
        eprintln!("    turn {turn} of {}", options.turns);
        without.push(measure()?);
        for n in 0..live_queries {
            let (name, query) = (format!("q{n}"), options.query.replace("{n}", &(1000 + n).to_string()));
            live_query(&server, &[&name, "--collection", "people", "--query", &query])?;
        }
        // What was made last is the last to have looked at every event.
        count(&server, &format!("{}.q{}", server.topic(), live_queries - 1))?;
        let waiting = if options.waiting { wait_for_all(&server, live_queries)? } else { Vec::new() };
        with.push(measure()?);
        drop(waiting);
        for n in 0..live_queries {
            headwater(&server, &["live-query", "delete", &format!("q{n}")])?;
        }
    }
    let how = if options.waiting { ", each with a kcat that waits" } else { "" };
    let mut report = Report::new(format!(
        "connector: {RATE} writes/s, without and with {live_queries} live queries{how}, median of {} turns",
        options.turns
    ));
    for (at, name, limit) in [(0, "reply p50", 1.1), (1, "reply p99", 1.1), (2, "server CPU", 1.25)] {
        let unit = if at == 2 { "cores" } else { "ms" };
        let of = |turns: &[[f64; 3]]| median(turns.iter().map(|turn| turn[at]));
        let (without, with) = (of(&without), of(&with));
        report.figure(format!("{name}, without"), without, unit);
        report.figure(format!("{name}, with"), with, unit);
        report.goal(format!("{name}: times as much"), with / without, "x", Goal::AtMost(limit));
    }
    report.publish(&noise.end())
}

/// A kcat for each of the live queries; all of them wait when this returns.
fn wait_for_all(server: &Server, live_queries: u64) -> Result<Vec<Waiting>> {
    const WAITING: &str = "headwater_kafka_fetches_waiting ";
    let kcats = (0..live_queries).map(|n| Waiting::start(server, &format!("{}.q{n}", server.topic())));
    let kcats: Vec<Waiting> = kcats.collect::<Result<_>>()?;
    let began = Instant::now();
    loop {
        let metrics = http::get(server.http(), "/metrics")?;
        let waiting = metrics.lines().find_map(|line| line.strip_prefix(WAITING)?.parse::<u64>().ok());
        if waiting >= Some(live_queries) {
            return Ok(kcats);
        }
        if began.elapsed() > CONNECT_TIME_MAX {
            bail!("after {CONNECT_TIME_MAX:?} the server has {waiting:?} fetches that wait");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A kcat that waits at the end of a topic until it is dropped.
struct Waiting(Child);

impl Waiting {
    fn start(server: &Server, topic: &str) -> Result<Self> {
        let kcat = kcat_of(server, topic).args(["-o", "end"]).stdout(Stdio::null()).spawn();
        kcat.map(Self).context("cannot run kcat")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// More than a gigabyte of old segments goes at once, while others write; and the same where nothing goes, turn by
/// turn, since the machine changes from minute to minute.
fn retention(options: &Options) -> Result<()> {
    const TURNS: usize = 3;
    let work = Work { connections: 8, batch: 100, documents: 100_000, filler_len: 1000, until: Until::EachOnce };
    let mut server = Server::start(&options.place)?;
    let noise = Noise::begin();
    let (mut quiet, mut trimming, mut trims, mut plain, mut removals) = (vec![], vec![], vec![], vec![], vec![]);
    for turn in 1..=TURNS {
        eprintln!("    turn {turn} of {TURNS}: write 1.5 GB");
        server.restart_with(&[])?;
        for _ in 0..5 {
            load::run(server.http(), work)?;
        }
        quiet.push(replies_after_restart(&mut server, &[])?);
        // Before the gigabyte, which the disk is busy with for a while.
        plain.push(p999_ms(&plain_file(&server.data_dir().join("plain"))?));
        removals.push(removal_of_a_gigabyte(&server.data_dir().join("gigabyte"))?.as_secs_f64() * 1e3);
        trimming.push(replies_after_restart(&mut server, &["--retention-bytes", "64MiB"])?);
        trims.push(Trim::first_of(&server)?);
    }
    let file_system = machine::file_system(&options.place.dir);
    let what = format!("connector: old segments go while 1,000 writes/s come, median of {TURNS} turns, {file_system}");
    let mut report = Report::new(what);
    report.figure("freed", median(trims.iter().map(|trim| trim.bytes / 1e6)), "MB");
    let freed_ms = median(trims.iter().map(|trim| trim.freed_ms / (trim.bytes / 1e9)));
    report.goal("freed, a GB in", freed_ms, "ms", Goal::AtMost(100.0));
    report.figure("one file of a GB is removed in", median(removals), "ms");
    report.figure(
        "after its documents were indexed, aside, in",
        median(trims.iter().map(|trim| trim.indexed_ms)),
        "ms",
    );
    report.figure("reply p50", median(trimming.iter().map(|it| it.p50_ms)), "ms");
    report.figure("reply p50, while nothing goes", median(quiet.iter().map(|it| it.p50_ms)), "ms");
    let (p999, quiet_p999) = (median(trimming.iter().map(|it| it.p999_ms)), median(quiet.iter().map(|it| it.p999_ms)));
    report.goal("reply p99.9", p999, "ms", Goal::AtMost(5.0));
    report.figure("reply p99.9, while nothing goes", quiet_p999, "ms");
    report.figure("p99.9 of a file alone that is written and synced as often", median(plain), "ms");
    report.goal("what the trim adds to p99.9", p999 - quiet_p999, "ms", Goal::AtMost(5.0));
    let slow_percent = |all: &[Replies]| all.iter().map(|it| it.slow_commits_percent).sum::<f64>() / all.len() as f64;
    report.figure("commits of more than 5 ms, as the server sees them", slow_percent(&trimming), "%");
    report.figure("commits of more than 5 ms, while nothing goes", slow_percent(&quiet), "%");
    report.publish(&noise.end())
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the server's log says of its first trim.
struct Trim {
    bytes: f64,
    indexed_ms: f64,
    freed_ms: f64,
}

impl Trim {
    fn first_of(server: &Server) -> Result<Self> {
        let Some(line) = server.log_line("trimmed old events") else { bail!("nothing was trimmed") };
        let field = |name: &str| -> Result<f64> {
            let value =
                line.split_once(&format!("{name}=")).map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
            value.unwrap_or_default().trim().parse().with_context(|| format!("no {name} in {line}"))
        };
        Ok(Self { bytes: field("bytes")?, indexed_ms: field("indexed_ms")?, freed_ms: field("freed_ms")? })
    }
}

/// How long writers waited.
struct Replies {
    p50_ms: f64,
    p999_ms: f64,
    /// Commits that took more than 5 ms from their queueing until reads saw them, as the server tells: unlike replies
    /// they hold no turn of the load generator's on the cores that it shares with the server.
    slow_commits_percent: f64,
}

/// 15 seconds of 1,000 writes a second on a server that was just restarted with these further arguments, and had two
/// seconds to warm up. The retention looks for the first time five seconds after the start.
fn replies_after_restart(server: &mut Server, arguments: &[&str]) -> Result<Replies> {
    server.restart_with(arguments)?;
    write_at(server.http(), 1_000, Duration::from_secs(2), 100_000)?;
    let warm = Commits::of(server)?;
    let replies = reply_times(&write_at(server.http(), 1_000, Duration::from_secs(15), 100_000)?);
    let commits = Commits::of(server)?;
    Ok(Replies {
        p50_ms: percentile_ms(&replies, 0.5),
        p999_ms: p999_ms(&replies),
        slow_commits_percent: 100.0 * (commits.slow() - warm.slow()) / (commits.all - warm.all),
    })
}

fn p999_ms(sorted: &[Duration]) -> f64 {
    percentile_ms(sorted, 0.999)
}

/// How many commits a server has made since its start.
struct Commits {
    all: f64,
    within_5_ms: f64,
}

impl Commits {
    fn of(server: &Server) -> Result<Self> {
        let metrics = http::get(server.http(), "/metrics")?;
        let number = |name: &str, label: &str| {
            let line = metrics.lines().find(|line| line.starts_with(name) && line.contains(label));
            let value = line.and_then(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
            value.with_context(|| format!("/metrics has no {name} with {label}"))
        };
        Ok(Self {
            all: number("headwater_commit_seconds_count{", "")?,
            within_5_ms: number("headwater_commit_seconds_bucket{", r#"le="0.005""#)?,
        })
    }

    fn slow(&self) -> f64 {
        self.all - self.within_5_ms
    }
}

/// What the file system itself takes: for comparison.
fn removal_of_a_gigabyte(path: &Path) -> Result<Duration> {
    let mut file = std::fs::File::create(path)?;
    let block = vec![0x5a; 1 << 20];
    for _ in 0..1_000_000_000 / block.len() {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    drop(file);
    let began = Instant::now();
    std::fs::remove_file(path)?;
    Ok(began.elapsed())
}

/// What the disk and the machine themselves take: 15 seconds of 1,000 small writes a second, each synced, from when
/// each was due. Sorted.
fn plain_file(path: &Path) -> Result<Vec<Duration>> {
    const WRITES: u32 = 15_000;
    let mut file = std::fs::File::create(path)?;
    let began = Instant::now();
    let mut times = Vec::new();
    for due in (0..WRITES).map(|n| Duration::from_millis(1) * n) {
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        file.write_all(&[0x5a; 500])?;
        file.sync_data()?;
        times.push(began.elapsed() - due);
    }
    drop(file);
    std::fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times)
}

pub(crate) fn reply_times<'a>(writes: impl IntoIterator<Item = &'a Write>) -> Vec<Duration> {
    let mut times: Vec<Duration> = writes.into_iter().map(|write| write.replied - write.due).collect();
    times.sort_unstable();
    times
}

/// Reads that many events of a topic; the time from kcat's start to its end.
fn read(server: &Server, topic: &str, events: u64) -> Result<Duration> {
    let began = Instant::now();
    let mut kcat = kcat_of(server, topic);
    kcat.args(["-o", "beginning", "-c", &events.to_string()]);
    let status = kcat.stdout(Stdio::null()).status().context("cannot run kcat")?;
    if !status.success() {
        bail!("kcat failed ({status})");
    }
    Ok(began.elapsed())
}

/// How many records a topic shows from offset 0 to its end.
fn count(server: &Server, topic: &str) -> Result<u64> {
    let mut kcat = kcat_of(server, topic);
    let output = kcat.args(["-o", "0", "-e", "-f", "."]).output().context("cannot run kcat")?;
    if !output.status.success() {
        bail!("kcat failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout.len() as u64)
}

fn live_query(server: &Server, arguments: &[&str]) -> Result<()> {
    headwater(server, &[&["live-query", "create"], arguments].concat())
}

pub(crate) fn headwater(server: &Server, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(server::binary()?);
    let output = command.args(arguments).arg("--data-dir").arg(server.data_dir()).output()?;
    if !output.status.success() {
        bail!("headwater {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
