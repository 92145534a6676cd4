//! Events a second that stock clients read from the beginning of a topic over mutual TLS, and what that costs the
//! server.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    Place,
    consumer::{kafka_tool, kcat},
    load::{self, Until, Work},
    machine::{self, Noise},
    report::{Goal, Report},
    server::Server,
};

/// Filler that makes the event of a new document about 500 bytes.
const FILLER_LEN: usize = 315;

#[derive(Args)]
pub(crate) struct Options {
    /// Events in the topic.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Times that each client reads the topic; the best is reported, and every one is printed.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    #[command(flatten)]
    place: Place,
}

/// One client's reading of the whole topic.
struct Reading {
    events_per_second: f64,
    /// CPU seconds of the server for a million events, and those of them that the kernel spent.
    server_cpu: f64,
    server_kernel: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let server = Server::start(&options.place)?;
    eprintln!("    load {} events", options.events);
    let work =
        Work { connections: 8, batch: 100, documents: options.events, filler_len: FILLER_LEN, until: Until::EachOnce };
    let loaded = load::run(server.http(), work)?;
    let noise = Noise::begin();
    let mut report = Report::new(format!("drain: {} events over mutual TLS", options.events));
    report.figure("loaded, 100 commands a request", loaded.commands_per_second(), "/s");
    report.figure("event value", event_len(&server)?, "bytes");
    let kcat = best(options, "kcat", &server, || read_with_kcat(options, &server))?;
    report.goal("kcat", kcat.events_per_second, "/s", Goal::AtLeast(500_000.0));
    report.goal("kcat: server CPU per million", kcat.server_cpu, "s", Goal::AtMost(0.5));
    report.figure("kcat: of it in the kernel", kcat.server_kernel, "s");
    let perf = best(options, "ConsumerPerformance 3.1.0", &server, || read_with_perf_test(options, &server))?;
    report.goal("Java 3.1.0 ConsumerPerformance, fetching", perf.events_per_second, "/s", Goal::AtLeast(250_000.0));
    report.goal("Java: server CPU per million", perf.server_cpu, "s", Goal::AtMost(0.5));
    report.figure("Java: of it in the kernel", perf.server_kernel, "s");
    let console = best(options, "ConsoleConsumer 3.1.0", &server, || read_with_console(options, &server))?;
    report.figure("Java 3.1.0 ConsoleConsumer, JVM's start and group's join included", console.events_per_second, "/s");
    report.publish(&noise.end())
}

fn best(options: &Options, name: &str, server: &Server, read: impl Fn() -> Result<f64>) -> Result<Reading> {
    let mut best: Option<Reading> = None;
    for round in 1..=options.rounds {
        let cpu = || [machine::cpu_seconds(server.pid()), machine::kernel_seconds(server.pid())];
        let before = cpu();
        let events_per_second = read()?;
        let after = cpu();
        let [server_cpu, server_kernel] = std::array::from_fn(|n| (after[n] - before[n]) * 1e6 / options.events as f64);
        eprintln!("    {name}, round {round}: {events_per_second:.0}/s, server CPU {server_cpu:.2} s per million");
        if best.as_ref().is_none_or(|it| it.events_per_second < events_per_second) {
            best = Some(Reading { events_per_second, server_cpu, server_kernel });
        }
    }
    best.context("--rounds must be at least 1")
}

/// The first events' mean length.
fn event_len(server: &Server) -> Result<f64> {
    let output = kcat(server).args(["-o", "beginning", "-c", "1000", "-e", "-f", "%S\n"]).output()?;
    let lens: Vec<f64> = String::from_utf8_lossy(&output.stdout).lines().filter_map(|it| it.parse().ok()).collect();
    if lens.is_empty() {
        bail!("kcat read nothing: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(lens.iter().sum::<f64>() / lens.len() as f64)
}

/// From kcat's start to its end: TLS handshake and metadata are in it.
fn read_with_kcat(options: &Options, server: &Server) -> Result<f64> {
    let mut kcat = kcat(server);
    kcat.args(["-o", "beginning", "-c", &options.events.to_string()]);
    timed(options, kcat.stdout(Stdio::null()))
}

/// Kafka's own measure of the time in which it fetched, without joining the group.
fn read_with_perf_test(options: &Options, server: &Server) -> Result<f64> {
    let mut tool = kafka_tool("kafka-consumer-perf-test.sh");
    tool.args(["--bootstrap-server", server.kafka(), "--topic", server.topic(), "--hide-header"]);
    tool.args(["--messages", &options.events.to_string(), "--group", &new_group(), "--timeout", "30000"]);
    let output = tool.arg("--consumer.config").arg(server.credential("client.properties")).output()?;
    // start, end, MB, MB/s, messages, messages/s, rebalance ms, fetch ms, fetch MB/s, fetch messages/s
    let text = String::from_utf8_lossy(&output.stdout);
    let fields: Vec<_> = text.lines().last().unwrap_or_default().split(',').map(str::trim).collect();
    let number = |at: usize| fields.get(at).and_then(|it| it.parse::<f64>().ok());
    match (number(4), number(9)) {
        (Some(messages), Some(rate)) if messages >= options.events as f64 => Ok(rate),
        _ => bail!("kafka-consumer-perf-test.sh did not read all events; it said: {text}"),
    }
}

fn read_with_console(options: &Options, server: &Server) -> Result<f64> {
    let mut tool = kafka_tool("kafka-console-consumer.sh");
    tool.args(["--bootstrap-server", server.kafka(), "--topic", server.topic(), "--from-beginning"]);
    tool.args(["--max-messages", &options.events.to_string(), "--group", &new_group()]);
    tool.arg("--consumer.config").arg(server.credential("client.properties"));
    timed(options, tool.stdout(Stdio::null()))
}

fn timed(options: &Options, command: &mut Command) -> Result<f64> {
    let began = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{:?} failed ({status})", command.get_program());
    }
    Ok(options.events as f64 / began.elapsed().as_secs_f64())
}

fn new_group() -> String {
    format!("bench-{:08x}", rand::random::<u32>())
}
