//! Measures the real binary from outside, as `cargo xtask bench …` runs it: own load over HTTP,
//! stock Kafka clients over mutual TLS.
//!
//! Invariants: nothing here depends on the product's crates, so that what is measured is what a
//! user gets; but small peers are what a user has there too (the SDK), or its frames alone. Every
//! figure stands beside the noise it was measured in. Server, load and consumers share the machine:
//! that is part of the figure.
//! Not here: building the binaries and installing the clients (`xtask`), the figures to reach (README).

mod attachments;
mod backup;
mod broker;
mod connections;
mod connector;
mod consumer;
mod drain;
mod find;
mod http;
mod latency;
mod load;
mod machine;
mod members;
mod node;
mod postgres;
mod report;
mod restricted;
mod server;
mod sink;
mod size;
mod start;
mod statements;
mod sync;
mod write;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Measures Headwater on this machine. Each run prints a table and appends a JSON line to target/bench/results.jsonl.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Upserts acknowledged a second, with a consumer keeping up.
    Write(write::Options),
    /// Age of events when a librdkafka client has them, at given rates of writes.
    Latency(latency::Options),
    /// Events a second that stock clients read from the beginning of a topic.
    Drain(drain::Options),
    /// Live queries, a consumer that fell behind, and retention.
    Connector(connector::Options),
    /// Backups while writes come, beside what the disk does alone.
    Backup(backup::Options),
    /// Attachments up and down, beside what the disk does alone, and the memory of a hundred at once.
    Attachments(attachments::Options),
    /// A sink into an Apache Kafka: a backlog, the age of events, idle.
    Sink(sink::Options),
    /// The same records in an Apache Kafka beside the server: one client drains both, and waits for both.
    Broker(broker::Options),
    /// Memory of the server with many idle consumers.
    Connections(connections::Options),
    /// How long a group of many members takes to share a topic anew.
    Members(members::Options),
    /// Documents found by indexes, ids and scans, and PostgreSQL at the same questions.
    Find(find::Options),
    /// Time to ready and memory, empty and with a million documents.
    Start(start::Options),
    /// PostgreSQL's single-row upserts, for comparison.
    Postgres(postgres::Options),
    /// Small peers: first sync, pushes, live changes, a week offline, idle connections, local work.
    Sync(sync::Options),
    /// A small peer in Node.js beside one in Rust: the border, upserts, observers, size.
    Node(node::Options),
    /// Size of the binary.
    Size,
}

/// Where a measurement keeps its data.
#[derive(Args, Clone)]
struct Place {
    /// Folder for data directories; a disk, since fsync in memory means nothing.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Further arguments for `headwater serve`, each with its own --serve.
    #[arg(long = "serve", value_name = "ARGUMENT", allow_hyphen_values = true)]
    serve: Vec<String>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Write(options) => write::run(&options),
        What::Latency(options) => latency::run(&options),
        What::Drain(options) => drain::run(&options),
        What::Connector(options) => connector::run(&options),
        What::Backup(options) => backup::run(&options),
        What::Attachments(options) => attachments::run(&options),
        What::Sink(options) => sink::run(&options),
        What::Broker(options) => broker::run(&options),
        What::Connections(options) => connections::run(&options),
        What::Members(options) => members::run(&options),
        What::Find(options) => find::run(&options),
        What::Start(options) => start::run(&options),
        What::Postgres(options) => postgres::run(&options).map(drop),
        What::Sync(options) => sync::run(&options),
        What::Node(options) => node::run(&options),
        What::Size => size::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
