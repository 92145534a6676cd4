//! A group goes on exactly where it was, however the server ended.

use std::process::Command;

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, console_consumer, kcat_group},
    events::{numbers, start_again, write_numbered},
};
use crate::support::TestServer;

type Group = fn(&TestServer) -> Command;

const JAVA: Group = |server| console_consumer(KAFKA_OF_THE_PAGE, server, "java");
const LIBRDKAFKA: Group = |server| kcat_group(server, "librdkafka");

#[test]
fn committed_groups_resume_after_kill_9_and_after_a_clean_stop() {
    let mut server = TestServer::start();
    let ends: [fn(TestServer); 2] =
        [|server| drop(server.kill()), |server| assert_eq!(server.terminate().code(), Some(0))];
    for (round, end) in (0..).zip(ends) {
        let events = round * 10..round * 10 + 10;
        write_numbered(&server, events.clone());
        for group in [JAVA, LIBRDKAFKA] {
            check_reads_exactly(&server, group, events.clone());
        }
        server = start_again(server, end);
    }
    write_numbered(&server, 20..30);
    for group in [JAVA, LIBRDKAFKA] {
        check_reads_exactly(&server, group, 20..30);
    }
}

/// The group reads these events and no others, then leaves, which commits.
#[track_caller]
fn check_reads_exactly(server: &TestServer, group: Group, events: std::ops::Range<u64>) {
    let consumer = Client::start(group(server));
    consumer.wait_for(events.clone().count());
    let lines: Vec<_> = consumer.terminate().into_iter().filter(|line| line.starts_with('{')).collect();
    assert_eq!(numbers(&lines), events.collect::<Vec<_>>());
}

#[test]
fn connected_groups_live_through_a_kill_9() {
    check_lives_through(|server| drop(server.kill()));
}

#[test]
fn connected_groups_live_through_a_clean_restart() {
    check_lives_through(|server| assert_eq!(server.terminate().code(), Some(0)));
}

#[track_caller]
fn check_lives_through(end: fn(TestServer)) {
    let server = TestServer::start();
    write_numbered(&server, 0..10);
    let consumers = [JAVA, LIBRDKAFKA].map(|group| Client::start(group(&server)));
    for consumer in &consumers {
        consumer.wait_for(10);
    }
    let server = start_again(server, end);
    write_numbered(&server, 10..20);
    for consumer in &consumers {
        consumer.wait_for_line(r#""number":19}"#);
        let seen = numbers(&consumer.lines());
        let mut new = Vec::new();
        for number in &seen {
            match new.last() {
                Some(last) if number <= last => {
                    assert!(*number < 10, "{number} came again, though never in doubt: {seen:?}")
                }
                _ => new.push(*number),
            }
        }
        assert_eq!(new, (0..20).collect::<Vec<_>>(), "none is lost; what comes again was not committed: {seen:?}");
    }
}
