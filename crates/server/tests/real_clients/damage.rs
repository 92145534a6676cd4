//! Damaged events as stock consumers see them: what lies before comes, then each says that
//! something is wrong.

use std::{collections::BTreeSet, os::unix::fs::FileExt as _, path::Path, process::Command, sync::Arc};

use serde_json::json;
use tempfile::TempDir;

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY, console_consumer, kcat_group},
    events::{numbers, write},
};
use crate::support::{TestServer, wait_until};

const SMALL_SEGMENTS: [&str; 2] = ["--segment-bytes", "64KiB"];

/// It throws, and the console consumer ends.
const ENDS: &str = "Processed a total of";

/// What a consumer of a kind is started with, and what it says of damage.
type Consumer = (fn(&TestServer) -> Command, &'static str);

const CONSUMERS: [Consumer; 3] = [
    (|server| console_consumer(KAFKA_OF_THE_PAGE, server, "java-3"), ENDS),
    (|server| console_consumer(KAFKA_OF_TODAY, server, "java-4"), ENDS),
    (|server| kcat_group(server, "librdkafka"), "Invalid message"),
];

#[test]
fn consumers_get_what_lies_before_damage_and_say_that_it_is_there() {
    let server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &SMALL_SEGMENTS);
    let filler = "x".repeat(3_000);
    for n in 0..100 {
        let value = json!({ "number": n, "filler": filler });
        write(&server, json!({ "method": "upsert", "collection": "people", "id": format!("p{n}"), "value": value }));
    }
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    let damaged = flip(&directory.path().join("headwater-data/apps/default/journal"));
    let server = TestServer::start_in(directory, &SMALL_SEGMENTS);
    for (consumer, complaint) in CONSUMERS {
        let consumer = Client::start(consumer(&server));
        let lines = consumer.wait_for(damaged);
        let events: Vec<_> = lines.into_iter().filter(|line| line.starts_with('{')).collect();
        assert_eq!(numbers(&events), (0..damaged as u64).collect::<Vec<_>>());
        wait_until(complaint, || {
            consumer.complaints().contains(complaint) || consumer.lines().iter().any(|line| line.contains(complaint))
        });
        consumer.kill();
    }
    assert!(server.stderr().contains(".segment at byte "), "the log names the place: {}", server.stderr());
}

/// Flips a bit in the last event of the fourth segment; gives its offset.
fn flip(journal: &Path) -> usize {
    let files = std::fs::read_dir(journal).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.collect::<BTreeSet<_>>().into_iter().nth(3).unwrap();
    let bytes = std::fs::read(&segment).unwrap();
    let (mut at, mut frame) = (96, 0);
    // Behind the last frame stands what follows.
    while at < bytes.len() - 44 {
        frame = at;
        at += u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    }
    let place = bytes.len() - 144;
    let file = std::fs::File::options().write(true).open(&segment).unwrap();
    file.write_all_at(&[bytes[place] ^ 1], place as u64).unwrap();
    u64::from_le_bytes(bytes[frame + 24..frame + 32].try_into().unwrap()) as usize
}
