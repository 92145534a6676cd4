//! Writers in a closed loop: each connection sends its next request when the last is acknowledged.
//!
//! One thread serves all connections, so that the load costs the measured server as little of the machine as can be.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::http::{self, Connection};

/// What is written: upserts of documents `p0`, `p1`, … in the collection `people`.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    pub(crate) connections: usize,
    /// Commands in a request, which is one transaction.
    pub(crate) batch: usize,
    /// The ids that are written are those below this number.
    pub(crate) documents: u64,
    /// Length of the filler in each document; the rest of it is about 90 bytes.
    pub(crate) filler_len: usize,
    pub(crate) until: Until,
}

/// When the writing ends, and in which order ids come.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// Each id was written once, in order.
    EachOnce,
    /// Random ids, neighbours within a request, until the time is over.
    Elapsed(Duration),
}

/// Filler that makes a document of about 200 bytes, as in the measurements of other systems that ours are held against.
pub(crate) const FILLER_LEN: usize = 105;

/// What came of it. Every request was acknowledged.
pub(crate) struct Outcome {
    /// Commands acknowledged, which is events made.
    pub(crate) commands: u64,
    pub(crate) took: Duration,
    /// From sending a request to its reply, sorted.
    pub(crate) reply_times: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn commands_per_second(&self) -> f64 {
        self.commands as f64 / self.took.as_secs_f64()
    }
}

/// Writes until the work is done. An error of any request ends it.
pub(crate) fn run(address: SocketAddr, work: Work) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, write_all(address, work))
}

async fn write_all(address: SocketAddr, work: Work) -> Result<Outcome> {
    let began = Instant::now();
    let next = Rc::new(Cell::new(0));
    let reply_times = Rc::new(RefCell::new(Vec::new()));
    let writers: Vec<_> = (0..work.connections)
        .map(|_| tokio::task::spawn_local(write(address, work, began, next.clone(), reply_times.clone())))
        .collect();
    let mut commands = 0;
    for writer in writers {
        commands += writer.await.context("a writer panicked")??;
    }
    let took = began.elapsed();
    let mut reply_times = reply_times.take();
    reply_times.sort_unstable();
    Ok(Outcome { commands, took, reply_times })
}

/// One connection's share; the number of commands that were acknowledged to it.
async fn write(
    address: SocketAddr,
    work: Work,
    began: Instant,
    next: Rc<Cell<u64>>,
    reply_times: Rc<RefCell<Vec<Duration>>>,
) -> Result<u64> {
    let mut connection = Connection::open(address).await?;
    let mut commands = 0;
    loop {
        let ids: Vec<u64> = match work.until {
            Until::EachOnce => {
                let from = next.get();
                next.set((from + work.batch as u64).min(work.documents));
                (from..next.get()).collect()
            }
            Until::Elapsed(time) if began.elapsed() >= time => Vec::new(),
            // Neighbours, so that no document is twice in a transaction, which would make one event of two commands.
            Until::Elapsed(_) => {
                let from = rand::random_range(0..=work.documents - work.batch as u64);
                (from..from + work.batch as u64).collect()
            }
        };
        if ids.is_empty() {
            return Ok(commands);
        }
        let request = upserts(&ids, work.filler_len);
        let sent = Instant::now();
        connection.call(&request).await?;
        reply_times.borrow_mut().push(sent.elapsed());
        commands += ids.len() as u64;
    }
}

/// A request that upserts these documents in one transaction.
fn upserts(ids: &[u64], filler_len: usize) -> Vec<u8> {
    let commands: Vec<_> = ids.iter().map(|&id| upsert(id, 0, filler_len)).collect();
    http::post("/api/v4/store/write", format!(r#"{{"commands":[{}]}}"#, commands.join(",")).as_bytes())
}

/// One command; `number` stands in the document's field `n`.
pub(crate) fn upsert(id: u64, number: u64, filler_len: usize) -> String {
    upsert_named(id, "Susan", number, filler_len)
}

/// As [`upsert`], of a document with another name.
pub(crate) fn upsert_named(id: u64, name: &str, number: u64, filler_len: usize) -> String {
    let age = 18 + id % 73;
    let filler = "x".repeat(filler_len);
    let value = format!(r#"{{"age":{age},"date":1645472201,"n":{number},"name":"{name}","note":"{filler}"}}"#);
    format!(r#"{{"method":"upsert","collection":"people","id":"p{id}","value":{value}}}"#)
}
