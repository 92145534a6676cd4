//! Brokers that fall away one after the other, and one without room.

use real_kafka::Broker;
use wire::admin::{SinkState, SinkTarget};

use super::{
    reader::{assert_delivered, expected},
    server::{Server, sink, write_all},
};

async fn write(server: &Server, what: &str, count: usize, filler: usize) {
    write_all(&server.topics, (0..count).map(|n| format!("{what}-{n}")), filler).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_brokers_one_may_be_missing_and_two_are_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let [first, mut second, mut third] = Broker::start_three("");
    let bootstrap = [&first, &second, &third].map(Broker::bootstrap).join(",");
    let server = Server::open(dir.path(), "run").await;
    let mut new = sink("three", "three", &bootstrap);
    let SinkTarget::Kafka { replication_factor, .. } = &mut new.target else { panic!("a Kafka") };
    *replication_factor = Some(3);
    write(&server, "all", 100, 50).await;
    server.sinks.create(&server.topics, new).await.unwrap();
    server.until_delivered("three").await;
    second.kill();
    write(&server, "two", 100, 50).await;
    server.until_delivered("three").await;
    third.kill();
    write(&server, "one", 100, 50).await;
    server.until_state("three", SinkState::Waiting, "the brokers do not").await;
    second.start_again();
    server.until_delivered("three").await;
    assert_delivered(&bootstrap, "three", &expected(&server.topics.main(), 3).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_disk_is_full_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut own = Broker::start();
    let server = Server::open(dir.path(), "run").await;
    server.sinks.create(&server.topics, sink("full", "full", &own.bootstrap())).await.unwrap();
    server.until_delivered("full").await;
    own.fill_the_disk(256 << 10);
    write(&server, "large", 200, 10_000).await;
    server.until_state("full", SinkState::Waiting, "").await;
    own.start_again();
    server.until_delivered("full").await;
    assert_delivered(&own.bootstrap(), "full", &expected(&server.topics.main(), 3).await);
    server.stop().await;
}
