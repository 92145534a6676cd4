//! The local store, without a server: what an app waits for at each call.

use std::time::{Duration, Instant};

use anyhow::Result;
use headwater_sdk::{Config, Headwater};
use serde_json::json;

use super::Options;
use crate::{
    load::FILLER_LEN,
    report::{Goal, Report, percentile_ms},
};

/// Documents of the store.
const DOCUMENTS: u64 = 10_000;

/// Calls that are timed.
const CALLS: u64 = 2_000;

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let dir = tempfile::tempdir_in(&options.place.dir)?;
    let peer = Headwater::open(Config::new(dir.path()))?;
    let people = peer.store().collection("people")?;
    let value = |n: u64| json!({"_id": format!("p{n}"), "age": 18 + n % 73, "n": n, "note": "x".repeat(FILLER_LEN)});
    let many: Vec<_> = (0..DOCUMENTS).map(value).collect();
    for some in many.chunks(1_000) {
        peer.store().execute("INSERT INTO people DOCUMENTS (:some) ON ID CONFLICT DO UPDATE", json!({"some": some}))?;
    }
    let durable = timed(|n| people.upsert(value(n % DOCUMENTS)).map(drop))?;
    report.goal("local upsert, durable, p50", percentile_ms(&durable, 0.5), "ms", Goal::AtMost(2.0));
    report.figure("… p99", percentile_ms(&durable, 0.99), "ms");
    report.figure("fsync of a file beside it, p50", percentile_ms(&fsyncs(dir.path())?, 0.5), "ms");
    let by_id = timed(|n| people.find_by_id(format!("p{}", n * 7 % DOCUMENTS)).map(drop))?;
    report.goal("find by id, p50", percentile_ms(&by_id, 0.5) * 1e3, "us", Goal::AtMost(5.0));
    peer.close();
    let began = Instant::now();
    Headwater::open(Config::new(dir.path()))?;
    report.figure(
        format!("open, {} writes pending", CALLS + DOCUMENTS / 1_000),
        began.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
    Ok(())
}

fn timed(mut call: impl FnMut(u64) -> Result<(), headwater_sdk::Error>) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for n in 0..CALLS {
        let began = Instant::now();
        call(n)?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// What the disk takes for the least that is durable.
fn fsyncs(dir: &std::path::Path) -> Result<Vec<Duration>> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(dir.join("floor"))?;
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[1; 300])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}
