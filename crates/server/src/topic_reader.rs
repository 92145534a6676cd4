//! Reads a topic through the Kafka endpoint, like any consumer: for `headwater events` and the demo.
//!
//! One connection for each partition, read side by side; what comes is handed over through a bounded queue.
//! Not here: membership of consumer groups: whoever reads for a group has all partitions, and commits by hand;
//! connecting again (`command::events`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::bail;
use kafka_client::{Consumer, Fetched, OwnedRecord};
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
    /// At the first event of this time or later, in ms since the epoch.
    TimeMs(u64),
}

/// Whose place to take up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Where to begin, in every partition that nothing else says.
    pub(crate) start: Start,
    /// A consumer group whose committed offsets come before that.
    pub(crate) group: Option<&'a str>,
    /// Where each partition was before; that comes first.
    pub(crate) resume: Option<&'a BTreeMap<i32, i64>>,
}

impl Place<'_> {
    /// At the oldest event, for nobody.
    pub(crate) fn beginning() -> Self {
        Self { start: Start::Beginning, group: None, resume: None }
    }
}

/// A place in every partition of a topic.
#[derive(Debug)]
pub(crate) struct TopicReader {
    /// The next offset of each partition, of what was handed out.
    places: BTreeMap<i32, i64>,
    /// Where each partition ended when it was opened.
    ends: BTreeMap<i32, i64>,
    fetched: mpsc::Receiver<anyhow::Result<(i32, Fetched)>>,
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
        let (mut places, mut ends, mut reading) = (BTreeMap::new(), BTreeMap::new(), JoinSet::new());
        for partition in partitions {
            let mut consumer = Consumer::connect(endpoint, tls.clone()).await?;
            let (oldest, end) = consumer.offsets(topic, partition).await?;
            let known = match (place.resume.and_then(|places| places.get(&partition)), place.group) {
                (Some(next), _) => Some(*next),
                (None, Some(group)) => consumer.committed(group, topic, partition).await?,
                (None, None) => None,
            };
            let next_offset = match (known, place.start) {
                (Some(next), _) => next,
                (None, Start::Beginning) => oldest,
                (None, Start::End) => end,
                (None, Start::Offset(offset)) => i64::try_from(offset)?,
                (None, Start::TimeMs(time_ms)) => {
                    let time_ms = i64::try_from(time_ms)?;
                    consumer.offset_for_time(topic, partition, time_ms).await?.unwrap_or(end)
                }
            };
            places.insert(partition, next_offset);
            ends.insert(partition, end);
            reading.spawn(read(consumer, topic.to_owned(), partition, next_offset, sender.clone()));
        }
        Ok(Self { places, ends, fetched, _partitions: reading })
    }

    /// The next events of a partition; waits for them as long as it takes.
    pub(crate) async fn next(&mut self) -> anyhow::Result<(i32, Vec<OwnedRecord>)> {
        loop {
            let Some(fetched) = self.fetched.recv().await else { bail!("the topic has no partitions") };
            let (partition, Fetched { records, next_offset, .. }) = fetched?;
            self.places.insert(partition, next_offset);
            if !records.is_empty() {
                return Ok((partition, records));
            }
        }
    }

    /// Whether everything was handed out that there was when it was opened.
    pub(crate) fn is_at_end(&self) -> bool {
        self.has_reached(&self.ends)
    }

    /// Whether every partition has come to these offsets.
    pub(crate) fn has_reached(&self, ends: &BTreeMap<i32, i64>) -> bool {
        ends.iter().all(|(partition, end)| self.places.get(partition).is_some_and(|place| place >= end))
    }

    /// Where each partition ended when it was opened.
    pub(crate) fn ends(&self) -> &BTreeMap<i32, i64> {
        &self.ends
    }

    /// Where each partition goes on, of what was handed out.
    pub(crate) fn places(&self) -> &BTreeMap<i32, i64> {
        &self.places
    }
}

/// Hands over what it fetches; of what brings nothing, only that it went on.
async fn read(
    mut consumer: Consumer,
    topic: String,
    partition: i32,
    mut next_offset: i64,
    sender: mpsc::Sender<anyhow::Result<(i32, Fetched)>>,
) {
    loop {
        let fetched = consumer.fetch(&topic, partition, next_offset, FETCH_WAIT, FETCH_BYTES).await;
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return drop(sender.send(Err(error.into())).await),
        };
        let has_news = fetched.next_offset != next_offset;
        next_offset = fetched.next_offset;
        if has_news && sender.send(Ok((partition, fetched))).await.is_err() {
            return;
        }
    }
}
