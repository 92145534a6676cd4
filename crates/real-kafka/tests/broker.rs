//! A broker starts, answers Kafka's own tools, and is gone with who held it.

use std::net::TcpStream;

use real_kafka::Broker;

#[test]
fn a_broker_makes_a_topic_and_ends_with_its_holder() {
    let broker = Broker::start();
    let made = broker.tool("kafka-topics.sh").args(["--create", "--topic", "people"]).output().unwrap();
    assert!(made.status.success(), "{}\n{}", String::from_utf8_lossy(&made.stdout), broker.output());
    let address = broker.bootstrap();
    drop(broker);
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}
