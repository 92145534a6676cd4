//! A sink into an Apache Kafka 4.3.1, of one broker or three: how fast it delivers a backlog, in turns with Kafka's own
//! producer of as many records; how old events are when a `read_committed` client has them; what it
//! takes while nothing happens.
//!
//! The producer beside it is idempotent and plain: no transactions, no position that it keeps.
//! Not here: the broker itself (`real-kafka`); whether each event arrives once (tests of the crate `sinks`).

use std::{
    collections::HashMap,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use real_kafka::Broker;
use serde_json::Value;

use crate::{
    Place,
    consumer::Stamper,
    latency::write_at,
    load::{self, Until, Work},
    machine::{self, Noise},
    report::{Goal, Report, percentile_ms},
    server::{self, Server},
};

/// Filler that makes the event of a new document about 500 bytes.
const FILLER_LEN: usize = 315;

/// What a record of the plain producer has: an event, its key and its headers.
const RECORD_BYTES: u32 = 600;

/// Between two looks at how far a sink is.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a backlog may take.
const TIME_MAX: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(crate) struct Options {
    /// Events of the backlog.
    #[arg(long, default_value_t = 500_000)]
    events: u64,
    /// Rounds of each side.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Brokers that the target has: with three, each has every event, and two acknowledge it.
    #[arg(long, default_value_t = 1, value_parser = one_or_three)]
    brokers: u8,
    /// Writes a second while the age of events is measured.
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// How long that is measured, and how long nothing happens.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let server = Server::start(&options.place)?;
    eprintln!("    load {} events", options.events);
    let work =
        Work { connections: 8, batch: 100, documents: options.events, filler_len: FILLER_LEN, until: Until::EachOnce };
    load::run(server.http(), work)?;
    let target = Target::start(options.brokers);
    backlog(options, &server, &target)?;
    age(options, &server, &target)?;
    idle(options, &server)
}

fn one_or_three(text: &str) -> Result<u8, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3".to_owned()),
    }
}

/// The Kafka that a sink delivers to.
struct Target {
    brokers: Vec<Broker>,
}

impl Target {
    fn start(brokers: u8) -> Self {
        let properties = "log.retention.ms=-1\n";
        match brokers {
            1 => Self { brokers: vec![Broker::start_with(properties)] },
            _ => Self { brokers: Broker::start_three(properties).into() },
        }
    }

    fn bootstrap(&self) -> String {
        self.brokers.iter().map(Broker::bootstrap).collect::<Vec<_>>().join(",")
    }

    fn replication_factor(&self) -> String {
        self.brokers.len().to_string()
    }
}

fn backlog(options: &Options, server: &Server, target: &Target) -> Result<()> {
    let noise = Noise::begin();
    let (mut plain, mut ours, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..options.rounds {
        plain.push(plain_producer(target, &format!("plain{round}"), options.events)?);
        let before = machine::cpu_seconds(server.pid());
        let name = format!("s{round}");
        let took = deliver(server, target, &name, options.events)?;
        ours.push(options.events as f64 / took.as_secs_f64());
        cpu.push((machine::cpu_seconds(server.pid()) - before) * 1e6 / options.events as f64);
        if round + 1 < options.rounds {
            ask(server, &["delete", &name])?;
        }
    }
    let (plain, ours) = (median(plain), median(ours));
    let mut report =
        Report::new(format!("sink: a backlog of {} events into {} broker(s)", options.events, options.brokers));
    report.figure("Kafka's producer, idempotent", plain, "/s");
    let whole = "the sink, from its making to its last commit";
    if options.brokers == 1 {
        report.goal(whole, ours, "/s", Goal::AtLeast(150_000.0));
        report.goal("of the producer's rate", ours / plain, "", Goal::AtLeast(0.8));
    } else {
        report.figure(whole, ours, "/s");
        report.goal("of the producer's rate", ours / plain, "", Goal::AtLeast(0.6));
    }
    report.figure("server CPU per million", median(cpu), "s");
    report.publish(&noise.end())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Records a second, as Kafka's own tool says it.
fn plain_producer(target: &Target, topic: &str, records: u64) -> Result<f64> {
    let mut tool = target.brokers[0].tool("kafka-topics.sh");
    tool.args(["--create", "--topic", topic, "--partitions", "1"]);
    let made = tool.args(["--replication-factor", &target.replication_factor()]).output()?;
    ensure!(made.status.success(), "kafka-topics.sh failed: {}", String::from_utf8_lossy(&made.stdout));
    let mut tool = real_kafka::script_of_kafka("kafka-producer-perf-test.sh");
    tool.args(["--topic", topic, "--num-records", &records.to_string(), "--record-size", &RECORD_BYTES.to_string()]);
    tool.args(["--throughput", "-1", "--producer-props", &format!("bootstrap.servers={}", target.bootstrap())]);
    let said = tool.args(["enable.idempotence=true", "acks=all", "linger.ms=5"]).output()?;
    let text = String::from_utf8_lossy(&said.stdout);
    let last = text.lines().rfind(|line| line.contains("records sent") && line.contains("95th"));
    let rate = last.and_then(|line| line.split(", ").nth(1)?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("kafka-producer-perf-test.sh says no rate: {text}"))
}

/// From the making of a sink until it has delivered so many events.
fn deliver(server: &Server, target: &Target, name: &str, events: u64) -> Result<Duration> {
    let began = Instant::now();
    let topic = topic(name);
    let (bootstrap, factor) = (target.bootstrap(), target.replication_factor());
    let to = ["--kafka", &bootstrap, "--topic", &topic, "--partitions", "1", "--replication-factor", &factor];
    ask(server, &[&["create", name], &to[..]].concat())?;
    loop {
        let shown = ask(server, &["show", name, "--json"])?;
        let shown: Value = serde_json::from_str(&shown).context("sink show --json")?;
        if shown["lagEvents"] == 0 && shown["events"].as_u64() >= Some(events) {
            return Ok(began.elapsed());
        }
        if shown["state"] == "failed" || began.elapsed() > TIME_MAX {
            bail!("the sink does not deliver: {shown}");
        }
        thread::sleep(LOOK_EVERY);
    }
}

fn topic(sink: &str) -> String {
    format!("people-{sink}")
}

fn ask(server: &Server, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(server::binary()?);
    let output = command.arg("sink").args(arguments).arg("--data-dir").arg(server.data_dir()).output()?;
    ensure!(output.status.success(), "headwater sink {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How old events are when a client of the broker has them.
fn age(options: &Options, server: &Server, target: &Target) -> Result<()> {
    let last = format!("s{}", options.rounds.saturating_sub(1));
    let mut kcat = Command::new("kcat");
    kcat.args(["-b", &target.bootstrap(), "-t", &topic(&last), "-C", "-q", "-X", "isolation.level=read_committed"]);
    kcat.args(["-X", "fetch.wait.max.ms=10", "-o", "beginning", "-u", "-f", "%s\n"]);
    kcat.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let client = Stamper::over(kcat)?;
    client.wait_for(options.events)?;
    eprintln!("    measure {}/s for {} s", options.rate, options.seconds);
    let noise = Noise::begin();
    let time = Duration::from_secs(options.seconds);
    let writes = write_at(server.http(), options.rate, time, options.events)?;
    client.wait_for(options.events + writes.len() as u64)?;
    let noise = noise.end();
    let arrived: HashMap<u64, Instant> = client.finish()?.into_iter().collect();
    let age =
        |write: &crate::latency::Write| Some(arrived.get(&write.number)?.saturating_duration_since(write.replied));
    let mut ages = writes.iter().map(age).collect::<Option<Vec<_>>>().context("an event never came")?;
    ages.sort_unstable();
    let mut report = Report::new(format!("sink: the age of events at {} writes/s, kcat, read_committed", options.rate));
    report.goal("reply to event p50", percentile_ms(&ages, 0.5), "ms", Goal::AtMost(60.0));
    report.goal("reply to event p99", percentile_ms(&ages, 0.99), "ms", Goal::AtMost(150.0));
    report.figure("reply to event max", percentile_ms(&ages, 1.0), "ms");
    report.publish(&noise)
}

/// What a server with a sink takes while nothing happens.
fn idle(options: &Options, server: &Server) -> Result<()> {
    thread::sleep(Duration::from_secs(3));
    let noise = Noise::begin();
    let before = machine::cpu_seconds(server.pid());
    thread::sleep(Duration::from_secs(options.seconds));
    let share = (machine::cpu_seconds(server.pid()) - before) / options.seconds as f64 * 100.0;
    let mut report = Report::new("sink: a server with one, while nothing happens");
    report.goal("CPU", share, "%", Goal::AtMost(0.5));
    report.publish(&noise.end())
}
