//! A peer in Node.js beside one in Rust: what the border costs, upserts, observers that leave
//! nothing, and the size of the library.
//!
//! Not here: what is measured in Node.js (`sdks/js/bench/figures.js`).

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use headwater_sdk::{Config, Headwater};
use serde_json::{Value, json};

use crate::{
    Place,
    machine::{self, Noise},
    report::{Goal, Report},
};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
}

/// How many threads write at once in Rust, where Node.js has many promises.
const THREADS: usize = 256;

const MEGABYTE: f64 = 1e6;

pub(crate) fn run(options: &Options) -> Result<()> {
    machine::refuse_memory_disk(&options.place.dir)?;
    let noise = Noise::begin();
    let dir = tempfile::tempdir_in(&options.place.dir)?;
    let node = figures_of_node(dir.path())?;
    let number =
        |pointer: &str| node.pointer(pointer).and_then(Value::as_f64).context("a figure of Node.js is missing");
    let mut report = Report::new("a small peer in Node.js, beside Rust");
    report.goal("border a call of 200 B", number("/borderMicroseconds")?, "us", Goal::AtMost(1.5));
    report.figure("JSON.stringify and JSON.parse of the same", number("/jsonMicroseconds")?, "us");
    report.figure("find by id, awaited, nothing there", number("/missingMicroseconds")?, "us");
    report.figure("find by id, awaited", number("/durable/byID")?, "us");
    for (name, is_relaxed, alone, together) in [("durable", false, 1_000, 20_000), ("relaxed", true, 20_000, 50_000)] {
        let rust = upserts(&dir.path().join(format!("rust-{name}")), is_relaxed, alone, together)?;
        for (how, rust) in [("alone", rust[0]), ("together", rust[1])] {
            let node = number(&format!("/{name}/{how}"))?;
            report.figure(format!("upserts, {name}, {how}: Rust"), rust, "/s");
            report.figure("… Node.js", node, "/s");
            report.goal("… times as many", node / rust, "", Goal::AtLeast(0.7));
        }
    }
    report.goal("10,000 observers: heap", number("/observers/heap")? / MEGABYTE, "MB", Goal::AtMost(1.0));
    report.goal("10,000 observers: memory", number("/observers/rss")? / MEGABYTE, "MB", Goal::AtMost(4.0));
    report.goal("headwater.node", number("/libraryBytes")? / MEGABYTE, "MB", Goal::AtMost(4.0));
    report.publish(&noise.end())
}

fn figures_of_node(dir: &Path) -> Result<Value> {
    let mut node = Command::new("node");
    let output = node.args(["--expose-gc", "sdks/js/bench/figures.js"]).arg(dir).output().context("cannot run node")?;
    if !output.status.success() {
        bail!("the figures of Node.js: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the figures of Node.js are no JSON")
}

/// A document of about 200 bytes, as the ones of Node.js are.
fn document(n: u64) -> Value {
    json!({"_id": format!("p{n}"), "age": 18 + n % 73, "n": n, "note": "x".repeat(160)})
}

/// Upserts a second: one after another, and of many threads.
fn upserts(dir: &Path, is_relaxed: bool, alone: u64, together: u64) -> Result<[f64; 2]> {
    let peer = Headwater::open(Config::new(dir).relaxed(is_relaxed))?;
    let people = peer.store().collection("people")?;
    let began = Instant::now();
    (0..alone).try_for_each(|n| people.upsert(document(n)).map(drop))?;
    let alone_rate = rate(alone, began.elapsed());
    let began = Instant::now();
    thread::scope(|scope| {
        let write = |first: u64| {
            let people = people.clone();
            move || (first..together).step_by(THREADS).try_for_each(|n| people.upsert(document(alone + n)).map(drop))
        };
        let threads: Vec<_> = (0..).take(THREADS).map(|first| scope.spawn(write(first))).collect();
        threads.into_iter().try_for_each(|it| it.join().expect("it only writes"))
    })?;
    let together_rate = rate(together, began.elapsed());
    peer.close();
    Ok([alone_rate, together_rate])
}

fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}
