//! Kills at random moments: of the server inside and outside of transactions, and of the broker.
//! `HEADWATER_SINK_KILLS` says how often the server is killed, for a longer look:
//! `HEADWATER_SINK_KILLS=50 cargo test -p sinks --features kafka --test kafka kills`.

use std::{thread, time::Duration};

use real_kafka::Broker;

use super::{
    child::ChildServer,
    reader::{assert_delivered, expected},
    server::{Server, broker, sink},
};

/// In a test run.
const KILLS: u64 = 10;

fn kills() -> u64 {
    std::env::var("HEADWATER_SINK_KILLS").ok().and_then(|said| said.parse().ok()).unwrap_or(KILLS)
}

/// Numbers that look random, the same in every run.
fn pause_ms(round: u64, below: u64) -> Duration {
    let mixed = (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Duration::from_millis((mixed >> 40) % below)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_arrives_twice_or_is_missing_over_kills() {
    let dir = tempfile::tempdir().unwrap();
    let bootstrap = broker().bootstrap();
    let server = Server::open(dir.path(), "first").await;
    server.sinks.create(&server.topics, sink("kills", "kills", &bootstrap)).await.unwrap();
    server.stop().await;
    for round in 0..kills() {
        let mut child = ChildServer::start(dir.path(), &format!("run-{round}"), "kills", 100);
        // Every fourth one on the way to its first transaction.
        if round % 4 == 3 {
            thread::sleep(pause_ms(round, 400));
        } else {
            child.until_says("delivers");
            thread::sleep(pause_ms(round, 200));
        }
        child.signal("KILL");
    }
    let server = Server::open(dir.path(), "last").await;
    server.until_delivered("kills").await;
    let expected = expected(&server.topics.main(), 3).await;
    assert!(expected.values().map(Vec::len).sum::<usize>() > 500, "much was written");
    assert_delivered(&bootstrap, "kills", &expected);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut own = Broker::start();
    let server = Server::open(dir.path(), "only").await;
    server.sinks.create(&server.topics, sink("broker-kills", "broker-kills", &own.bootstrap())).await.unwrap();
    for n in 0..200 {
        server.write(&format!("before-{n}"), 50).await;
    }
    own.kill();
    for n in 0..200 {
        server.write(&format!("without-{n}"), 50).await;
    }
    own.start_again();
    server.until_delivered("broker-kills").await;
    assert_delivered(&own.bootstrap(), "broker-kills", &expected(&server.topics.main(), 3).await);
    server.stop().await;
}
