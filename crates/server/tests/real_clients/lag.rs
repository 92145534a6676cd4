//! Lag as Kafka's own tool shows it, on a live query of four partitions: a number of events, whatever happened to the
//! server.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::Arc,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, kafka_tool, kcat},
    events::write_numbered,
    gaps::{TRIMMING, topic, trimming, wait_until_trimmed, write_large},
};
use crate::support::{TestServer, wait_until};

const SPREAD: &str = "user-consumable-default.spread";

/// Of each partition what the tool calls CURRENT-OFFSET, LOG-END-OFFSET and LAG.
#[track_caller]
fn described(server: &TestServer, group: &str, topic: &str) -> BTreeMap<u32, [u64; 3]> {
    let mut describe = kafka_tool(KAFKA_OF_THE_PAGE, "kafka-consumer-groups.sh", server, "default");
    let output = describe.args(["--describe", "--group", group]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let head = rows.find(|row| row.contains(&"LAG")).unwrap_or_else(|| panic!("no table: {output:?}"));
    let at = |name| head.iter().position(|it| *it == name).unwrap();
    let number = |row: &[&str], name| row[at(name)].parse::<u64>().unwrap();
    rows.filter(|row| row.contains(&topic))
        .map(|row| {
            let partition = row[at("PARTITION")].parse().unwrap();
            (partition, ["CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"].map(|name| number(&row, name)))
        })
        .collect()
}

#[track_caller]
fn lag(server: &TestServer, group: &str) -> u64 {
    let described = described(server, group, SPREAD);
    assert_eq!(described.len(), 4, "{described:?}");
    for [committed, end, lag] in described.values() {
        assert_eq!(end - committed, *lag, "{described:?}");
    }
    described.values().map(|[.., lag]| lag).sum()
}

/// Offset, key and value of each event, in the order they come in within a partition. Which
/// partition comes first is the client's and the moment's.
fn by_partition(server: &TestServer, of: &str) -> BTreeMap<String, Vec<String>> {
    let mut partitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in topic(server, of, "%p %o %k %s\n") {
        let (partition, event) = line.split_once(' ').unwrap();
        partitions.entry(partition.to_owned()).or_default().push(event.to_owned());
    }
    partitions
}

/// The server on the same directory, after that end.
fn again(server: TestServer, end: impl FnOnce(TestServer)) -> TestServer {
    let directory = server.directory();
    end(server);
    TestServer::start_in(directory, &TRIMMING)
}

/// A member of a group that reads the topic from its beginning, or from where the group is.
fn member(server: &TestServer, group: &str, topic: &str) -> Command {
    let mut command = kcat(server, "default");
    command.args(["-E", "-X", "auto.offset.reset=earliest", "-f", "%p %o %k %s\n", "-G", group, topic]);
    command
}

#[test]
fn lag_is_a_counted_number_of_events_whatever_happened() {
    let mut server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &TRIMMING);
    let create = ["live-query", "create", "spread", "--query", "number >= 100", "--partitions", "4"];
    assert_eq!(server.run(&create).code(), Some(0));
    // 40 of 60 match, and their offsets are dense in each partition.
    write_numbered(&server, 80..140);
    let consumer = Client::start(member(&server, "watch", SPREAD));
    consumer.wait_for(40);
    consumer.terminate();
    assert_eq!(lag(&server, "watch"), 0);
    for events in by_partition(&server, SPREAD).values() {
        let offsets: Vec<&str> = events.iter().map(|event| event.split(' ').next().unwrap()).collect();
        let dense: Vec<String> = (0..offsets.len()).map(|offset| offset.to_string()).collect();
        assert_eq!(offsets, dense);
    }

    write_numbered(&server, 90..125);
    assert_eq!(lag(&server, "watch"), 25, "after writes");
    server = again(server, |server| assert_eq!(server.terminate().code(), Some(0)));
    assert_eq!(lag(&server, "watch"), 25, "after a restart");
    server = again(server, |server| drop(server.kill()));
    assert_eq!(lag(&server, "watch"), 25, "after a kill");

    // What is counted is in no journal, and follows from it.
    let all = by_partition(&server, SPREAD);
    server = again(server, |server| {
        let documents = server.data_dir().join("apps/default/documents");
        assert_eq!(server.terminate().code(), Some(0));
        std::fs::remove_dir_all(documents).unwrap();
    });
    assert_eq!(lag(&server, "watch"), 25, "counted anew");
    assert!(by_partition(&server, SPREAD) == all, "the same events under the same offsets");

    // 200 documents that match, six times over, and then all of what the group has read is trimmed.
    (0..6).for_each(|round| write_large(&server, 100..300, round));
    wait_until_trimmed(&server, 95 + 400);
    assert_eq!(lag(&server, "watch"), 25 + 1200, "after a trim");
    let line = server.run(&["groups", "describe", "watch", "--json"]).stdout;
    let groups: Value = serde_json::from_str(&line).unwrap();
    let partitions = groups["partitions"].as_array().unwrap();
    assert_eq!(partitions.iter().map(|it| it["lag"].as_u64().unwrap()).sum::<u64>(), 25 + 1200, "{line}");
    assert!(partitions.iter().all(|it| it["gapAhead"] == true && it["secondsUntilGap"] == 0.0), "{line}");

    // One that is made after it counts those that it begins with, and the events.
    let create = ["live-query", "create", "late", "--query", "number >= 100", "--partitions", "4"];
    assert_eq!(server.run(&create).code(), Some(0));
    let late = "user-consumable-default.late";
    let told = topic(&server, late, "%s\n");
    let (mut named, mut events) = (BTreeSet::new(), 0);
    for line in &told {
        let event: Value = serde_json::from_str(line).unwrap();
        match event["documents"].as_array() {
            Some(documents) => named.extend(documents.iter().map(|one| one["documentId"].to_string())),
            None => events += 1,
        }
    }
    let consumer = Client::start(member(&server, "late", late));
    consumer.wait_for(told.len());
    consumer.terminate();
    let ends = described(&server, "late", late);
    assert_eq!(ends.values().map(|[_, end, _]| end).sum::<u64>(), named.len() as u64 + events, "{ends:?}");
    assert!(ends.values().all(|[.., lag]| *lag == 0), "{ends:?}");

    let consumer = Client::start(member(&server, "watch", SPREAD));
    wait_until("the group has read everything", || {
        let metrics = server.run(&["groups", "list", "--json"]).stdout;
        let groups: Value = serde_json::from_str(&metrics).unwrap();
        groups["groups"].as_array().unwrap().iter().any(|it| it["group"] == "watch" && it["lag"] == 0)
    });
    consumer.terminate();
    assert_eq!(lag(&server, "watch"), 0);
}

#[test]
fn the_pages_console_consumer_goes_through_a_gap_on_a_filtered_topic() {
    let server = trimming();
    let create = ["live-query", "create", "small", "--collection", "people", "--query", "round < 3"];
    assert_eq!(server.run(&create).code(), Some(0));
    let consumer = |group: &str| {
        let mut command = kafka_tool(KAFKA_OF_THE_PAGE, "kafka-console-consumer.sh", &server, "default");
        command.args(["--topic", "user-consumable-default.small", "--group", group, "--from-beginning"]);
        command
    };
    write_large(&server, 0..20, 1);
    let before = Client::start(consumer("sleeper"));
    before.wait_for(20);
    before.terminate();

    // Those below 10 leave the filter and change further outside it; the others stay as they were.
    (3..6).for_each(|round| write_large(&server, 0..10, round));
    (3..9).for_each(|round| write_large(&server, 100..300, round));
    wait_until_trimmed(&server, 20 + 30);
    write_large(&server, 500..501, 1);
    let after = Client::start(consumer("sleeper"));
    after.wait_for_line("p500");
    let lines = after.lines();
    let named: BTreeSet<String> = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["documents"].as_array().cloned())
        .flatten()
        .map(|document| document["documentId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(named, (0..10).map(|n| format!("p{n}")).collect(), "those that left, and no other: {lines:?}");
    let txns: Vec<u64> =
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["txnId"].as_u64().unwrap()).collect();
    assert!(txns.is_sorted(), "{txns:?}");
}
