//! Time to ready and memory: empty, and with many documents after a clean stop and after `kill -9`.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;

use crate::{
    Place,
    load::{self, FILLER_LEN, Until, Work},
    machine::{self, Memory, Noise},
    report::{Goal, Report},
    server::Server,
};

/// Memory is read once the server used next to no CPU for this long.
const IDLE: Duration = Duration::from_secs(2);
/// … but no later than this.
const IDLE_WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(crate) struct Options {
    /// Documents in the store.
    #[arg(long, default_value_t = 1_000_000)]
    documents: u64,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let noise = Noise::begin();
    let mut report = Report::new(format!("start: {} documents", options.documents));
    let mut server = Server::start(&options.place)?;
    report.figure("empty: ready after", server.ready_after.as_secs_f64() * 1e3, "ms");
    let empty = idle_memory(&server)?;
    report.goal("empty: resident memory, idle", empty.resident_mib, "MiB", Goal::AtMost(64.0));

    eprintln!("    load {} documents", options.documents);
    let load = Work {
        connections: 8,
        batch: 100,
        documents: options.documents,
        filler_len: FILLER_LEN,
        until: Until::EachOnce,
    };
    let loaded = load::run(server.http(), load)?;
    report.figure("loaded, 100 commands a request", loaded.commands_per_second(), "/s");
    let full = idle_memory(&server)?;
    report.figure("after loading: resident memory, idle", full.resident_mib, "MiB");
    report.figure("clean stop took", server.stop()?.as_secs_f64() * 1e3, "ms");

    eprintln!("    start after a clean stop");
    server.restart()?;
    report.goal("after a clean stop: ready after", server.ready_after.as_secs_f64(), "s", Goal::AtMost(1.0));
    let clean = idle_memory(&server)?;
    report.goal("after a clean stop: resident memory, idle", clean.resident_mib, "MiB", Goal::AtMost(200.0));
    report.figure("after a clean stop: of it not files", clean.anonymous_mib, "MiB");

    eprintln!("    start after kill -9 under load");
    let until = Until::Elapsed(Duration::from_secs(3));
    load::run(server.http(), Work { connections: 64, batch: 1, until, ..load })?;
    server.kill()?;
    server.restart()?;
    report.goal("after kill -9: ready after", server.ready_after.as_secs_f64(), "s", Goal::AtMost(5.0));
    let killed = idle_memory(&server)?;
    report.goal("after kill -9: resident memory, idle", killed.resident_mib, "MiB", Goal::AtMost(200.0));

    eprintln!("    load anew, then kill -9 at once: the longest replay");
    let mut fresh = Server::start(&options.place)?;
    load::run(fresh.http(), load)?;
    fresh.kill()?;
    fresh.restart()?;
    report.goal("after loading and kill -9: ready after", fresh.ready_after.as_secs_f64(), "s", Goal::AtMost(5.0));
    report.publish(&noise.end())
}

/// What the server holds once its background work is done.
fn idle_memory(server: &Server) -> Result<Memory> {
    let began = Instant::now();
    let mut before = machine::cpu_seconds(server.pid());
    while began.elapsed() < IDLE_WAIT_MAX {
        thread::sleep(IDLE);
        let now = machine::cpu_seconds(server.pid());
        if now - before < 0.02 {
            break;
        }
        before = now;
    }
    machine::memory(server.pid())
}
