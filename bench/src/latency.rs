//! How old an event is when a librdkafka client has it, at rates of writes that arrive as they do in life (Poisson).
//!
//! An arrival that finds its connection busy waits, and its age counts from when it should have been sent: a server
//! that stalls is not spared by a generator that waits for it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    Place,
    consumer::{Client, Stamper},
    http::{self, BlockingConnection},
    load::{self, FILLER_LEN, Until, Work},
    machine::{self, Noise},
    report::{Goal, Report, percentile_ms},
    server::Server,
};

/// Connections that share the arrivals; a sum of Poisson streams is one.
const CONNECTIONS: u64 = 32;

#[derive(Args)]
pub(crate) struct Options {
    /// Writes a second; several rates are measured one after the other.
    #[arg(long, num_args = 1.., default_values_t = [1_000, 5_000])]
    rates: Vec<u64>,
    /// How long to measure each rate.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Which client has the events.
    #[arg(long, value_enum, default_value_t = Client::Kcat)]
    client: Client,
    /// Documents that are written at random; all are there before.
    #[arg(long, default_value_t = 100_000)]
    documents: u64,
    #[command(flatten)]
    place: Place,
}

/// One write's times. It was sent no earlier than `due`.
pub(crate) struct Write {
    pub(crate) number: u64,
    pub(crate) due: Instant,
    pub(crate) replied: Instant,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let server = Server::start(&options.place)?;
    let seed = Work {
        connections: 8,
        batch: 100,
        documents: options.documents,
        filler_len: FILLER_LEN,
        until: Until::EachOnce,
    };
    eprintln!("    seed {} documents", options.documents);
    let mut events = load::run(server.http(), seed)?.commands;
    for &rate in &options.rates {
        events += measure(options, &server, rate, events)?;
    }
    Ok(())
}

/// Measures one rate; the number of writes it made.
fn measure(options: &Options, server: &Server, rate: u64, events_before: u64) -> Result<u64> {
    let consumer = Stamper::start(server, options.client)?;
    consumer.wait_for(events_before)?;
    eprintln!("    measure {rate}/s for {} s", options.seconds);
    let (noise, cpu_before) = (Noise::begin(), machine::cpu_seconds(server.pid()));
    let writes = write_at(server.http(), rate, Duration::from_secs(options.seconds), options.documents)?;
    let server_cpu = machine::cpu_seconds(server.pid()) - cpu_before;
    let noise = noise.end();
    consumer.wait_for(events_before + writes.len() as u64)?;
    let arrived: HashMap<u64, Instant> = consumer.finish()?.into_iter().collect();
    let (mut from_reply, mut from_due, mut replies) = (Vec::new(), Vec::new(), Vec::new());
    for write in &writes {
        let Some(&at) = arrived.get(&write.number) else {
            bail!("the event of write {} never came", write.number);
        };
        from_reply.push(at.saturating_duration_since(write.replied));
        from_due.push(at.saturating_duration_since(write.due));
        replies.push(write.replied - write.due);
    }
    for samples in [&mut from_reply, &mut from_due, &mut replies] {
        samples.sort_unstable();
    }

    let (p50_max, p99_max) = if rate <= 1_000 { (1.5, 5.0) } else { (3.0, 15.0) };
    let client = if options.client == Client::Kcat { "kcat" } else { "confluent-kafka" };
    let mut report = Report::new(format!("latency: {rate} writes/s, Poisson arrivals, {client}"));
    report.figure("writes", writes.len() as f64 / options.seconds as f64, "/s");
    report.goal("reply to event p50", percentile_ms(&from_reply, 0.5), "ms", Goal::AtMost(p50_max));
    report.figure("reply to event p90", percentile_ms(&from_reply, 0.9), "ms");
    report.goal("reply to event p99", percentile_ms(&from_reply, 0.99), "ms", Goal::AtMost(p99_max));
    report.figure("send to event p50", percentile_ms(&from_due, 0.5), "ms");
    report.figure("send to event p90", percentile_ms(&from_due, 0.9), "ms");
    report.figure("send to event p99", percentile_ms(&from_due, 0.99), "ms");
    report.figure("send to event max", percentile_ms(&from_due, 1.0), "ms");
    report.figure("send to reply p50", percentile_ms(&replies, 0.5), "ms");
    report.figure("send to reply p99", percentile_ms(&replies, 0.99), "ms");
    report.figure("server CPU", server_cpu / options.seconds as f64, "cores");
    report.publish(&noise)?;
    Ok(writes.len() as u64)
}

/// Each rate's writes have numbers of their own, so that one run's events are not taken for another's.
fn first_number(rate: u64) -> u64 {
    rate * 1_000_000_000
}

/// Writes that arrive at that rate.
pub(crate) fn write_at(address: SocketAddr, rate: u64, time: Duration, documents: u64) -> Result<Vec<Write>> {
    let mean_gap = Duration::from_secs(CONNECTIONS).div_f64(rate as f64);
    let began = Instant::now();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            thread::spawn(move || write_stream(address, began, time, mean_gap, first_number(rate) + first, documents))
        })
        .collect();
    let mut writes = Vec::new();
    for thread in threads {
        writes.extend(thread.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??);
    }
    Ok(writes)
}

/// One connection's arrivals, numbered `first`, `first + CONNECTIONS`, …
fn write_stream(
    address: SocketAddr,
    began: Instant,
    time: Duration,
    mean_gap: Duration,
    first: u64,
    documents: u64,
) -> Result<Vec<Write>> {
    let mut connection = BlockingConnection::open(address)?;
    let mut writes = Vec::new();
    let mut due = began;
    let mut number = first;
    // Each connection has documents of its own, and each write of one changes its name: a filter on
    // it sees the document come or go.
    let own = (documents / CONNECTIONS).max(1);
    let mut renamed = vec![false; own as usize];
    loop {
        due += mean_gap.mul_f64(-(1.0 - rand::random::<f64>()).ln());
        if due > began + time {
            return Ok(writes);
        }
        let place = rand::random_range(0..own);
        let is_renamed = &mut renamed[place as usize];
        *is_renamed = !*is_renamed;
        let name = if *is_renamed { "Sam" } else { "Susan" };
        let command = load::upsert_named(place * CONNECTIONS + first % CONNECTIONS, name, number, FILLER_LEN);
        let request = http::post("/api/v4/store/write", format!(r#"{{"commands":[{command}]}}"#).as_bytes());
        thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.call(&request)?;
        writes.push(Write { number, due, replied: Instant::now() });
        number += CONNECTIONS;
    }
}
