//! rdkafka (Rust, librdkafka): a client of the compatibility matrix, as compat/README.md says.

use std::{collections::HashMap, error::Error, time::Duration};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    client::ClientContext,
    config::ClientConfig,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::KafkaError,
};

const TIMEOUT: Duration = Duration::from_secs(30);

struct Complaining;

impl ClientContext for Complaining {
    fn error(&self, error: KafkaError, reason: &str) {
        eprintln!("{error}: {reason}");
    }
}

impl ConsumerContext for Complaining {}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(2).collect();
    let options: HashMap<&str, &str> = words.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1])).collect();
    let topic = options["--topic"];
    let group = options.get("--group");
    let consumer: BaseConsumer<Complaining> = config(&options)?.create_with_context(Complaining)?;
    match group {
        Some(_) => consumer.subscribe(&[topic])?,
        None => start_at(&consumer, topic, options["--from-time"].parse()?)?,
    }
    let mut left: u64 = options.get("--count").map_or(Ok(u64::MAX), |it| it.parse())?;
    while left > 0 {
        let message = match consumer.poll(Duration::from_millis(200)) {
            None => continue,
            Some(Err(error)) => {
                eprintln!("{error}");
                continue;
            }
            Some(Ok(message)) => message,
        };
        let key = String::from_utf8_lossy(message.key().unwrap_or_default());
        let line = serde_json::json!({ "partition": message.partition(), "offset": message.offset(), "key": key });
        println!("{line}");
        left -= 1;
        if group.is_some() {
            // Whoever has the partition next gets the event again.
            consumer.commit_message(&message, CommitMode::Sync).unwrap_or_else(|moved| eprintln!("{moved}"));
        }
    }
    Ok(())
}

fn config(options: &HashMap<&str, &str>) -> Result<ClientConfig, Box<dyn Error>> {
    let mut config = ClientConfig::new();
    for line in std::fs::read_to_string(options["--config"])?.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.split_once('=').ok_or("a line without a value")?;
        config.set(name, value);
    }
    config.set("group.id", *options.get("--group").unwrap_or(&"none"));
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    if options.get("--protocol") == Some(&"consumer") {
        config.set("group.protocol", "consumer");
    } else if let Some(timeout) = options.get("--session-timeout") {
        config.set("session.timeout.ms", *timeout).set("heartbeat.interval.ms", "1000");
    }
    Ok(config)
}

fn start_at(consumer: &BaseConsumer<Complaining>, topic: &str, time: i64) -> Result<(), Box<dyn Error>> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut times = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|it| it.partitions()) {
        times.add_partition_offset(topic, partition.id(), Offset::Offset(time))?;
    }
    consumer.assign(&consumer.offsets_for_times(times, TIMEOUT)?)?;
    Ok(())
}
