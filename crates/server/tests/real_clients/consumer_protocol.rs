//! The consumer protocol (KIP-848, `group.protocol=consumer`) with Java 4.x and librdkafka: reading, restarts of the
//! server, what Kafka's tool shows, and members of both protocols in one group.

use std::{collections::BTreeSet, process::Command};

use super::{
    client::Client,
    clients::{KAFKA_OF_TODAY, TOPIC, console_consumer, credential, kafka_tool, tool},
    events::{numbers, start_again, write_numbered},
};
use crate::support::{TestServer, wait_until};

#[test]
fn consumers_go_on_through_a_kill_9_without_a_loss_or_a_second_time() {
    let server = TestServer::start();
    write_numbered(&server, 0..10);
    let consumers = [java(&server, "java"), librdkafka(&server, "librdkafka", TOPIC, &["group.protocol=consumer"])];
    let consumers = consumers.map(Client::start);
    for consumer in &consumers {
        consumer.wait_for_line(r#""number":9}"#);
    }
    let mut describe = kafka_tool(KAFKA_OF_TODAY, "kafka-consumer-groups.sh", &server, "default");
    let output = describe.args(["--describe", "--all-groups", "--members", "--verbose"]).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for group in ["java", "librdkafka"] {
        let is_member = |line: &str| line.starts_with(group) && line.contains(&format!("{TOPIC}:0"));
        assert!(shown.lines().any(is_member), "{output:?}");
    }
    let server = start_again(server, |server| drop(server.kill()));
    write_numbered(&server, 10..20);
    for consumer in &consumers {
        consumer.wait_for_line(r#""number":19}"#);
        assert_eq!(numbers(&events(consumer)), (0..20).collect::<Vec<_>>(), "{}", consumer.complaints());
    }
    // They commit as they leave, and another one goes on there.
    consumers.into_iter().for_each(|consumer| drop(consumer.terminate()));
    write_numbered(&server, 20..25);
    let next = Client::start(librdkafka(&server, "java", TOPIC, &["group.protocol=consumer"]));
    next.wait_for_line(r#""number":24}"#);
    assert_eq!(numbers(&events(&next)), (20..25).collect::<Vec<_>>());
}

#[test]
fn a_group_changes_over_while_it_is_read_and_back() {
    let server = TestServer::start();
    let made = server.run(&["live-query", "create", "shared", "--collection", "people", "--partitions", "4"]);
    assert_eq!(made.code(), Some(0), "{}", made.stderr);
    let topic = "user-consumable-default.shared";
    write_numbered(&server, 0..20);
    let classic = ["partition.assignment.strategy=cooperative-sticky", "heartbeat.interval.ms=300"];
    let old = Client::start(librdkafka(&server, "moving", topic, &classic));
    wait_until("the classic member has all events", || events(&old).len() == 20);
    let new =
        Client::start(librdkafka(&server, "moving", "^user-consumable-default\\.sha.*", &["group.protocol=consumer"]));
    wait_until("both have a half", || [&old, &new].map(|member| has(member).len()) == [2, 2]);
    assert!(has(&old).is_disjoint(&has(&new)));
    write_numbered(&server, 20..60);
    wait_until("both have read", || read(&[&old, &new]).len() == 60);
    assert!(events(&new).iter().any(|line| line.contains("number")), "{:?}", new.lines());
    let lines_of_new = new.terminate();
    wait_until("the classic member has all again", || has(&old).len() == 4);
    write_numbered(&server, 60..70);
    wait_until("nothing is lost", || {
        let mut seen = read(&[&old]);
        seen.extend(numbers(lines_of_new.iter().filter(|line| line.contains("newValue"))));
        seen.len() == 70
    });
}

fn java(server: &TestServer, group: &str) -> Command {
    let mut command = console_consumer(KAFKA_OF_TODAY, server, group);
    command.args(["--command-property", "group.protocol=consumer"]);
    command
}

fn librdkafka(server: &TestServer, group: &str, topic: &str, settings: &[&str]) -> Command {
    let mut command = Command::new(tool("python").join("bin/python"));
    command.args(["-c", include_str!("librdkafka_member.py")]);
    command.arg(credential(server, "default", "librdkafka.properties")).arg(server.run["kafka"].as_str().unwrap());
    command.args([group, topic]).args(settings);
    command
}

/// The lines that are events.
fn events(consumer: &Client) -> Vec<String> {
    consumer.lines().into_iter().filter(|line| line.contains("newValue")).collect()
}

fn read(consumers: &[&Client]) -> BTreeSet<u64> {
    consumers.iter().flat_map(|consumer| numbers(&events(consumer))).collect()
}

/// The partitions that a member has, by what it said of each that it got and gave back.
fn has(consumer: &Client) -> BTreeSet<String> {
    let mut has = BTreeSet::new();
    for line in consumer.lines().into_iter().filter(|line| line.starts_with('{') && !line.contains("newValue")) {
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let of = |what: &str| -> BTreeSet<String> {
            let partitions = said[what].as_array().into_iter().flatten();
            partitions.map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        has.extend(of("assigned"));
        has.retain(|partition| !of("revoked").contains(partition) && !of("lost").contains(partition));
    }
    has
}
