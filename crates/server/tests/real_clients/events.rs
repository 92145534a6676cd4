//! Writes that make numbered events, and the numbers in the events that a client printed.

use std::{ops::Range, sync::Arc};

use serde_json::{Value, json};

use crate::support::TestServer;

/// Writes the documents of these numbers, each its own transaction; each makes one event.
#[track_caller]
pub(crate) fn write_numbered(server: &TestServer, numbers: Range<u64>) {
    for number in numbers {
        write(
            server,
            json!({ "method": "upsert", "collection": "people", "id": format!("p{number}"), "value": { "number": number } }),
        );
    }
}

/// Sends one command; its transaction's id.
#[track_caller]
pub(crate) fn write(server: &TestServer, command: Value) -> u64 {
    let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": [command] }));
    assert_eq!(status, 200, "{reply}");
    reply["results"][0]["transactionId"].as_u64().unwrap()
}

/// The number in each event's new document, in the order in which they came.
#[track_caller]
pub(crate) fn numbers<'a>(lines: impl IntoIterator<Item = &'a String>) -> Vec<u64> {
    let number = |line: &String| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not an event ({error}): {line}"));
        event["change"]["newValue"]["number"].as_u64().unwrap_or_else(|| panic!("no number: {line}"))
    };
    lines.into_iter().map(number).collect()
}

/// The same data on the same ports: clients that stay connected find the server again.
pub(crate) fn start_again(server: TestServer, end: impl FnOnce(TestServer)) -> TestServer {
    let address = |name: &str| {
        let (_, port) = server.run[name].as_str().unwrap().rsplit_once(':').unwrap();
        format!("127.0.0.1:{port}")
    };
    let (directory, http, kafka) = (Arc::clone(&server.directory()), address("http"), address("kafka"));
    end(server);
    TestServer::start_in(directory, &["--http-listen", &http, "--kafka-listen", &kafka])
}
