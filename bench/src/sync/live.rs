//! From a write on one peer to the callback on another, among many live ones.
//!
//! Writes come as fast as the rate says and are spread over groups; each concerns the peers of its
//! group. One of each ten groups has a peer of the SDK whose callback is what is timed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use headwater_sdk::Headwater;
use serde_json::{Value, json};

use super::{Options, crowd::Crowd, open, url, wait_for, wire};
use crate::{
    machine,
    report::{Goal, Report, percentile_ms},
    server::Server,
};

const WRITES_PER_SECOND: u64 = 100;

/// How many peers a write concerns.
const CONCERNED: usize = 10;

/// Groups that have a peer whose callback is timed.
const TIMED_GROUPS: usize = 10;

/// When the write of each number was begun, and how long it took to each callback.
#[derive(Default)]
struct Times {
    begun: Mutex<HashMap<u64, Instant>>,
    took: Mutex<Vec<Duration>>,
}

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::start(&options.place)?;
    let groups = options.peers / CONCERNED;
    let timed = TIMED_GROUPS.min(groups);
    // A group's first peer is one of the SDK where its callback is timed.
    let members = (0..groups).flat_map(|group| (0..CONCERNED - usize::from(group < timed)).map(move |_| group));
    let wanted = members.map(|group| Ok(vec![wire::subscription("people", &format!("group == {group}"))?]));
    let crowd = Crowd::gather(server.http(), wanted.collect::<Result<_>>()?)?;
    let times = Arc::new(Times::default());
    let mut dirs = Vec::new();
    let mut observers = Vec::new();
    for group in 0..timed {
        let dir = tempfile::tempdir_in(&options.place.dir)?;
        observers.push(observer(open(dir.path(), &url(&server))?, group, times.clone())?);
        dirs.push(dir);
    }
    let dir = tempfile::tempdir_in(&options.place.dir)?;
    let writer = open(dir.path(), &url(&server))?;
    writer.start_sync()?;
    let cpu = machine::cpu_seconds(server.pid());
    let writes = write(&writer, groups, options.seconds, &times)?;
    let cpu = machine::cpu_seconds(server.pid()) - cpu;
    let expected = (writes as usize).div_ceil(groups) * timed;
    wait_for("every callback", || Ok(lock(&times.took).len() + timed >= expected))?;
    let of_crowd = writes * CONCERNED as u64 - lock(&times.took).len() as u64;
    let mut took = lock(&times.took).clone();
    took.sort_unstable();
    let name = format!("write to callback, {} live peers, {WRITES_PER_SECOND} writes/s", options.peers);
    report.goal(format!("{name}, p50"), percentile_ms(&took, 0.5), "ms", Goal::AtMost(4.0));
    report.goal("… p99", percentile_ms(&took, 0.99), "ms", Goal::AtMost(20.0));
    report.figure("… server CPU for each write", cpu * 1e6 / writes as f64, "us");
    report.figure("… changes that came to the others", crowd.items() as f64 / of_crowd as f64 * 100.0, "%");
    Ok(())
}

type Observing = (Headwater, headwater_sdk::Observer);

/// A live peer that notes when each number is there.
fn observer(peer: Headwater, group: usize, times: Arc<Times>) -> Result<Observing> {
    let args = json!({"group": group});
    let subscription = peer.sync().register_subscription("SELECT * FROM people WHERE group = :group", &args)?;
    peer.start_sync()?;
    wait_for("a peer to be live", || Ok(subscription.is_complete()?))?;
    let callback = move |rows: Result<Vec<Value>, headwater_sdk::Error>| {
        let now = Instant::now();
        for row in rows.unwrap_or_default() {
            let begun = row["n"].as_u64().and_then(|n| lock(&times.begun).remove(&n));
            lock(&times.took).extend(begun.map(|begun| now - begun));
        }
    };
    let observer = peer.store().register_observer("SELECT * FROM people WHERE group = :group", &args, callback)?;
    Ok((peer, observer))
}

/// Writes at the rate; how many writes that were.
fn write(writer: &Headwater, groups: usize, seconds: u64, times: &Times) -> Result<u64> {
    let people = writer.store().collection("people")?;
    let began = Instant::now();
    let writes = seconds * WRITES_PER_SECOND;
    for n in 0..writes {
        let due = began + Duration::from_millis(n * 1_000 / WRITES_PER_SECOND);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let group = n % groups as u64;
        lock(&times.begun).insert(n, Instant::now());
        people.upsert(json!({"_id": format!("g{group}"), "group": group, "n": n, "note": "x".repeat(100)}))?;
    }
    Ok(writes)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
