//! From the first question to the brokers to what ends the session: a sink under way.
//!
//! Not here: what happens after that (`delivery`).

use std::{
    convert::Infallible,
    thread,
    time::{Duration, Instant},
};

use rdkafka::ClientConfig;
use tokio::runtime::Handle;

use super::{
    chunks::{self, Chunk, Chunks},
    client,
    cursor::{self, Cursor},
    producing::{Learnt, Producing},
    target::Target,
    trouble::Trouble,
};
use crate::{
    feed::{Feed, Position},
    limits::TRANSACTION_BYTES_MAX,
    work::Work,
};

/// How often an idle sink hears its producer.
const LISTEN_EVERY: Duration = Duration::from_secs(5);

/// How long the brokers get to write the marks of a transaction's end before the next one begins. One that comes sooner
/// is told CONCURRENT_TRANSACTIONS, and librdkafka asks again after 20 ms.
const MARKS_TAKE: Duration = Duration::from_millis(5);

/// How often the target's partitions are counted.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// A sink that delivers.
pub(super) struct Session<'a> {
    work: &'a Work,
    handle: &'a Handle,
    producing: Producing<'a>,
    chunks: Chunks,
    position: Position,
    counted: Instant,
    committed: Instant,
}

impl<'a> Session<'a> {
    /// Takes the sink over and finds out where it goes on. One that `was_fenced` looks first who did that.
    pub(super) fn begin(
        work: &'a Work,
        handle: &'a Handle,
        config: &ClientConfig,
        learnt: &mut Learnt,
        was_fenced: bool,
    ) -> Result<Self, Trouble> {
        let asking = client::consumer(work, config, "headwater-sink")?;
        let target = Target::prepare(work, config, &asking, handle)?;
        let cursor_topic = target.cursor_topic.clone();
        if was_fenced
            && let Some(cursor) = cursor::read(work, &asking, &cursor_topic)?
            && cursor.owner != work.host.run_id
        {
            return Err(Trouble::Fail(format!(
                "another server runs this sink (it took it over {} s ago, as {}): stop it there; \
                     `headwater sink resume` takes it back",
                work.host.clock.now_ms().saturating_sub(cursor.at_ms) / 1000,
                cursor.owner
            )));
        }
        let mut producing = Producing::begin(work, config, target, learnt)?;
        // From here on nobody else commits: what is there is the truth.
        let cursor = cursor::read(work, &asking, &cursor_topic)?;
        drop(asking);
        let position = cursor.filter(|it| it.sink_created_ms == work.sink.created_ms).map(|it| it.position);
        let feed = handle.block_on(Feed::open(&work.topics, &work.sink, position.as_ref()));
        let feed = feed.map_err(|error| chunks::of_feed(&error))?.exact();
        handle.block_on(feed.check_not_ahead()).map_err(|error| chunks::of_feed(&error))?;
        let goes_on_at = feed.position();
        producing.transact(&[], &[], &Cursor::of(work, goes_on_at.clone()), learnt)?;
        tracing::info!(
            app = work.topics.app().name().as_str(),
            sink = work.sink.name,
            topic = producing.target().topic,
            partitions = producing.target().partitions,
            is_new = position.is_none(),
            next_offsets = ?goes_on_at.next_offsets,
            "the sink delivers"
        );
        work.status.delivered(0, goes_on_at.next_offsets.clone());
        work.status.running();
        let chunks = Chunks::of(feed, handle);
        let now = Instant::now();
        Ok(Self { work, handle, producing, chunks, position: goes_on_at, counted: now, committed: now })
    }

    /// Delivers, until something ends it. `succeeded` is called after each transaction.
    pub(super) fn deliver(&mut self, learnt: &mut Learnt, mut succeeded: impl FnMut()) -> Result<Infallible, Trouble> {
        let mut stopping = self.work.stopping.clone();
        loop {
            if self.counted.elapsed() > COUNT_EVERY {
                self.producing.look_again()?;
                self.counted = Instant::now();
            }
            match self.chunks.next(self.handle, &mut stopping, LISTEN_EVERY)? {
                None => self.producing.idle(),
                Some(chunk) => {
                    thread::sleep(MARKS_TAKE.saturating_sub(self.committed.elapsed()));
                    self.take(chunk, learnt)?;
                    self.committed = Instant::now();
                    succeeded();
                    if learnt.is_single {
                        // What was too large is behind.
                        learnt.is_single = false;
                        return Err(Trouble::Again("records need no longer go one by one".to_owned()));
                    }
                }
            }
        }
    }

    /// Delivers a chunk, with those behind it that are there already.
    fn take(&mut self, first: Chunk, learnt: &mut Learnt) -> Result<(), Trouble> {
        let bytes = |chunk: &Chunk| chunk.batches.iter().map(|batch| batch.piece.len()).sum::<usize>();
        let mut taken = bytes(&first);
        let Chunk { mut batches, mut position } = first;
        while taken < TRANSACTION_BYTES_MAX
            && let Some(chunk) = self.chunks.next_now()?
        {
            taken += bytes(&chunk);
            batches.extend(chunk.batches);
            position = chunk.position;
        }
        let cursor = Cursor::of(self.work, position.clone());
        let events = self.producing.transact(&batches, &self.position.next_offsets, &cursor, learnt)?;
        self.work.status.delivered(events, position.next_offsets.clone());
        let behind = |(partition, offset): &(u16, u64)| *offset >= position.next_offsets[usize::from(*partition)];
        learnt.too_large.retain(behind);
        self.position = position;
        Ok(())
    }
}
