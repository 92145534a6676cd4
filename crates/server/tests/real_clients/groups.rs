//! Consumer lag, as Kafka's own tool shows it.

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY, TOPIC, console_consumer, kafka_tool, kcat_group},
    events::write_numbered,
};
use crate::support::TestServer;

#[test]
fn lag_reaches_zero() {
    let server = TestServer::start();
    write_numbered(&server, 0..10);
    let consumer = Client::start(kcat_group(&server, "lagging"));
    consumer.wait_for(10);
    consumer.terminate();
    write_numbered(&server, 10..15);
    for kafka in [KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY] {
        assert_eq!(
            described(&server, kafka, "lagging"),
            ["10", "15", "5"],
            "committed, end, lag as {kafka} shows them"
        );
    }

    let consumer = Client::start(console_consumer(KAFKA_OF_THE_PAGE, &server, "lagging"));
    consumer.wait_for(5);
    consumer.terminate();
    for kafka in [KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY] {
        assert_eq!(
            described(&server, kafka, "lagging"),
            ["15", "15", "0"],
            "committed, end, lag as {kafka} shows them"
        );
    }
}

#[test]
fn groups_are_listed_with_their_members() {
    let server = TestServer::start();
    write_numbered(&server, 0..1);
    let consumer = Client::start(kcat_group(&server, "present"));
    consumer.wait_for(1);
    let mut list = kafka_tool(KAFKA_OF_THE_PAGE, "kafka-consumer-groups.sh", &server, "default");
    let output = list.arg("--list").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "present", "{output:?}");
    let mut describe = kafka_tool(KAFKA_OF_THE_PAGE, "kafka-consumer-groups.sh", &server, "default");
    let output = describe.args(["--describe", "--members", "--group", "present"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.lines().any(|line| line.starts_with("present") && line.contains("rdkafka")), "{output:?}");
}

/// CURRENT-OFFSET, LOG-END-OFFSET and LAG of the group on the main feed.
#[track_caller]
fn described(server: &TestServer, kafka: &str, group: &str) -> Vec<String> {
    let mut describe = kafka_tool(kafka, "kafka-consumer-groups.sh", server, "default");
    let output = describe.args(["--describe", "--group", group]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let head = rows.find(|row| row.contains(&"LAG")).unwrap_or_else(|| panic!("no table: {output:?}"));
    let row = rows.find(|row| row.contains(&TOPIC)).unwrap_or_else(|| panic!("no row of the topic: {text}"));
    let column = |name| row[head.iter().position(|it| *it == name).unwrap()].to_owned();
    ["CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"].map(column).to_vec()
}
