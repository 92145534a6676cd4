//! A topic as its readers see it.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use kafka_wire::record_batch;
use store::{App, OffsetAndTimestamp};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    gap::{Batches, Gap},
    limits::BLOCK_OFFSETS,
    live_query::SharedOnGap,
    matcher::{Event, Matcher},
    view::View,
};

/// How long an answer about a topic's end waits for a live query that was just made to have looked
/// at every event.
const SCAN_WAIT: Duration = Duration::from_secs(10);

/// Why a topic cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct TopicError {
    /// Why.
    pub message: String,
}

/// Why a partition gives nothing beyond its high watermark for now.
#[derive(Debug, Clone)]
pub enum Stop {
    /// Its live query was deleted.
    Gone,
    /// The events behind cannot be looked at.
    Unreadable(TopicError),
}

/// A topic of one app. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Topic {
    app: Arc<App>,
    name: String,
    id: Uuid,
    kind: Kind,
}

/// One partition of a topic. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Partition {
    app: Arc<App>,
    index: u16,
    kind: Kind,
}

/// What a reader that began at offset 0 knows: which tombstones it cannot miss, since they were
/// gone when it began. The default knows nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuild {
    tombstone_floor: u64,
}

impl Rebuild {
    /// Whether a reader at `offset` may have seen a document whose tombstone, below `floor`, is
    /// gone. Who begins at 0 has seen none, nor has who began there since the floor is where it is.
    fn may_miss(self, offset: u64, floor: u64) -> bool {
        offset > 0 && offset < floor && self.tombstone_floor != floor
    }
}

/// What was read of a gap.
struct GapRead {
    batches: Vec<Bytes>,
    /// Up to here that is all.
    log_start: u64,
    tombstone_floor: u64,
}

#[derive(Debug, Clone)]
enum Kind {
    Main(SharedOnGap),
    View(Arc<View>),
}

impl Topic {
    pub(crate) fn main(app: Arc<App>, on_gap: SharedOnGap) -> Self {
        let name = app.name().main_topic();
        let id = Uuid::new_v5(&Uuid::from_bytes(app.instance()), name.as_bytes());
        Self { app, name, id, kind: Kind::Main(on_gap) }
    }

    pub(crate) fn of_view(app: Arc<App>, view: Arc<View>) -> Self {
        Self { app, name: view.topic.clone(), id: view.id, kind: Kind::View(view) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stable for the life of the app, restores included; another one for a live query that is made
    /// again.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Kafka's leader epoch of every partition: which life of the data this is
    /// ([`store::Incarnation`]).
    pub fn leader_epoch(&self) -> i32 {
        self.app.incarnation().leader_epoch as i32
    }

    /// The leader epoch of what stands at `offset`, or will.
    pub fn epoch_at(&self, offset: u64) -> i32 {
        let all = self.app.incarnations();
        let at = all.partition_point(|start| start.first_offset <= offset).saturating_sub(1);
        all.get(at).map_or(0, |start| start.incarnation.leader_epoch as i32)
    }

    /// How many partitions it has.
    pub fn partitions(&self) -> u16 {
        match &self.kind {
            Kind::Main(_) => 1,
            Kind::View(view) => view.query.partitions,
        }
    }

    /// The partition of that number, from 0; `None` if there is none.
    pub fn partition(&self, index: i32) -> Option<Partition> {
        let index = u16::try_from(index).ok().filter(|index| *index < self.partitions())?;
        Some(Partition { app: self.app.clone(), index, kind: self.kind.clone() })
    }

    /// How many events were found to be on the topic since the start, or since its live query was
    /// made; for rates. `None` for the main topic, which carries every event.
    pub fn events_found(&self) -> Option<u64> {
        match &self.kind {
            Kind::Main(_) => None,
            Kind::View(view) => Some(view.found.load(Relaxed)),
        }
    }

    /// Changes whenever a partition has grown, or has stopped ([`Partition::stop`]).
    pub fn watch(&self) -> watch::Receiver<u64> {
        match &self.kind {
            Kind::Main(_) => self.app.events().watch(),
            Kind::View(view) => view.watch(),
        }
    }
}

impl Partition {
    /// The offset after the last event, as far as events were looked at.
    pub fn high_watermark(&self) -> u64 {
        match &self.kind {
            Kind::Main(_) => self.app.events().high_watermark(),
            Kind::View(view) => view.high_watermark(self.index),
        }
    }

    /// Why a reader that has everything below the high watermark waits in vain; `None` if it does
    /// not.
    pub fn stop(&self) -> Option<Stop> {
        let Kind::View(view) = &self.kind else { return None };
        if view.is_gone() {
            return Some(Stop::Gone);
        }
        view.stopped().map(|message| Stop::Unreadable(TopicError { message }))
    }

    /// The offset after the last event that there is when it is called; waits for a live query that
    /// is still catching up, but not for ever.
    pub async fn settled_high_watermark(&self) -> u64 {
        if let Kind::View(view) = &self.kind {
            let wanted = self.app.events().high_watermark();
            drop(tokio::time::timeout(SCAN_WAIT, view.wait_for(wanted)).await);
        }
        self.high_watermark()
    }

    /// No offset above it was ever given out.
    pub fn offset_bound(&self) -> u64 {
        self.app.events().high_watermark()
    }

    /// Who reads it from offset 0 and goes on hands this to [`Partition::read`].
    pub fn rebuild(&self) -> Rebuild {
        Rebuild { tombstone_floor: self.app.tombstone_floor() }
    }

    /// Whole record batches from the one that holds `offset` (or, where that is a hole, the next):
    /// as many as fit in `max_bytes`, but at least one if there is any. At a trimmed offset, what
    /// stands for the gap. `rebuild` is that of the moment when the reader began at offset 0, if it
    /// is known that it did. Where events are damaged, what lies before; an error if that is
    /// nothing.
    pub async fn read(&self, offset: u64, max_bytes: usize, rebuild: Rebuild) -> Result<Vec<Bytes>, TopicError> {
        let mut from = offset;
        while from < self.high_watermark() {
            if from < self.app.events().log_start() {
                let gap = self.clone().blocking(move |partition| partition.read_gap(from, max_bytes)).await?;
                if rebuild.may_miss(offset, gap.tombstone_floor) {
                    return Ok(self.resync(gap.tombstone_floor));
                }
                if !gap.batches.is_empty() {
                    return Ok(gap.batches);
                }
                from = gap.log_start;
            }
            let batches = match &self.kind {
                Kind::Main(_) => self.app.events().read(from, max_bytes).await.map_err(failed)?,
                Kind::View(_) => {
                    self.clone().blocking(move |partition| partition.read_matches(from, max_bytes)).await?
                }
            };
            // Were events trimmed meanwhile, it may have begun behind them: what stands for them
            // comes first.
            if self.app.events().log_start() <= from {
                return Ok(batches);
            }
        }
        Ok(Vec::new())
    }

    /// What stands for the trimmed events from `offset` on.
    fn read_gap(&self, offset: u64, max_bytes: usize) -> Result<GapRead, TopicError> {
        let everything = Matcher::everything();
        let snapshot = self.app.snapshot().map_err(failed)?;
        let tombstone_floor = self.app.tombstone_floor(); // after the snapshot: it may lack what is below
        let batches = self.gap(&everything).read(&snapshot, offset, max_bytes).map_err(failed)?;
        Ok(GapRead { batches, log_start: snapshot.log_start(), tombstone_floor })
    }

    /// Word that the reader must begin again, behind which it finds what is above the floor.
    fn resync(&self, floor: u64) -> Vec<Bytes> {
        let everything = Matcher::everything();
        self.gap(&everything).resync(floor.min(self.high_watermark()) - 1, self.app.newest_txn())
    }

    fn gap<'a>(&'a self, everything: &'a Matcher) -> Gap<'a> {
        let (matcher, on_gap, view) = match &self.kind {
            Kind::Main(on_gap) => (everything, on_gap.get(), None),
            Kind::View(view) => (&view.matcher, view.on_gap.get(), Some(view.query.name.as_str())),
        };
        Gap {
            app: self.app.name().as_str(),
            matcher,
            view,
            partition: self.index,
            on_gap,
            timestamp_ms: self.app.events().trimmed_to_ms(),
            event_bytes_max: self.app.event_bytes_max(),
            leader_epoch: self.app.incarnations().first().map_or(0, |oldest| oldest.incarnation.leader_epoch as i32),
        }
    }

    /// Where a leader epoch ends: the greatest one up to `epoch`, and the offset behind its last
    /// event; `None` if `epoch` has not begun. One of which nothing is kept ends, as Kafka says it,
    /// where the oldest begins that is kept.
    pub fn end_of_epoch(&self, epoch: i32) -> Option<(i32, u64)> {
        let all = self.app.incarnations();
        let wanted = u32::try_from(epoch).ok()?;
        let next = all.partition_point(|start| start.incarnation.leader_epoch <= wanted);
        let Some(last) = all[..next].last() else {
            return all.first().map(|oldest| (epoch, oldest.first_offset));
        };
        let found = last.incarnation.leader_epoch;
        match all.get(next) {
            Some(following) => Some((found as i32, following.first_offset)),
            None => (found == wanted).then(|| (epoch, self.high_watermark())),
        }
    }

    /// The live query's events from `offset` on, copied out of the stored batches.
    fn read_matches(&self, offset: u64, max_bytes: usize) -> Result<Vec<Bytes>, TopicError> {
        let Kind::View(view) = &self.kind else { return Ok(Vec::new()) };
        let scanned_to = view.scanned_to();
        let mut found = Batches::default();
        let mut next = offset.max(self.app.events().log_start());
        while found.bytes() < max_bytes
            && let Some(block) = view.next_block(self.index, next)
        {
            let end = ((block + 1) * BLOCK_OFFSETS).min(scanned_to);
            next = next.max(block * BLOCK_OFFSETS);
            if next >= end {
                break;
            }
            let before = next;
            // Enough for most blocks at once; events of them that do not fit are read the next time
            // round.
            let pieces = match self.app.events().read_blocking(next, READ_BYTES) {
                // What lies before the damage comes first.
                Err(_) if found.bytes() > 0 => break,
                pieces => pieces.map_err(failed)?,
            };
            for piece in pieces {
                let mut rest = &piece[..];
                while !rest.is_empty() && found.bytes() < max_bytes {
                    let header = record_batch::decode_header(rest).map_err(failed)?;
                    found.of_epoch(header.leader_epoch);
                    for record in record_batch::decode_records(rest).map_err(failed)? {
                        let offset = record.offset as u64;
                        if offset < next || offset >= scanned_to || found.bytes() >= max_bytes {
                            continue;
                        }
                        next = offset + 1;
                        let event = Event::new(&record);
                        if view.matcher.partition(event.key()) == self.index && view.matcher.carries(&event) {
                            found.push(&record);
                        }
                    }
                    rest = &rest[header.len_bytes..];
                }
            }
            if next == before {
                // All that was to be looked at has been trimmed meanwhile: the caller begins again.
                break;
            }
        }
        Ok(found.finish())
    }

    /// The first event at or after `timestamp_ms`. Where that lies in a live query's hole the
    /// offset is the hole's: the event comes next.
    pub async fn offset_for_timestamp(&self, timestamp_ms: u64) -> Result<Option<OffsetAndTimestamp>, TopicError> {
        let trimmed_to_ms = self.app.events().trimmed_to_ms();
        if timestamp_ms <= trimmed_to_ms {
            let first = self.clone().blocking(|partition| {
                let everything = Matcher::everything();
                let snapshot = partition.app.snapshot().map_err(failed)?;
                partition.gap(&everything).first_offset(&snapshot).map_err(failed)
            });
            if let Some(offset) = first.await? {
                return Ok(Some(OffsetAndTimestamp { offset, timestamp_ms: trimmed_to_ms }));
            }
        }
        let high_watermark = self.settled_high_watermark().await;
        let found = self.app.events().offset_for_timestamp(timestamp_ms).await.map_err(failed)?;
        match (found, self.stop()) {
            (Some(found), Some(Stop::Unreadable(error))) if found.offset >= high_watermark => Err(error),
            _ => Ok(found.filter(|found| found.offset < high_watermark)),
        }
    }

    /// The newest event with the greatest timestamp.
    pub async fn max_timestamp(&self) -> Result<Option<OffsetAndTimestamp>, TopicError> {
        if let Kind::Main(_) = self.kind {
            return self.app.events().max_timestamp().await.map_err(failed);
        }
        let Some(last) = self.settled_high_watermark().await.checked_sub(1) else { return Ok(None) };
        let batches = self.read(last, 1, self.rebuild()).await?;
        let Some(batch) = batches.last() else { return Ok(None) };
        let records = record_batch::decode_records(batch).map_err(failed)?;
        Ok(records.last().map(|record| OffsetAndTimestamp {
            offset: record.offset as u64,
            timestamp_ms: record.timestamp_ms as u64,
        }))
    }

    async fn blocking<T: Send + 'static>(
        self,
        read: impl FnOnce(&Self) -> Result<T, TopicError> + Send + 'static,
    ) -> Result<T, TopicError> {
        tokio::task::spawn_blocking(move || read(&self)).await.map_err(failed)?
    }
}

/// Bytes of events that are looked at in one read.
const READ_BYTES: usize = 1 << 20;

fn failed(error: impl std::fmt::Display) -> TopicError {
    TopicError { message: error.to_string() }
}
