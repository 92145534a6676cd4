//! Backups of a server that takes writes: how fast, beside what the disk does alone, and what a
//! write waits meanwhile; and how long it is from the beginning of a restore until the restored
//! server is ready.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    Place,
    connector::{headwater, reply_times},
    latency::write_at,
    load::{self, Until, Work},
    machine::Noise,
    report::{Goal, Report, percentile_ms},
    server::{Server, binary},
};

/// Filler that makes the event of a new document about 500 bytes.
const EVENT_FILLER_LEN: usize = 315;

/// What is written at once where the disk alone is measured; as much as a part of a backup has.
const PART_BYTES: usize = 4 << 20;

#[derive(Args)]
pub(crate) struct Options {
    /// Documents that are there.
    #[arg(long, default_value_t = 2_000_000)]
    documents: u64,
    /// Writes a second meanwhile.
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// How long writes are measured without a backup, and during one after the other.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut server = Server::start(&options.place)?;
    eprintln!("    load {} documents", options.documents);
    let work = Work {
        connections: 8,
        batch: 100,
        documents: options.documents,
        filler_len: EVENT_FILLER_LEN,
        until: Until::EachOnce,
    };
    load::run(server.http(), work)?;
    let folder = tempfile::tempdir_in(&options.place.dir)?;
    let floor = disk_alone(folder.path(), 128)?;

    let noise = Noise::begin();
    let first = folder.path().join("first");
    let (bytes, took) = backup(&server, &first)?;
    let changed = Work { documents: options.documents / 100, ..work };
    load::run(server.http(), changed)?;
    let before = size(&first)?;
    let (_, took_again) = backup(&server, &first)?;
    let added = size(&first)? - before;

    let time = Duration::from_secs(options.seconds);
    let alone = reply_times(&write_at(server.http(), options.rate, time, options.documents)?);
    let address = server.http();
    let (rate, documents) = (options.rate, options.documents);
    let load = thread::spawn(move || write_at(address, rate, time, documents));
    let mut backups = 0;
    while !load.is_finished() {
        let target = folder.path().join("again");
        backup(&server, &target)?;
        std::fs::remove_dir_all(&target)?;
        backups += 1;
    }
    let during = load.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
    let during = reply_times(&during);

    let (restored, ready) = restore(&mut server, &first)?;

    let (p99_alone, p99_during) = (percentile_ms(&alone, 0.99), percentile_ms(&during, 0.99));
    let mut report = Report::new(format!("backup: {} documents, {:.2} GB", options.documents, bytes as f64 / 1e9));
    report.figure("the disk alone: parts of 4 MiB, each synced", floor / 1e6, "MB/s");
    report.goal(
        "a first backup",
        bytes as f64 / took.as_secs_f64() / 1e6,
        "MB/s",
        Goal::AtLeast(200_f64.min(floor / 1e6)),
    );
    report.goal("bytes of the next one, 1 % changed", added as f64 * 100.0 / bytes as f64, "%", Goal::AtMost(3.0));
    report.figure("it took", took_again.as_secs_f64(), "s");
    report.figure(format!("write p99 at {}/s", options.rate), p99_alone, "ms");
    report.goal(
        format!("the same during {backups} full backups one after the other"),
        p99_during,
        "ms",
        Goal::AtMost(2.0 * p99_alone),
    );
    report.figure("restoring it took", restored.as_secs_f64(), "s");
    report.goal(
        "from the beginning of the restore until the server was ready",
        (restored + ready).as_secs_f64(),
        "s",
        Goal::AtMost(options.documents as f64 / 1e5),
    );
    report.publish(&noise.end())
}

/// Bytes of the folder, and how long the command took.
fn backup(server: &Server, to: &Path) -> Result<(u64, Duration)> {
    let began = Instant::now();
    headwater(server, &["backup", "--to", to.to_str().context("the folder is not UTF-8")?])?;
    Ok((size(to)?, began.elapsed()))
}

/// Puts the newest backup in the place of the server's data: how long that took, and the start on it.
fn restore(server: &mut Server, from: &Path) -> Result<(Duration, Duration)> {
    server.stop()?;
    let data_dir = server.data_dir();
    std::fs::remove_dir_all(&data_dir)?;
    let began = Instant::now();
    let restored =
        Command::new(binary()?).arg("restore").arg("--from").arg(from).arg("--data-dir").arg(&data_dir).output()?;
    anyhow::ensure!(restored.status.success(), "restore: {}", String::from_utf8_lossy(&restored.stderr));
    let took = began.elapsed();
    server.restart()?;
    Ok((took, server.ready_after))
}

/// Bytes a second that the disk takes.
fn disk_alone(folder: &Path, parts: u32) -> Result<f64> {
    let mut part = vec![0; PART_BYTES];
    rand::fill(&mut part[..]);
    let began = Instant::now();
    for n in 0..parts {
        let path = folder.join(format!("floor{n}"));
        let mut file = File::create(&path)?;
        file.write_all(&part)?;
        file.sync_all()?;
    }
    let took = began.elapsed();
    for n in 0..parts {
        std::fs::remove_file(folder.join(format!("floor{n}")))?;
    }
    Ok(f64::from(parts) * PART_BYTES as f64 / took.as_secs_f64())
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
