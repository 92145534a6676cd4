//! Transactions a second that many peers push, each acknowledged.

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use document::{CollectionName, Map, Value};
use sync_protocol::Message;

use super::{Options, wire::Wire};
use crate::{
    load::FILLER_LEN,
    machine,
    report::{Goal, Report},
    server::Server,
};

const PEERS: usize = 64;

/// Documents of one transaction, where many are in one.
const BATCH: u64 = 100;

/// Pushes of one peer that have no verdict.
const UNANSWERED: [usize; 2] = [32, 8];

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for (batch, unanswered, goal) in [(1, UNANSWERED[0], 15_000.0), (BATCH, UNANSWERED[1], 60_000.0)] {
        let server = Server::start(&options.place)?;
        let cpu = machine::cpu_seconds(server.pid());
        let time = Duration::from_secs(options.seconds);
        let began = Instant::now();
        let documents = all(server.http(), batch, unanswered, time)?;
        let rate = documents as f64 / began.elapsed().as_secs_f64();
        let name = match batch {
            1 => format!("pushes of one document, {PEERS} peers"),
            _ => format!("documents pushed {batch} at a time, {PEERS} peers"),
        };
        report.goal(name, rate, "/s", Goal::AtLeast(goal));
        let cpu = (machine::cpu_seconds(server.pid()) - cpu) / documents as f64;
        report.figure("… server CPU for each", cpu * 1e6, "us");
    }
    Ok(())
}

fn all(address: SocketAddr, batch: u64, unanswered: usize, time: Duration) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let next = Rc::new(Cell::new(0));
        let mut wires = Vec::new();
        for _ in 0..PEERS {
            wires.push(Wire::open(address, Vec::new()).await?);
        }
        let began = Instant::now();
        let each = wires
            .into_iter()
            .map(|wire| tokio::task::spawn_local(push(wire, next.clone(), batch, unanswered, began, time)));
        let each: Vec<_> = each.collect();
        let mut documents = 0;
        for peer in each {
            documents += peer.await.context("a peer panicked")??;
        }
        Ok(documents)
    })
}

/// Pushes until the time is over, and waits for the verdicts; how many documents were taken.
async fn push(
    mut wire: Wire,
    next: Rc<Cell<u64>>,
    batch: u64,
    unanswered: usize,
    began: Instant,
    time: Duration,
) -> Result<u64> {
    let collection = CollectionName::new("people")?;
    let (mut sent, mut taken) = (0_usize, 0_usize);
    loop {
        let is_over = began.elapsed() >= time;
        if is_over && taken == sent {
            return Ok(taken as u64 * batch);
        }
        while !is_over && sent - taken < unanswered {
            let first = next.get();
            next.set(first + batch);
            let documents: Vec<_> = (first..first + batch).map(document).collect();
            let message = wire.push(&collection, &documents)?;
            wire.send(&message).await?;
            sent += 1;
        }
        match wire.receive().await? {
            Message::Ack(ack) => taken += ack.taken.len(),
            Message::Nack(nack) => anyhow::bail!("a push is refused: {:?}", nack.faults),
            _ => {}
        }
    }
}

/// A document of about 200 bytes.
fn document(n: u64) -> (String, Map) {
    let fields = [
        ("age", Value::Int(18 + (n % 73).cast_signed())),
        ("n", Value::Int(n.cast_signed())),
        ("name", Value::String("Susan".to_owned())),
        ("note", Value::String("x".repeat(FILLER_LEN))),
    ];
    (format!("p{n}"), Map::from_fields(fields.map(|(name, value)| (name.to_owned(), value)).into()))
}
