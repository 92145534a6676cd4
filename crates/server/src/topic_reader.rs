//! Reads a topic through the Kafka endpoint, like any consumer: for `headwater events` and the demo.
//!
//! Not here: consumer groups. Whoever reads this way leaves no trace on the server.

use std::{sync::Arc, time::Duration};

use kafka_client::{Consumer, OwnedRecord};

/// How long the server may hold a fetch open while there is nothing; then it is asked again.
const FETCH_WAIT: Duration = Duration::from_secs(10);
/// How much a fetch asks for. A larger event still comes whole.
const FETCH_BYTES: i32 = 1 << 20;
/// Topics of this version have one partition.
const PARTITION: i32 = 0;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the oldest event.
    Beginning,
    /// After the newest event.
    End,
}

/// A place in a topic.
#[derive(Debug)]
pub(crate) struct TopicReader {
    consumer: Consumer,
    topic: String,
    next_offset: i64,
}

impl TopicReader {
    /// Connects, and finds where to begin.
    pub(crate) async fn open(
        endpoint: &str,
        tls: Arc<rustls::ClientConfig>,
        topic: &str,
        start: Start,
    ) -> anyhow::Result<Self> {
        let mut consumer = Consumer::connect(endpoint, tls).await?;
        // A topic that is not there, or not ours, is said here and not by the first fetch.
        consumer.partitions(topic).await?;
        let (earliest, latest) = consumer.offsets(topic, PARTITION).await?;
        let next_offset = if start == Start::Beginning { earliest } else { latest };
        Ok(Self { consumer, topic: topic.to_owned(), next_offset })
    }

    /// The next events, at least one; waits for it as long as it takes.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Vec<OwnedRecord>> {
        loop {
            let fetched =
                self.consumer.fetch(&self.topic, PARTITION, self.next_offset, FETCH_WAIT, FETCH_BYTES).await?;
            self.next_offset = fetched.next_offset;
            if !fetched.records.is_empty() {
                return Ok(fetched.records);
            }
        }
    }
}
