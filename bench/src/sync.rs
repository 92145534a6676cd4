//! Small peers: what an app waits for, and what they cost the server.
//!
//! A peer that an app would have is the Rust SDK; crowds of them are connections that speak the
//! protocol and store nothing (`wire`), so that the server is what is measured. All of it shares the
//! machine.
//!
//! Not here: the figures to reach in words (README).

mod cost;
mod crowd;
mod idle;
mod initial;
mod live;
mod local;
mod offline;
mod proxy;
mod push;
mod shown;
mod wire;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use headwater_sdk::{Config, Headwater};

use crate::{
    Place,
    load::{self, FILLER_LEN, Until, Work},
    machine::Noise,
    report::Report,
    server::Server,
};

/// How long anything of this may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(crate) struct Options {
    /// Which figures; all of them if none is named.
    #[arg(value_enum)]
    figures: Vec<Figure>,
    /// Documents of the first sync and of the week offline.
    #[arg(long, default_value_t = 100_000)]
    documents: u64,
    /// Live peers, where there are many.
    #[arg(long, default_value_t = 1_000)]
    peers: usize,
    /// Idle connections.
    #[arg(long, default_value_t = 10_000)]
    idle: usize,
    /// How long to measure each rate.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[command(flatten)]
    place: Place,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// From an empty store to all documents of a subscription.
    Initial,
    /// Transactions a second that many peers push.
    Push,
    /// From a write on one peer to the callback on another, among many live ones.
    Live,
    /// Bytes on the wire for one field of a document.
    Field,
    /// Back after a week offline, with changes on both sides.
    Offline,
    /// Memory for connections on which nothing happens.
    Idle,
    /// Writes and reads of the local store.
    Local,
    /// What live peers take from HTTP writers and from consumers.
    Cost,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let noise = Noise::begin();
    let mut report = Report::new("small peers");
    let is_wanted = |figure| options.figures.is_empty() || options.figures.contains(&figure);
    type Measure = fn(&Options, &mut Report) -> Result<()>;
    let figures: [(Figure, Measure); 8] = [
        (Figure::Local, local::measure),
        (Figure::Initial, initial::measure),
        (Figure::Offline, offline::measure),
        (Figure::Field, shown::measure),
        (Figure::Push, push::measure),
        (Figure::Live, live::measure),
        (Figure::Cost, cost::measure),
        (Figure::Idle, idle::measure),
    ];
    for (figure, measure) in figures {
        if is_wanted(figure) {
            eprintln!("    {figure:?}");
            measure(options, &mut report)?;
        }
    }
    report.publish(&noise.end())
}

/// A peer of the SDK that syncs with `url`, in a folder of its own.
fn open(dir: &Path, url: &str) -> Result<Headwater> {
    Ok(Headwater::open(Config::new(dir).server(url))?)
}

fn url(server: &Server) -> String {
    format!("http://{}", server.http())
}

/// Documents `p0`, `p1`, … of about 200 bytes in the collection `people`.
fn seed(server: &Server, documents: u64) -> Result<()> {
    let until = Until::EachOnce;
    load::run(server.http(), Work { connections: 8, batch: 100, documents, filler_len: FILLER_LEN, until })?;
    Ok(())
}

/// Waits for a condition; how long that took.
fn wait_for(what: &str, mut is_there: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let began = Instant::now();
    while !is_there()? {
        if began.elapsed() > PATIENCE {
            bail!("{what}: not after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(began.elapsed())
}
