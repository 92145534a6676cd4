//! What targets refuse, lack and lose: said as it is, and waited for.

use std::process::Stdio;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
};
use wire::admin::{NewSink, SinkState};

use super::{
    reader::{assert_delivered, delivered, expected, flat},
    server::{Server, broker, kafka, sink},
};

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", broker().bootstrap()).create().unwrap()
}

async fn make(topic: &str, config: &[(&str, &str)]) {
    let new = NewTopic::new(topic, 3, TopicReplication::Fixed(1));
    let new = config.iter().fold(new, |new, (name, value)| new.set(name, value));
    admin().create_topics([&new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
}

async fn set(topic: &str, name: &str, value: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    admin().alter_configs([&change], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
}

fn unmade(name: &str, topic: &str) -> NewSink {
    let bootstrap = broker().bootstrap();
    NewSink { target: kafka(topic, None, [("bootstrap.servers", bootstrap.as_str())]), ..sink(name, topic, &bootstrap) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_waited_for_and_one_that_is_deleted_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open(dir.path(), "run").await;
    for n in 0..5 {
        server.write(&format!("id-{n}"), 10).await;
    }
    server.sinks.create(&server.topics, unmade("missing", "missing")).await.unwrap();
    let waits = server.until_state("missing", SinkState::Waiting, "the topic missing does not exist").await;
    assert!(waits.next_try_ms.is_some() && waits.errors > 0, "{waits:?}");
    make("missing", &[]).await;
    server.until_delivered("missing").await;
    assert_delivered(&broker().bootstrap(), "missing", &expected(&server.topics.main(), 3).await);
    admin().delete_topics(&["missing"], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    server.write("late", 10).await;
    server.until_state("missing", SinkState::Waiting, "missing").await;
    make("missing", &[]).await;
    server.until_delivered("missing").await;
    let found = flat(delivered(&broker().bootstrap(), "missing", 1));
    assert_eq!(found.iter().map(super::reader::Event::key_text).collect::<Vec<_>>(), [r#"["people","late"]"#]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_too_large_for_the_target_asks_to_read_its_document_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open(dir.path(), "run").await;
    make("small", &[("max.message.bytes", "20000")]).await;
    server.write("a", 10).await;
    server.write("large", 30_000).await;
    server.write("b", 10).await;
    server.sinks.create(&server.topics, unmade("small", "small")).await.unwrap();
    server.until_delivered("small").await;
    // Smaller than what the sink knows: the brokers refuse whole batches of what follows.
    set("small", "max.message.bytes", "5000").await;
    for n in 0..40 {
        server.write(&format!("n-{n}"), if n == 20 { 12_000 } else { 1000 }).await;
    }
    server.until_delivered("small").await;
    let mut wanted = expected(&server.topics.main(), 3).await;
    for event in wanted.values_mut().flatten().filter(|event| event.value.as_ref().unwrap().len() > 5000) {
        let (collection, id_json) = wire::event::read_key(event.key.as_ref().unwrap()).unwrap();
        let txn = event.header("txnId").parse().unwrap();
        let mut value = Vec::new();
        let document = wire::event::RequeryDocument { app: "shop", collection: &collection, id_json };
        wire::event::write_requery_required(&mut value, txn, &[document]);
        event.value = Some(value);
        event.headers.iter_mut().find(|(name, _)| name == "op").unwrap().1 = Some(b"requery".to_vec());
    }
    assert_delivered(&broker().bootstrap(), "small", &wanted);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_refusal_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::open(dir.path(), "run").await;
    server.write("a", 10).await;
    let (bootstrap, plain) = (broker().sasl_bootstrap(), broker().bootstrap());
    let config = |password| {
        [
            ("bootstrap.servers", bootstrap.as_str()),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "alice"),
            ("sasl.password", password),
        ]
    };
    let guarded =
        |name, password| NewSink { target: kafka("guarded", Some(3), config(password)), ..sink(name, "x", &plain) };
    server.sinks.create(&server.topics, guarded("guarded", "wonderland")).await.unwrap();
    server.sinks.create(&server.topics, guarded("wrong", "looking-glass")).await.unwrap();
    server.until_state("guarded", SinkState::Waiting, "Topic authorization failed").await;
    server.until_state("wrong", SinkState::Waiting, "Invalid username or password").await;
    server.sinks.delete(&server.topics, "wrong").await.unwrap();
    let mut allow = broker().tool("kafka-acls.sh");
    allow.args(["--add", "--allow-principal", "User:alice", "--operation", "All", "--topic", "*"]);
    allow.args(["--transactional-id", "__headwater.shop.guarded"]).stdout(Stdio::null());
    assert!(allow.status().unwrap().success());
    server.until_delivered("guarded").await;
    assert_delivered(&plain, "guarded", &expected(&server.topics.main(), 3).await);
    server.stop().await;
}
