//! Two kafkajs members of one group: when one dies, the other takes over where it was.

use std::process::Command;

use serde_json::Value;

use super::{
    client::Client,
    clients::{TOPIC, credential, tool},
    events::write_numbered,
};
use crate::support::{TestServer, wait_until};

#[test]
fn when_a_member_dies_the_other_takes_over_where_it_was() {
    let server = TestServer::start();
    write_numbered(&server, 0..20);
    let first = Client::start(member(&server, "pair"));
    first.wait_for_line(r#"{"committed":"20"}"#);

    let second = Client::start(member(&server, "pair"));
    second.wait_for_line(r#"{"joined":"#);
    // One partition: after the rebalance exactly one of them has it, whichever it is.
    wait_until("one of the two has the partition", || owns(&first) != owns(&second));
    let (owner, other) = if owns(&first) { (first, second) } else { (second, first) };
    write_numbered(&server, 20..30);
    owner.wait_for_line(r#"{"committed":"30"}"#);
    owner.kill();

    write_numbered(&server, 30..40);
    other.wait_for_line(r#"{"committed":"40"}"#);
    let taken_over: Vec<_> = events(&other).into_iter().filter(|it| *it >= 20).collect();
    assert_eq!(taken_over, (30..40).collect::<Vec<_>>(), "nothing is lost, and nothing that was committed comes twice");
}

fn member(server: &TestServer, group: &str) -> Command {
    let mut command = Command::new("node");
    command.args(["--no-warnings", "-e", include_str!("kafkajs_member.js"), "member", group]);
    command.arg(server.run["kafka"].as_str().unwrap()).arg(TOPIC).arg(credential(server, "default", ""));
    command.env("NODE_PATH", tool("node").join("node_modules"));
    command
}

/// Whether the partition is a member's, by what it last joined with.
fn owns(member: &Client) -> bool {
    let last = member.lines().into_iter().rfind(|line| line.contains(r#""joined""#));
    last.is_some_and(|line| line.contains("[0]"))
}

/// The offsets of the events that a member was given.
fn events(member: &Client) -> Vec<u64> {
    let parsed = member.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
    parsed.filter_map(|line| line["offset"].as_str()?.parse().ok()).collect()
}
