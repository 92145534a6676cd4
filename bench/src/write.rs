//! Acknowledged upserts a second, with one consumer keeping up.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    Place,
    consumer::Counter,
    load::{self, FILLER_LEN, Until, Work},
    machine::{self, Noise},
    postgres,
    report::{Goal, Report, percentile_ms},
    server::Server,
};

/// Writes before the measured ones, so that caches are warm and the store has begun its background work.
const WARM_UP: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Options {
    /// Commands in a request, which is one transaction.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Kept-alive connections; 64 for single commands, 8 for batches if not given.
    #[arg(long)]
    connections: Option<usize>,
    /// How long to measure.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Documents that are written at random; all are there before.
    #[arg(long, default_value_t = 100_000)]
    documents: u64,
    /// Without a consumer.
    #[arg(long)]
    alone: bool,
    /// PostgreSQL's upserts too, right after, and how many times as fast ours were.
    #[arg(long)]
    with_postgres: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let ours = measure(options)?;
    if options.with_postgres {
        let theirs = postgres::run(&postgres::Options::like(options.seconds, options.documents, &options.place))?;
        let noise = Noise::begin();
        let mut report = Report::new("Headwater against PostgreSQL, same run");
        report.goal("times as many upserts a second", ours / theirs, "x", Goal::AtLeast(2.0));
        report.publish(&noise.end())?;
    }
    Ok(())
}

/// Upserts acknowledged a second.
fn measure(options: &Options) -> Result<f64> {
    if options.documents < options.batch as u64 {
        bail!("--documents must be at least --batch");
    }
    let connections = options.connections.unwrap_or(if options.batch == 1 { 64 } else { 8 });
    let server = Server::start(&options.place)?;
    let work = Work {
        connections,
        batch: options.batch,
        documents: options.documents,
        filler_len: FILLER_LEN,
        until: Until::Elapsed(WARM_UP),
    };
    eprintln!("    seed {} documents, warm up", options.documents);
    let seeded = load::run(server.http(), Work { connections: 8, batch: 100, until: Until::EachOnce, ..work })?;
    let mut events = seeded.commands;
    let mut consumer = if options.alone { None } else { Some(Counter::start(&server)?) };
    events += load::run(server.http(), work)?.commands;
    if let Some(consumer) = &mut consumer {
        consumer.wait_for(events)?;
    }

    eprintln!("    measure for {} s", options.seconds);
    let cpu = || {
        let consumer = consumer.as_ref().map_or(0.0, Counter::cpu_seconds);
        let ours = machine::cpu_seconds(std::process::id());
        [machine::cpu_seconds(server.pid()), machine::kernel_seconds(server.pid()), consumer, ours]
    };
    let (noise, before) = (Noise::begin(), cpu());
    let until = Until::Elapsed(Duration::from_secs(options.seconds));
    let outcome = load::run(server.http(), Work { until, ..work })?;
    let after = cpu();
    let [server_cpu, server_kernel, consumer_cpu, load_cpu] = std::array::from_fn(|n| after[n] - before[n]);
    let noise = noise.end();
    let consumed = consumer.as_ref().map(Counter::count);
    let began_drain = Instant::now();
    events += outcome.commands;

    let title = format!("write: {connections} connections, {} command(s) a request, each acknowledged", options.batch);
    let mut report = Report::new(title);
    let goal = if options.batch == 1 { 25_000.0 } else { 100_000.0 };
    report.goal("upserts acknowledged", outcome.commands_per_second(), "/s", Goal::AtLeast(goal));
    report.figure("reply p50", percentile_ms(&outcome.reply_times, 0.5), "ms");
    report.figure("reply p99", percentile_ms(&outcome.reply_times, 0.99), "ms");
    if let (Some(consumer), Some(consumed)) = (&mut consumer, consumed) {
        consumer.wait_for(events)?;
        report.figure("consumer's lag at the end", events.saturating_sub(consumed) as f64, "ev");
        report.figure("drained after", began_drain.elapsed().as_secs_f64() * 1e3, "ms");
    }
    let per_command = 1e6 / outcome.commands as f64;
    report.figure("server CPU per upsert", server_cpu * per_command, "us");
    report.figure("  of it in the kernel", server_kernel * per_command, "us");
    report.figure("consumer CPU per upsert", consumer_cpu * per_command, "us");
    report.figure("load generator CPU per upsert", load_cpu * per_command, "us");
    report.figure("server memory", machine::memory(server.pid())?.resident_mib, "MiB");
    report.publish(&noise)?;
    Ok(outcome.commands_per_second())
}
