//! The topics of a sink in its target: there, or made, and what is known of them.
//!
//! Not here: what is in them (`cursor`, `producing`).

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::Client,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
};
use tokio::runtime::Handle;

use super::{
    client::{self, Context},
    trouble::Trouble,
};
use crate::{definition::Target as Asked, limits::ASK_TIMEOUT, work::Work};

/// What a topic takes in one batch, where that cannot be asked: librdkafka's own default.
const MESSAGE_BYTES: usize = 1_000_000;

/// How long a topic that was just made may take to be known to the brokers.
const KNOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The sink's topic and its cursor topic.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) topic: String,
    pub(super) cursor_topic: String,
    pub(super) partitions: u32,
    /// The greatest batch that the topic takes.
    pub(super) message_bytes_max: usize,
}

/// The name of the cursor topic, and the transactional id.
pub(super) fn cursor_topic(app: &str, sink: &str) -> String {
    format!("__headwater.{app}.{sink}")
}

impl Target {
    /// Looks at the topics, and makes what is missing and may be made.
    pub(super) fn prepare(
        work: &Work,
        config: &ClientConfig,
        asking: &BaseConsumer<Context>,
        handle: &Handle,
    ) -> Result<Self, Trouble> {
        let Asked::Kafka { topic, partitions, replication_factor, .. } = &work.sink.target else {
            return Err(Trouble::Fail("it is not one into a Kafka".to_owned()));
        };
        let cursor_topic = cursor_topic(work.topics.app().name().as_str(), &work.sink.name);
        let found = asking_partitions(asking, topic)?;
        if found.is_none() && partitions.is_none() {
            let why = format!("the topic {topic} does not exist: make it, or make the sink with \"partitions\"");
            return Err(Trouble::Wait(why));
        }
        let has_cursor_topic = asking_partitions(asking, &cursor_topic)?.is_some();
        let admin: AdminClient<Context> = config
            .create_with_context(Context::of(work))
            .map_err(|error| Trouble::of("its configuration", &error, asking.context()))?;
        let making = Making { admin: &admin, asking, handle };
        let replication = replication_factor.map_or(-1, i32::from);
        let partitions = match (found, partitions) {
            (Some(found), _) => found,
            (None, count) => {
                let count = i32::from(count.unwrap_or(1));
                making.create(NewTopic::new(topic, count, TopicReplication::Fixed(replication)))?;
                making.known(topic)?
            }
        };
        if !has_cursor_topic {
            let new = NewTopic::new(&cursor_topic, 1, TopicReplication::Fixed(replication));
            let new = new.set("cleanup.policy", "compact").set("segment.bytes", "16777216");
            making.create(new)?;
            making.known(&cursor_topic)?;
        }
        let message_bytes_max = making.message_bytes_max(topic, &cursor_topic)?;
        Ok(Self { topic: topic.clone(), cursor_topic, partitions, message_bytes_max })
    }
}

/// As [`partitions`], with what the brokers' connections have said in the reason.
fn asking_partitions(asking: &BaseConsumer<Context>, topic: &str) -> Result<Option<u32>, Trouble> {
    partitions(asking.client(), topic, || client::listen(asking))
}

struct Making<'a> {
    admin: &'a AdminClient<Context>,
    asking: &'a BaseConsumer<Context>,
    handle: &'a Handle,
}

impl Making<'_> {
    /// Makes a topic; that somebody else just did is fine.
    fn create(&self, new: NewTopic<'_>) -> Result<(), Trouble> {
        let doing = format!("the topic {} cannot be made", new.name);
        let options = AdminOptions::new().operation_timeout(Some(ASK_TIMEOUT)).request_timeout(Some(ASK_TIMEOUT));
        let made = self.handle.block_on(self.admin.create_topics([&new], &options));
        let made = made.map_err(|error| Trouble::of(&doing, &error, self.asking.context()))?;
        match made.into_iter().next() {
            Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
                Err(Trouble::Wait(format!("{doing}: {code}")))
            }
            _ => Ok(()),
        }
    }

    /// The partitions of a topic that was just made.
    fn known(&self, topic: &str) -> Result<u32, Trouble> {
        let latest = Instant::now() + KNOWN_TIMEOUT;
        loop {
            if let Ok(Some(found)) = asking_partitions(self.asking, topic) {
                return Ok(found);
            }
            if Instant::now() > latest {
                return Err(Trouble::Wait(format!("the topic {topic} was made, and the brokers do not know it yet")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The greatest batch that `topic` takes, if that may be asked; and that the cursor topic keeps what it has.
    fn message_bytes_max(&self, topic: &str, cursor_topic: &str) -> Result<usize, Trouble> {
        let options = AdminOptions::new().request_timeout(Some(ASK_TIMEOUT));
        let both = [ResourceSpecifier::Topic(topic), ResourceSpecifier::Topic(cursor_topic)];
        let mut found = [None, None];
        for (which, found) in both.iter().zip(&mut found) {
            let described = self.handle.block_on(self.admin.describe_configs([which], &options));
            *found = described.ok().and_then(|all| all.into_iter().next()).and_then(Result::ok);
        }
        let value =
            |at: usize, name: &str| found[at].as_ref().and_then(|it| it.get(name)).and_then(|it| it.value.clone());
        if value(1, "cleanup.policy").is_some_and(|policy| policy != "compact") {
            let why = format!("the topic {cursor_topic} keeps where the sink goes on: give it cleanup.policy=compact");
            return Err(Trouble::Fail(why));
        }
        Ok(value(0, "max.message.bytes").and_then(|it| it.parse().ok()).unwrap_or(MESSAGE_BYTES))
    }
}

/// How many partitions a topic has; `None` if there is no such topic. `listen` hears what was said meanwhile.
pub(super) fn partitions(client: &Client<Context>, topic: &str, listen: impl Fn()) -> Result<Option<u32>, Trouble> {
    let doing = format!("the brokers do not tell of the topic {topic}");
    let metadata = client.fetch_metadata(Some(topic), ASK_TIMEOUT);
    let metadata = metadata.map_err(|error| {
        listen();
        Trouble::of(&doing, &error, client.context())
    })?;
    let Some(found) = metadata.topics().iter().find(|it| it.name() == topic) else { return Ok(None) };
    match found.error().map(RDKafkaErrorCode::from) {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
        Some(code) => Err(Trouble::Wait(format!("{doing}: {code}"))),
        None if found.partitions().is_empty() => Ok(None),
        None => Ok(Some(found.partitions().len() as u32)),
    }
}
