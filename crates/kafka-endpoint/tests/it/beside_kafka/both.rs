//! A broker and the endpoint with the same topics and events, and the same questions to both.
//!
//! Invariant: a difference that no [`Difference`] explains fails the test, and so does one that explains nothing any
//! more.

use std::{collections::BTreeSet, fmt::Debug};

use kafka_protocol::{
    messages::{
        CreateTopicsRequest, DescribeGroupsRequest, DescribeTransactionsRequest, FindCoordinatorRequest, GroupId,
        InitProducerIdRequest, ListGroupsRequest, ProduceRequest, TopicName, TransactionalId,
        create_topics_request::CreatableTopic,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    protocol::{Request, StrBytes},
};
use kafka_wire::record_batch::BatchBuilder;
use real_kafka::Broker;
use topics::{LiveQuery, OnGap};

use super::{
    flat::{Fields, any_place, fields},
    peer::Peer,
    support::{Server, TOPIC, changeset},
};

/// A live query with four partitions.
pub(crate) const FOUR: &str = "user-consumable-shop.four";

/// A difference that is meant.
pub(crate) struct Difference {
    /// The question: its name, or the beginning of it.
    pub(crate) question: &'static str,
    /// The field, or what holds it, with `*` for places in lists; empty for the whole answer.
    pub(crate) field: &'static str,
    /// Why it is so.
    pub(crate) reason: &'static str,
}

pub(crate) const fn difference(question: &'static str, field: &'static str, reason: &'static str) -> Difference {
    Difference { question, field, reason }
}

/// Fields in which any two servers differ.
const EACH_ITS_OWN: [&str; 9] =
    ["topic_id", "host", "port", "cluster_id", "log_dir", "member_id", "leader", "client_host", "records"];

pub(crate) struct Both {
    broker: Broker,
    server: Server,
    kafka: Peer,
    own: Peer,
    meant: Vec<&'static Difference>,
    used: BTreeSet<usize>,
    found: Vec<String>,
}

impl Both {
    /// Starts both. `meant`: the differences that the test expects.
    pub(crate) async fn start(meant: &[&'static [Difference]]) -> Self {
        let meant = meant.iter().copied().flatten().collect();
        let broker = Broker::start_with("auto.create.topics.enable=false");
        let server = Server::start().await;
        let (kafka, own) = (Peer::kafka(&broker.bootstrap()).await, Peer::own(&server).await);
        let mut both = Self { broker, server, kafka, own, meant, used: BTreeSet::new(), found: Vec::new() };
        both.make_topics().await;
        both
    }

    /// One event on the main topic, and a topic of four partitions.
    async fn make_topics(&mut self) {
        let new = |name: &str, partitions| {
            let topic = CreatableTopic::default().with_name(topic(name)).with_num_partitions(partitions);
            topic.with_replication_factor(1)
        };
        let create = CreateTopicsRequest::default().with_topics(vec![new(TOPIC, 1), new(FOUR, 4)]);
        let created = self.kafka.ask(&create.with_timeout_ms(10_000), 7).await.unwrap();
        assert!(created.topics.iter().all(|topic| topic.error_code == 0), "{created:?}");
        // The one event has the same time on both sides.
        self.server.app.commit(changeset("a", "{}")).await.unwrap();
        let own = self.server.topics.main().partition(0).unwrap().max_timestamp().await.unwrap().unwrap();
        let timestamp = i64::try_from(own.timestamp_ms).unwrap();
        let mut batch = BatchBuilder::new(0, timestamp);
        batch.push(timestamp, b"a", b"{}", &[]);
        let data = PartitionProduceData::default().with_records(Some(batch.finish().into()));
        let data = TopicProduceData::default().with_name(topic(TOPIC)).with_partition_data(vec![data]);
        let produce = ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![data]);
        // The broker knows its new topics a moment later.
        let began = std::time::Instant::now();
        while self.kafka.ask(&produce, 11).await.unwrap().responses[0].partition_responses[0].error_code != 0 {
            assert!(began.elapsed().as_secs() < 20, "Kafka takes no event");
        }
        let live_query = LiveQuery {
            name: "four".into(),
            collection: None,
            query: None,
            query_language: topics::QueryLanguage::Legacy,
            partitions: 4,
            on_gap: OnGap::Requery,
            compression: topics::Compression::None,
            permission: None,
            created_ms: 1,
        };
        self.server.topics.create(live_query).await.unwrap();
    }

    /// Asks both; the answers, Kafka's first. A connection that ended is made anew.
    pub(crate) async fn ask<R: Request<Response: Debug> + Clone>(
        &mut self,
        question: &str,
        request: R,
        version: i16,
    ) -> (Option<R::Response>, Option<R::Response>) {
        self.ask_each(question, [request.clone(), request], version).await
    }

    /// The same where the requests differ, in ids that each side gave out. Kafka's comes first.
    pub(crate) async fn ask_each<R: Request<Response: Debug>>(
        &mut self,
        question: &str,
        [of_kafka, of_own]: [R; 2],
        version: i16,
    ) -> (Option<R::Response>, Option<R::Response>) {
        let kafka = self.kafka.ask(&of_kafka, version).await;
        let own = self.own.ask(&of_own, version).await;
        let shown = |answer: &Option<R::Response>| {
            let ended = || Fields::from([(String::new(), "the connection ended".to_owned())]);
            answer.as_ref().map_or_else(ended, fields)
        };
        self.compare(question, version, &shown(&kafka), &shown(&own));
        if kafka.is_none() {
            self.kafka = Peer::kafka(&self.broker.bootstrap()).await;
        }
        if own.is_none() {
            self.own = Peer::own(&self.server).await;
        }
        (kafka, own)
    }

    /// Waits until the broker coordinates groups and transactions: it makes the topics for it when it is first asked,
    /// and the endpoint is ready at once.
    pub(crate) async fn kafka_coordinates(&mut self) {
        let began = std::time::Instant::now();
        for kind in [0, 1] {
            let find = FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(vec![text("a")]);
            while self.kafka.ask(&find, 4).await.unwrap().coordinators[0].error_code != 0 {
                assert!(began.elapsed().as_secs() < 30, "Kafka does not coordinate");
            }
        }
        let describe = DescribeTransactionsRequest::default().with_transactional_ids(vec![TransactionalId(text("a"))]);
        let list = ListGroupsRequest::default();
        const TRANSACTIONAL_ID_NOT_FOUND: i16 = 105;
        while self.kafka.ask(&describe, 0).await.unwrap().transaction_states[0].error_code != TRANSACTIONAL_ID_NOT_FOUND
            || self.kafka.ask(&list, 3).await.unwrap().error_code != 0
        {
            assert!(began.elapsed().as_secs() < 30, "Kafka does not coordinate");
        }
        let init = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(10_000);
        while self.kafka.ask(&init, 4).await.unwrap().error_code != 0 {
            assert!(began.elapsed().as_secs() < 30, "Kafka gives no ids to producers");
        }
    }

    /// Waits until the group has no members on either side.
    pub(crate) async fn wait_until_empty(&mut self, name: &str) {
        let began = std::time::Instant::now();
        let describe = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(name))]);
        for peer in [&mut self.kafka, &mut self.own] {
            while peer.ask(&describe, 5).await.unwrap().groups[0].group_state.as_str() == "Stable" {
                assert!(began.elapsed().as_secs() < 30, "the session does not end");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }

    fn compare(&mut self, question: &str, version: i16, kafka: &Fields, own: &Fields) {
        let paths: BTreeSet<&String> = kafka.keys().chain(own.keys()).collect();
        for path in paths {
            let (theirs, ours) = (kafka.get(path), own.get(path));
            let last = path.rsplit('.').find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()));
            let is_its_own = last.is_some_and(|name| EACH_ITS_OWN.contains(&name));
            if theirs == ours || (is_its_own && theirs.is_some() && ours.is_some()) {
                continue;
            }
            let general = any_place(path);
            let explains = |it: &&Difference| question.starts_with(it.question) && general.starts_with(it.field);
            match self.meant.iter().position(explains) {
                Some(place) => drop(self.used.insert(place)),
                None => {
                    let shown = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
                    let (theirs, ours) = (shown(theirs), shown(ours));
                    self.found.push(format!("{question} v{version}, {path}: Kafka {theirs}, Headwater {ours}"));
                }
            }
        }
    }

    /// Fails if there was a difference that is not meant, or one that is meant was not there.
    pub(crate) async fn finish(self) {
        self.server.stop().await;
        assert!(self.found.is_empty(), "differences to Kafka:\n{}", self.found.join("\n"));
        let unused = self.meant.iter().enumerate().filter(|(place, _)| !self.used.contains(place));
        let unused: Vec<String> =
            unused.map(|(_, it)| format!("{} {} ({})", it.question, it.field, it.reason)).collect();
        assert!(unused.is_empty(), "no difference any more:\n{}", unused.join("\n"));
    }
}

pub(crate) fn text(text: &str) -> StrBytes {
    text.to_owned().into()
}

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}
