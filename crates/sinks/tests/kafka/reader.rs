//! What a topic has, by our own way of reading and by a `read_committed` consumer of the target: to be compared.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kafka_wire::record_batch;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use topics::{Tail, Topic, partition_of_key};

use super::server::WAIT;

/// How long nothing comes behind the last event.
const QUIET: Duration = Duration::from_millis(500);

/// A record, without where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) timestamp_ms: i64,
}

impl Event {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| str::from_utf8(value.as_ref()?).ok()).unwrap_or("")
    }

    pub(crate) fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }
}

/// By partition of the target.
pub(crate) type Partitions = BTreeMap<u32, Vec<Event>>;

/// All that `topic` has, as its own readers get it from the beginning, where it has to be in a target of that many
/// partitions. Events of one partition here keep their order there.
pub(crate) async fn expected(topic: &Topic, partitions: u32) -> Partitions {
    let mut found = Partitions::new();
    for index in 0..topic.partitions() {
        let partition = topic.partition(index.into()).unwrap();
        partition.settled_high_watermark().await.unwrap();
        let mut tail = Tail::within(partition, 0);
        while tail.is_behind() {
            for piece in tail.read(1 << 20).await.unwrap() {
                for batch in record_batch::batches(&piece) {
                    for record in record_batch::decode_records(batch.unwrap().1).unwrap() {
                        let event = Event {
                            key: record.key.map(<[u8]>::to_vec),
                            value: record.value.map(<[u8]>::to_vec),
                            headers: record
                                .headers
                                .iter()
                                .map(|(n, v)| ((*n).to_owned(), v.map(<[u8]>::to_vec)))
                                .collect(),
                            timestamp_ms: record.timestamp_ms,
                        };
                        let place = partition_of_key(record.key.unwrap_or_default(), partitions);
                        found.entry(place).or_default().push(event);
                    }
                }
            }
        }
    }
    found
}

/// All that was committed to a topic of the target, once there is as much as is expected: the brokers mark the end of
/// a transaction soon after it was committed. More than that is seen as well.
pub(crate) fn delivered(bootstrap: &str, topic: &str, count: usize) -> Partitions {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "oracle").set("enable.auto.commit", "false");
    config.set("isolation.level", "read_committed").set("fetch.wait.max.ms", "20");
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    let partitions = metadata.topics()[0].partitions().len();
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut found, mut events) = (Partitions::new(), 0);
    let mut latest = Instant::now() + WAIT;
    while Instant::now() < latest {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
            let headers =
                message.headers().map(|all| all.iter().map(|it| (it.key.to_owned(), it.value.map(<[u8]>::to_vec))));
            let event = Event {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: headers.map(Iterator::collect).unwrap_or_default(),
                timestamp_ms: message.timestamp().to_millis().unwrap(),
            };
            found.entry(message.partition() as u32).or_default().push(event);
            events += 1;
            if events >= count {
                latest = Instant::now() + QUIET;
            }
        }
    }
    found
}

/// How many they are.
pub(crate) fn count(found: &Partitions) -> usize {
    found.values().map(Vec::len).sum()
}

/// That the topic has them, and nothing else.
pub(crate) fn assert_delivered(bootstrap: &str, topic: &str, expected: &Partitions) {
    assert_same(&delivered(bootstrap, topic, count(expected)), expected);
}

/// All of them in one list, with no order between partitions.
pub(crate) fn flat(found: Partitions) -> Vec<Event> {
    found.into_values().flatten().collect()
}

/// That both are the same, told so that a person can read it.
fn assert_same(found: &Partitions, expected: &Partitions) {
    let all: std::collections::BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    for partition in all {
        let nothing = Vec::new();
        let (found, expected) = (found.get(partition).unwrap_or(&nothing), expected.get(partition).unwrap_or(&nothing));
        let differ = found.iter().zip(expected).position(|(found, expected)| found != expected);
        if let Some(at) = differ {
            panic!("partition {partition}, event {at}: {:?}\nis not {:?}", found[at], expected[at]);
        }
        let (found, expected) = (found.len(), expected.len());
        assert_eq!(found, expected, "partition {partition} has {found} events, not {expected}");
    }
}
