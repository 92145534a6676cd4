//! Back after a week offline: what was written here goes there, what changed there comes here.
//!
//! Round trips are found by a longer wire: as many times as its delay counts more than once each
//! way.

use std::time::{Duration, Instant};

use anyhow::Result;
use headwater_sdk::{Headwater, State};
use serde_json::json;

use super::{Options, open, proxy::Proxy, seed, wait_for};
use crate::{
    http::{self, BlockingConnection},
    report::{Goal, Report},
    server::Server,
};

/// Writes that are pending, and documents that changed at the server.
const CHANGES: u64 = 1_000;

/// One way, on the longer wire.
const DELAY: Duration = Duration::from_millis(100);

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let mut took = Vec::new();
    for delay in [Duration::ZERO, DELAY] {
        let server = Server::start(&options.place)?;
        seed(&server, options.documents)?;
        let proxy = Proxy::start(server.http(), delay)?;
        let dir = tempfile::tempdir_in(&options.place.dir)?;
        let peer = open(dir.path(), &proxy.url())?;
        let subscription = peer.sync().register_subscription("SELECT * FROM people", ())?;
        peer.start_sync()?;
        wait_for("the first sync", || Ok(subscription.is_complete()? && peer.sync().state()? == State::Live))?;
        peer.stop_sync()?;
        let people = peer.store().collection("people")?;
        for n in 0..CHANGES {
            people.upsert(json!({"_id": format!("mine{n}"), "n": n, "name": "Susan"}))?;
        }
        change(&server, options.documents)?;
        let bytes = proxy.bytes();
        took.push(come_back(&peer)?.as_secs_f64());
        if delay.is_zero() {
            let name = format!("a week offline: {CHANGES} pending, {CHANGES} of {} changed", options.documents);
            report.goal(name, took[0] * 1e3, "ms", Goal::AtMost(250.0));
            report.goal("… on the wire, both ways", (proxy.bytes() - bytes) as f64 / 1e3, "kB", Goal::AtMost(40.0));
        }
        let last = people.find_by_id("p0")?.unwrap_or_default();
        anyhow::ensure!(last["name"] == "Simon", "what changed meanwhile is here: {last}");
    }
    let trips = (took[1] - took[0]) / (2.0 * DELAY.as_secs_f64());
    report.figure("… round trips after the upgrade's", trips - 1.0, "");
    Ok(())
}

/// Changes one field of documents that are spread over all.
fn change(server: &Server, documents: u64) -> Result<()> {
    let mut connection = BlockingConnection::open(server.http())?;
    for n in 0..CHANGES {
        let id = format!("p{}", n * (documents / CHANGES).max(1));
        let command = json!({"method": "upsert", "collection": "people", "id": id, "value": {"name": "Simon"}});
        connection.call(&http::post("/api/v4/store/write", json!({"commands": [command]}).to_string().as_bytes()))?;
    }
    Ok(())
}

/// Until nothing is pending and everything is here.
fn come_back(peer: &Headwater) -> Result<Duration> {
    let began = Instant::now();
    peer.start_sync()?;
    wait_for("the return", || Ok(peer.sync().pending()? == 0 && peer.sync().state()? == State::Live))?;
    Ok(began.elapsed())
}
