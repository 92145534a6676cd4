//! A live query of each codec, as stock consumers and `headwater events` read it.

use std::process::Command;

use serde_json::json;

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY, credential, kafka_tool, kcat, tool},
    events::numbers,
};
use crate::support::TestServer;

const CODECS: [&str; 4] = ["lz4", "zstd", "gzip", "snappy"];
const EVENTS: u64 = 700;

fn topic(codec: &str) -> String {
    format!("user-consumable-default.{codec}")
}

/// A server with a live query of each codec, two full cells of events, and a part of one.
fn server() -> TestServer {
    let server = TestServer::start();
    for codec in CODECS {
        let made = server.run(&["live-query", "create", codec, "--compression", codec]);
        assert!(made.code() == Some(0) && made.stdout.contains(codec), "{made:?}");
    }
    for chunk in (0..EVENTS).collect::<Vec<_>>().chunks(100) {
        let commands: Vec<_> = chunk
            .iter()
            .map(|n| {
                let value = json!({ "number": n, "filler": "some text ".repeat(50) });
                json!({ "method": "upsert", "collection": "people", "id": format!("p{n}"), "value": value })
            })
            .collect();
        let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": commands }));
        assert_eq!(status, 200, "{reply}");
    }
    server
}

fn sent_bytes(server: &TestServer) -> u64 {
    let metrics = ureq::get(format!("{}/metrics", server.run["http"].as_str().unwrap())).call().unwrap();
    let text = metrics.into_body().read_to_string().unwrap();
    let line = text.lines().find(|line| line.starts_with("headwater_kafka_sent_bytes_total")).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Reads each topic with a consumer, to its end; what comes must be all, from few bytes.
fn each_is_read(server: &TestServer, codecs: &[&str], read: impl Fn(&str) -> Vec<String>) {
    for codec in codecs {
        let before = sent_bytes(server);
        let lines = read(&topic(codec));
        let sent = sent_bytes(server) - before;
        assert_eq!(numbers(&lines), (0..EVENTS).collect::<Vec<_>>(), "{codec}");
        // Uncompressed it is 600 a piece.
        assert!(sent < EVENTS * 200, "{codec}: {sent} bytes");
    }
}

fn until_all(command: Command) -> Vec<String> {
    let consumer = Client::start(command);
    consumer.wait_for(EVENTS as usize);
    consumer.terminate()
}

#[test]
fn kcat_reads_every_codec() {
    let server = server();
    each_is_read(&server, &CODECS, |topic| {
        let mut command = kcat(&server, "default");
        command.args(["-C", "-t", topic, "-o", "beginning", "-e", "-f", "%s\n"]);
        until_all(command)
    });
    // In the middle of a batch.
    let mut command = kcat(&server, "default");
    command.args(["-C", "-t", &topic("zstd"), "-o", "300", "-e", "-f", "%s\n"]);
    let output = command.output().unwrap();
    let lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(numbers(&lines), (300..EVENTS).collect::<Vec<_>>());
}

#[test]
fn javas_consumer_reads_every_codec() {
    let server = server();
    for kafka in [KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY] {
        each_is_read(&server, &CODECS, |topic| {
            let mut command = kafka_tool(kafka, "kafka-console-consumer.sh", &server, "default");
            command.args(["--topic", topic, "--group", kafka, "--from-beginning", "--max-messages"]);
            command.arg(EVENTS.to_string());
            until_all(command)
        });
    }
}

#[test]
fn kafkajs_reads_gzip() {
    let server = server();
    each_is_read(&server, &["gzip"], |topic| {
        let mut command = Command::new("node");
        command.args(["--no-warnings", "-e", include_str!("kafkajs_member.js"), "member", "gzip"]);
        command.arg(server.run["kafka"].as_str().unwrap()).arg(topic).arg(credential(&server, "default", ""));
        command.env("NODE_PATH", tool("node").join("node_modules"));
        let consumer = Client::start(command);
        consumer.wait_for_line(&format!(r#"{{"committed":"{EVENTS}"}}"#));
        let lines = consumer.terminate().into_iter();
        let events = lines.filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            line.get("event").map(ToString::to_string)
        });
        events.collect()
    });
}

#[test]
fn headwater_events_reads_every_codec() {
    let server = server();
    each_is_read(&server, &CODECS, |topic| {
        let name = topic.rsplit_once('.').unwrap().1;
        let max = EVENTS.to_string();
        let printed = server.run(&["events", "--live-query", name, "--from-beginning", "--max", &max]);
        assert_eq!(printed.code(), Some(0), "{printed:?}");
        printed.stdout.lines().map(str::to_owned).collect()
    });
}
