//! What live peers take from HTTP writers, with a consumer that keeps up: the same load by turns with
//! peers and without.

use std::time::Duration;

use anyhow::Result;

use super::{Options, crowd::Crowd, wire};
use crate::{
    consumer::Counter,
    load::{self, FILLER_LEN, Until, Work},
    machine,
    report::{Goal, Report},
    server::Server,
};

const DOCUMENTS: u64 = 10_000;

/// Turns of each kind.
const TURNS: u64 = 3;

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::start(&options.place)?;
    let work = Work {
        connections: 64,
        batch: 1,
        documents: DOCUMENTS,
        filler_len: FILLER_LEN,
        until: Until::Elapsed(Duration::from_secs(options.seconds.div_ceil(TURNS))),
    };
    let mut events =
        load::run(server.http(), Work { connections: 8, batch: 100, until: Until::EachOnce, ..work })?.commands;
    let mut consumer = Counter::start(&server)?;
    events += load::run(server.http(), work)?.commands; // to warm up
    consumer.wait_for(events)?;
    let (mut rates, mut cpu) = ([0.0; 2], [0.0; 2]);
    for _ in 0..TURNS {
        for with_peers in [false, true] {
            let subscribed = |n: usize| Ok(vec![wire::subscription("people", &format!("group == {n}"))?]);
            let peers = if with_peers { options.peers } else { 0 };
            let crowd = Crowd::gather(server.http(), (0..peers).map(subscribed).collect::<Result<_>>()?)?;
            let before = machine::cpu_seconds(server.pid());
            let outcome = load::run(server.http(), work)?;
            events += outcome.commands;
            consumer.wait_for(events)?;
            cpu[usize::from(with_peers)] += (machine::cpu_seconds(server.pid()) - before) / outcome.commands as f64;
            rates[usize::from(with_peers)] += outcome.commands_per_second();
            drop(crowd);
        }
    }
    let name = format!("HTTP writes with {} live peers that they do not concern", options.peers);
    report.goal(name, rates[1] / rates[0], "x", Goal::AtLeast(0.95));
    report.figure("… server CPU for each write and its fetch", cpu[1] / cpu[0], "x");
    report.figure("… without peers", rates[0] / TURNS as f64, "/s");
    Ok(())
}
