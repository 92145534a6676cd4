//! How long a group of many members takes to share a topic anew when one more comes, in both group
//! protocols: Java consumers with default settings, all in one JVM.
//!
//! A member learns of a rebalance with its next heartbeat, which by default comes every 3 s (classic) or as the
//! server says, every 5 s (KIP-848).

use std::fs;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    Place,
    broker::java,
    connector::headwater,
    machine::Noise,
    report::{Goal, Report},
    server::Server,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Members of the group.
    #[arg(long, default_value_t = 100)]
    members: u32,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let server = Server::start(&options.place)?;
    let members = options.members.to_string();
    headwater(&server, &["live-query", "create", "shared", "--partitions", &members])?;
    let topic = format!("{}.shared", server.topic());
    let client = fs::read_to_string(server.credential("client.properties")).context("client.properties")?;
    let properties = server.data_dir().with_file_name("members.properties");
    let text = format!("{client}\nbootstrap.servers={}\nauto.offset.reset=earliest\n", server.kafka());
    fs::write(&properties, text).with_context(|| format!("cannot write {}", properties.display()))?;
    let properties = properties.display().to_string();
    let noise = Noise::begin();
    let mut report = Report::new(format!("members: one more comes to a group, {members} then, Java 4.3.1"));
    for (protocol, seconds_max) in [("classic", 3.0), ("consumer", 10.0)] {
        let said = java(&["members", &members, protocol, &properties, &topic, &format!("group-{protocol}")])?;
        let seconds = said.split_whitespace().last().and_then(|word| word.parse().ok());
        let seconds: f64 = seconds.with_context(|| format!("the client said {said:?}"))?;
        report.goal(format!("{protocol}: until it has its part"), seconds, "s", Goal::AtMost(seconds_max));
    }
    report.publish(&noise.end())
}
