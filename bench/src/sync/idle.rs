//! What a connection costs on which nothing happens.

use anyhow::Result;

use super::{Options, crowd::Crowd, wire};
use crate::{
    machine,
    report::{Goal, Report},
    server::Server,
};

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::start(&options.place)?;
    super::seed(&server, 100)?;
    let before = machine::memory(server.pid())?;
    let wanted = (0..options.idle).map(|n| Ok(vec![wire::subscription("people", &format!("n == {}", n + 1))?]));
    let began = std::time::Instant::now();
    let crowd = Crowd::gather(server.http(), wanted.collect::<Result<_>>()?)?;
    report.figure(format!("{} peers were let in within", options.idle), began.elapsed().as_secs_f64(), "s");
    let with = machine::memory(server.pid())?;
    drop(crowd);
    report.goal(
        format!("server's memory with {} idle peers", options.idle),
        with.resident_mib,
        "MiB",
        Goal::AtMost(300.0),
    );
    let each = (with.anonymous_mib - before.anonymous_mib) * 1024.0 / options.idle as f64;
    report.goal("… for each", each, "KiB", Goal::AtMost(16.0));
    Ok(())
}
