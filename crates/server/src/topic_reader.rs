//! Reads a topic through the Kafka endpoint, like any consumer: for `headwater events` and the demo.
//!
//! One connection for each partition, read side by side; what comes is handed over through a bounded queue.
//! Not here: membership of consumer groups: whoever reads for a group has all partitions, and commits by hand.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use kafka_client::{Consumer, OwnedRecord};
use tokio::{sync::mpsc, task::JoinSet};

/// How long the server may hold a fetch open while there is nothing; then it is asked again.
const FETCH_WAIT: Duration = Duration::from_secs(10);
/// How much a fetch asks for. A larger event still comes whole.
const FETCH_BYTES: i32 = 1 << 20;
/// Each partition has a connection of its own.
const PARTITIONS_MAX: usize = 64;
/// Fetches that wait to be printed; then partitions wait.
const FETCHES_WAITING_MAX: usize = 4;

/// Where to begin, in every partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest event.
    Beginning,
    /// After the newest event.
    End,
    /// At this offset, or the next that has an event.
    Offset(u64),
}

/// Whose place to take up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Where to begin, in every partition that the group knows nothing of.
    pub(crate) start: Start,
    /// A consumer group whose committed offsets come first.
    pub(crate) group: Option<&'a str>,
}

/// A place in every partition of a topic.
#[derive(Debug)]
pub(crate) struct TopicReader {
    fetched: mpsc::Receiver<anyhow::Result<(i32, Vec<OwnedRecord>)>>,
    _partitions: JoinSet<()>,
}

impl TopicReader {
    /// Connects, and finds where to begin.
    pub(crate) async fn open(
        endpoint: &str,
        tls: Arc<rustls::ClientConfig>,
        topic: &str,
        place: Place<'_>,
    ) -> anyhow::Result<Self> {
        // A topic that is not there, or not ours, is said here and not by the first fetch.
        let partitions = Consumer::connect(endpoint, tls.clone()).await?.partitions(topic).await?;
        if partitions.len() > PARTITIONS_MAX {
            let count = partitions.len();
            bail!("{topic} has {count} partitions; this reads at most {PARTITIONS_MAX}: use a Kafka consumer");
        }
        let (sender, fetched) = mpsc::channel(FETCHES_WAITING_MAX);
        let mut reading = JoinSet::new();
        for partition in partitions {
            let mut consumer = Consumer::connect(endpoint, tls.clone()).await?;
            let committed = match place.group {
                Some(group) => consumer.committed(group, topic, partition).await?,
                None => None,
            };
            let next_offset = match place.start {
                _ if committed.is_some() => committed.unwrap_or_default(),
                Start::Beginning => consumer.offsets(topic, partition).await?.0,
                Start::End => consumer.offsets(topic, partition).await?.1,
                Start::Offset(offset) => i64::try_from(offset)?,
            };
            reading.spawn(read(consumer, topic.to_owned(), partition, next_offset, sender.clone()));
        }
        Ok(Self { fetched, _partitions: reading })
    }

    /// The next events of a partition, at least one; waits for it as long as it takes.
    pub(crate) async fn next(&mut self) -> anyhow::Result<(i32, Vec<OwnedRecord>)> {
        match self.fetched.recv().await {
            Some(fetched) => fetched,
            None => bail!("the topic has no partitions"),
        }
    }
}

async fn read(
    mut consumer: Consumer,
    topic: String,
    partition: i32,
    mut next_offset: i64,
    sender: mpsc::Sender<anyhow::Result<(i32, Vec<OwnedRecord>)>>,
) {
    loop {
        let fetched = consumer.fetch(&topic, partition, next_offset, FETCH_WAIT, FETCH_BYTES).await;
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return drop(sender.send(Err(error.into())).await),
        };
        next_offset = fetched.next_offset;
        if !fetched.records.is_empty() && sender.send(Ok((partition, fetched.records))).await.is_err() {
            return;
        }
    }
}
