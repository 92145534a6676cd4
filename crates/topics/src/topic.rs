//! A topic as its readers see it.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use kafka_wire::{compression::Codec, record_batch};
use store::{App, OffsetAndTimestamp, Piece, Seam, Snapshot, TxnId};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use crate::{
    compressed::Compressing,
    gap::Gap,
    live_query::{Compression, OnGap, SharedOnGap},
    matcher::Matcher,
    numbering::{Numbering, Skipped},
    reading::Reading,
    view::View,
};

/// How long an answer about a topic's end waits for a live query that was just made to have looked
/// at every event.
pub const SETTLE_WAIT: Duration = Duration::from_secs(10);

/// A live query still looks at events that there were before it was asked: its end is not known
/// yet. It will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the live query has looked at the events below {scanned_to}, not yet at those below {wanted}")]
pub struct Unsettled {
    /// How far it has come, in the main feed's offsets.
    pub scanned_to: u64,
    /// How far it has to come.
    pub wanted: u64,
}

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
    /// What a gap gets, if not what the topic says.
    on_gap: Option<OnGap>,
}

/// What a reader that began at offset 0 knows: which tombstones it cannot miss, since they were
/// gone when it began, and of which life of the data it is. The default knows nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuild {
    tombstone_floor: u64,
    leader_epoch: u32,
}

impl Rebuild {
    /// As somebody noted it who begins again where it was.
    pub fn at(tombstone_floor: u64, leader_epoch: u32) -> Self {
        Self { tombstone_floor, leader_epoch }
    }

    /// Tombstones below it were gone when the reader began.
    pub fn tombstone_floor(self) -> u64 {
        self.tombstone_floor
    }

    /// The life of the data that the reader began in.
    pub fn leader_epoch(self) -> u32 {
        self.leader_epoch
    }

    /// Whether a reader at `offset` may have seen a document whose tombstone, below `floor`, is
    /// gone. Who begins at 0 has seen none, nor has who began there since the store's floor was
    /// raised to `store_floor`.
    fn may_miss(self, offset: u64, floor: u64, store_floor: u64) -> bool {
        offset > 0 && offset < floor && self.tombstone_floor < store_floor
    }

    /// Whether a reader that comes to what a restore skipped from `offset` may have seen what was
    /// lost with the life before.
    fn may_know_of_lost(self, offset: u64, skipped: &Skipped) -> bool {
        offset > 0 && self.leader_epoch < skipped.seam.after.leader_epoch
    }
}

/// A gap, as it is to be read.
struct GapToRead {
    snapshot: Snapshot,
    /// Where the reader stands, and what it has not been told of yet.
    asked: u64,
    from: u64,
    /// Where another life of the data goes on.
    to: u64,
    bytes_max: usize,
    rebuild: Rebuild,
}

/// What was read of a gap.
struct GapRead {
    batches: Vec<Piece>,
    /// Up to here that is all.
    end: u64,
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

    /// The name of its live query, if that has a permission.
    pub fn restricted_live_query(&self) -> Option<&str> {
        match &self.kind {
            Kind::View(view) if view.query.permission.is_some() => Some(&view.query.name),
            Kind::View(_) | Kind::Main(_) => None,
        }
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
        Some(Partition { app: self.app.clone(), index, kind: self.kind.clone(), on_gap: None })
    }

    /// How many events were found to be on the topic since the start, or since its live query was
    /// made; for rates. `None` for the main topic, which carries every event.
    pub fn events_found(&self) -> Option<u64> {
        match &self.kind {
            Kind::Main(_) => None,
            Kind::View(view) => Some(view.found.load(Relaxed)),
        }
    }

    /// How its batches are compressed for Kafka clients.
    pub fn compression(&self) -> Compression {
        match &self.kind {
            Kind::Main(_) => Compression::None,
            Kind::View(view) => view.compression(),
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
    /// The same, for a reader that gets this for a gap; `None`: what the topic says.
    #[must_use]
    pub fn with_on_gap(self, on_gap: Option<OnGap>) -> Self {
        Self { on_gap, ..self }
    }

    /// The offset after the last event, as far as events were looked at.
    pub fn high_watermark(&self) -> u64 {
        match &self.kind {
            Kind::Main(_) => self.app.events().high_watermark(),
            Kind::View(view) => view.high_watermark(self.index),
        }
    }

    /// A reader stands at an offset that was never given out, and is behind the end: it may have read
    /// more than there is ([`App::note_ahead`]).
    pub fn note_ahead(&self, offset: u64) {
        let topic = match &self.kind {
            Kind::Main(_) => self.app.name().main_topic(),
            Kind::View(view) => view.topic.clone(),
        };
        let (partition, end) = (self.index, self.high_watermark());
        self.app.note_ahead(|| {
            format!("a consumer stands at offset {offset} of {topic}, partition {partition}, which ends at {end}")
        });
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
    /// is still catching up, at most [`SETTLE_WAIT`]. Of one that has stopped ([`Partition::stop`]),
    /// the offset where it did.
    pub async fn settled_high_watermark(&self) -> Result<u64, Unsettled> {
        self.settled_by(Instant::now() + SETTLE_WAIT).await
    }

    /// As [`Partition::settled_high_watermark`], for whoever asks several and waits until `deadline`
    /// for all of them.
    pub async fn settled_by(&self, deadline: Instant) -> Result<u64, Unsettled> {
        if let Kind::View(view) = &self.kind {
            let wanted = self.app.events().high_watermark();
            drop(tokio::time::timeout_at(deadline, view.wait_for(wanted)).await);
            let scanned_to = view.scanned_to();
            if scanned_to < wanted && view.stopped().is_none() {
                return Err(Unsettled { scanned_to, wanted });
            }
        }
        Ok(self.high_watermark())
    }

    /// Whether the high watermark that is known is that of before the start, or a later one. While
    /// it is not, [`Partition::settled_high_watermark`] waits for it.
    pub fn is_settled(&self) -> bool {
        match &self.kind {
            Kind::Main(_) => true,
            Kind::View(view) => view.scanned_to() >= view.settled_at,
        }
    }

    /// Who reads it from offset 0 and goes on hands this to [`Partition::read`].
    pub fn rebuild(&self) -> Rebuild {
        Rebuild { tombstone_floor: self.app.tombstone_floor(), leader_epoch: self.app.incarnation().leader_epoch }
    }

    /// That of a reader which notes where it stands together with what it has read, and so has read all
    /// before `offset` and nothing behind it: where a restore skipped offsets, only one that stands
    /// among them has read what was lost. To be asked again before each read.
    pub fn rebuild_of_exact(&self, offset: u64, tombstone_floor: u64) -> Rebuild {
        let inside = self.skipped().into_iter().find(|it| it.start < offset && offset < it.end);
        let now = self.app.incarnation().leader_epoch;
        Rebuild { tombstone_floor, leader_epoch: inside.map_or(now, |it| it.seam.before.leader_epoch) }
    }

    /// The offsets that restores skipped, in order: none of them was ever given out in this life of the
    /// data.
    pub fn skipped(&self) -> Vec<Skipped> {
        match &self.kind {
            Kind::Main(_) => {
                let skipped = |seam: &Seam| Skipped { start: seam.end_offset, end: seam.first_offset, seam: *seam };
                self.app.seams().iter().map(skipped).collect()
            }
            Kind::View(view) => view.skipped(self.index),
        }
    }

    /// How many offsets from `from` to before `to` an event may have.
    pub fn events_between(&self, from: u64, to: u64) -> u64 {
        let overlap = |it: &Skipped| it.end.min(to).saturating_sub(it.start.max(from));
        to.saturating_sub(from).saturating_sub(self.skipped().iter().map(overlap).sum())
    }

    /// Behind the last event below `end`, which may be where a restore goes on.
    fn last_end(&self, end: u64) -> u64 {
        let inside = |end: u64, it: &Skipped| it.start < end && end <= it.end;
        self.skipped().iter().rev().fold(end, |end, it| if inside(end, it) { it.start } else { end })
    }

    /// The offset of the oldest event that is kept; what stands for those before lies below it.
    pub fn first_kept(&self) -> Result<u64, TopicError> {
        loop {
            let log_start = self.app.events().log_start();
            let Kind::View(view) = &self.kind else { return Ok(log_start) };
            match view.start(&self.app, log_start) {
                // Trimmed meanwhile: what was noted of the old begin is gone with it.
                Err(_) if self.app.events().log_start() != log_start => {}
                Err(error) => return Err(failed(error)),
                Ok((at, before)) => return Ok(view.numbering(self.index).first(at, before[usize::from(self.index)])),
            }
        }
    }

    /// Whole record batches from the one that holds `offset` (or, where that is a hole, the next):
    /// as many as fit in `max_bytes`, but at least one if there is any. At a trimmed offset, what
    /// stands for the gap. `rebuild` is that of the moment when the reader began at offset 0, if it
    /// is known that it did. Where events are damaged, what lies before; an error if that is
    /// nothing. Nothing, too, while a live query has yet to look at events that what stands for the
    /// gap depends on.
    pub async fn read(&self, offset: u64, max_bytes: usize, rebuild: Rebuild) -> Result<Vec<Piece>, TopicError> {
        self.read_as(offset, max_bytes, rebuild, None).await
    }

    /// As [`Partition::read`], with the events of a live query compressed. The batch that holds
    /// `offset` may begin far before it, though not before what is kept; what stands for a gap is
    /// not compressed.
    pub async fn read_as(
        &self,
        offset: u64,
        max_bytes: usize,
        rebuild: Rebuild,
        codec: Option<Codec>,
    ) -> Result<Vec<Piece>, TopicError> {
        match self.read_while_there(offset, max_bytes, rebuild, codec).await {
            // What is noted of a live query goes with it: `stop` says that it is gone.
            Err(_) if matches!(self.stop(), Some(Stop::Gone)) => Ok(Vec::new()),
            read => read,
        }
    }

    async fn read_while_there(
        &self,
        offset: u64,
        max_bytes: usize,
        rebuild: Rebuild,
        codec: Option<Codec>,
    ) -> Result<Vec<Piece>, TopicError> {
        let mut from = offset;
        while from < self.high_watermark() {
            // Nobody is told of two lives of the data at once.
            let ahead = self.skipped().into_iter().find(|skipped| from < skipped.end);
            if let Some(skipped) = ahead.filter(|skipped| skipped.start <= from) {
                return Ok(self.pass(&skipped, offset, rebuild));
            }
            let to = ahead.map_or(u64::MAX, |skipped| skipped.start);
            let log_start = self.app.events().log_start();
            let first_kept = self.first_kept()?;
            if from < first_kept {
                let gap = match self.read_gap((offset, from, to), max_bytes, rebuild).await {
                    // What was noted of the old begin is gone with it.
                    Err(_) if self.app.events().log_start() != log_start => continue,
                    gap => gap?,
                };
                let Some(gap) = gap else { return Ok(Vec::new()) };
                if !gap.batches.is_empty() {
                    return Ok(gap.batches);
                }
                from = gap.end;
            }
            let batches = match &self.kind {
                Kind::Main(_) => self.app.events().read(from, max_bytes).await.map_err(failed),
                Kind::View(_) => {
                    let read = move |partition: &Self| match (partition.reading(), codec) {
                        (Some(reading), None) => reading.events(from, max_bytes),
                        (Some(reading), Some(codec)) => {
                            Compressing { reading, codec, first_kept }.read(from, max_bytes)
                        }
                        (None, _) => Ok(Vec::new()),
                    };
                    self.clone().blocking(read).await
                }
            };
            // Were events trimmed meanwhile, it may have begun behind them: what stands for them
            // comes first.
            let now = self.app.events().log_start();
            if now == log_start || matches!(self.kind, Kind::Main(_)) && now <= from {
                let mut batches = batches?;
                batches.truncate(batches.partition_point(|piece| piece.next_offset <= to));
                if !batches.is_empty() || ahead.is_none() {
                    return Ok(batches);
                }
                from = to;
            }
        }
        Ok(Vec::new())
    }

    /// What a reader that began at `asked` gets where a restore skipped offsets.
    fn pass(&self, skipped: &Skipped, asked: u64, rebuild: Rebuild) -> Vec<Piece> {
        let everything = Matcher::everything();
        let told = Gap {
            timestamp_ms: skipped.seam.restored_ms,
            leader_epoch: skipped.seam.before.leader_epoch as i32,
            ..self.gap(&everything)
        };
        if rebuild.may_know_of_lost(asked, skipped) { told.restored(skipped) } else { told.passed(skipped) }
    }

    /// What stands for the trimmed events from `from` on, for a reader that stands at `asked`; `None`
    /// if it is not known yet.
    async fn read_gap(
        &self,
        (asked, from, to): (u64, u64, u64),
        bytes_max: usize,
        rebuild: Rebuild,
    ) -> Result<Option<GapRead>, TopicError> {
        let snapshot = self.clone().blocking(|partition| partition.app.snapshot().map_err(failed)).await?;
        if let Kind::View(view) = &self.kind {
            // Who left by an event of the snapshot is known only then.
            let wanted = snapshot.next_offset();
            drop(tokio::time::timeout(SETTLE_WAIT, view.wait_for(wanted)).await);
            if view.scanned_to() < wanted {
                return view.stopped().map_or(Ok(None), |message| Err(TopicError { message }));
            }
        }
        let gap = GapToRead { snapshot, asked, from, to, bytes_max, rebuild };
        self.clone().blocking(move |partition| partition.read_gap_blocking(&gap)).await.map(Some)
    }

    fn read_gap_blocking(&self, gap: &GapToRead) -> Result<GapRead, TopicError> {
        let GapToRead { snapshot, asked, from, to, bytes_max, rebuild } = gap;
        let everything = Matcher::everything();
        let (end, floor) = match &self.kind {
            Kind::Main(_) => {
                let floor = self.app.tombstone_floor(); // after the snapshot: it may lack what is below
                (snapshot.log_start(), (floor, self.app.tombstone_floor_txn(), floor))
            }
            Kind::View(view) => {
                let (at, before) = view.start(&self.app, snapshot.log_start()).map_err(failed)?;
                let end = view.numbering(self.index).first(at, before[usize::from(self.index)]);
                let floor = self.app.view_floor(view.number, self.index).map_err(failed)?;
                (end, floor.map_or((0, TxnId(0), 0), |floor| (floor.offset, floor.txn_id, floor.store_floor)))
            }
        };
        let end = end.min(*to);
        let (floor, floor_txn, store_floor) = floor;
        let reader = self.gap(&everything);
        let batches = if rebuild.may_miss(*asked, floor, store_floor) {
            let txn_id = match floor_txn {
                // An older version did not note it: that of what comes next is as new at least.
                TxnId(0) => match snapshot.trimmed_changes(floor).next().transpose().map_err(failed)? {
                    Some(next) => next.stored.txn_id,
                    None => self.app.newest_txn(),
                },
                known => known,
            };
            reader.resync(floor.min(self.high_watermark()) - 1, txn_id)
        } else {
            reader.read(snapshot, *from, end, *bytes_max).map_err(failed)?
        };
        Ok(GapRead { batches, end })
    }

    /// How many documents stand for the trimmed events from `offset` on; counts no further than
    /// `count_max`.
    pub async fn documents_in_gap(&self, offset: u64, count_max: usize) -> Result<usize, TopicError> {
        let count = move |partition: &Self| {
            let everything = Matcher::everything();
            let snapshot = partition.app.snapshot().map_err(failed)?;
            let end = partition.first_kept()?;
            partition.gap(&everything).count(&snapshot, offset, end, count_max).map_err(failed)
        };
        self.clone().blocking(count).await
    }

    fn reading(&self) -> Option<Reading<'_>> {
        let Kind::View(view) = &self.kind else { return None };
        Some(Reading { app: &self.app, view, partition: self.index })
    }

    fn gap<'a>(&'a self, everything: &'a Matcher) -> Gap<'a> {
        let (matcher, on_gap, view) = match &self.kind {
            Kind::Main(on_gap) => (everything, on_gap.get(), None),
            Kind::View(view) => (&view.matcher, view.on_gap.get(), Some(&**view)),
        };
        Gap {
            app: &self.app,
            matcher,
            view,
            partition: self.index,
            on_gap: self.on_gap.unwrap_or(on_gap),
            timestamp_ms: self.app.events().trimmed_to_ms(),
            event_bytes_max: self.app.event_bytes_max(),
            leader_epoch: self.app.incarnations().first().map_or(0, |oldest| oldest.incarnation.leader_epoch as i32),
        }
    }

    /// The leader epoch of what stands at `offset`, or will.
    pub async fn epoch_at(&self, offset: u64) -> Result<i32, TopicError> {
        let starts = self.incarnation_starts().await?;
        let at = starts.partition_point(|(_, first_offset)| *first_offset <= offset).saturating_sub(1);
        Ok(starts.get(at).map_or(0, |(epoch, _)| *epoch as i32))
    }

    /// Where a leader epoch ends: the greatest one up to `epoch`, and the offset behind its last
    /// event; `None` if `epoch` has not begun. One of which nothing is kept ends, as Kafka says it,
    /// where the oldest begins that is kept.
    pub async fn end_of_epoch(&self, epoch: i32) -> Result<Option<(i32, u64)>, TopicError> {
        let starts = self.incarnation_starts().await?;
        let Ok(wanted) = u32::try_from(epoch) else { return Ok(None) };
        let next = starts.partition_point(|(begun, _)| *begun <= wanted);
        let Some((found, _)) = starts[..next].last() else {
            return Ok(starts.first().map(|(_, first_offset)| (epoch, *first_offset)));
        };
        Ok(match starts.get(next) {
            Some((_, first_offset)) => Some((*found as i32, *first_offset)),
            None if *found == wanted => Some((epoch, self.settled_high_watermark().await.map_err(failed)?)),
            None => None,
        })
    }

    /// The incarnations of the events that are kept: the leader epoch of each, and the first offset
    /// that is not of one before.
    async fn incarnation_starts(&self) -> Result<Vec<(u32, u64)>, TopicError> {
        let all = self.app.incarnations();
        let epochs = all.iter().map(|start| start.incarnation.leader_epoch);
        if let Kind::Main(_) = self.kind {
            return Ok(epochs.zip(all.iter().map(|start| start.first_offset)).collect());
        }
        let first = self.first_kept()?;
        let mut starts = vec![first];
        for later in all.iter().skip(1).map(|start| start.first_offset) {
            let rank_at = move |partition: &Self| partition.reading().map(|reading| reading.rank_at(later)).transpose();
            let found = self.clone().blocking(rank_at).await?;
            let numbering = self.numbering();
            starts.push(found.map_or(first, |(rank, event)| numbering.offset(rank, event.unwrap_or(later))));
        }
        Ok(epochs.zip(starts).collect())
    }

    fn numbering(&self) -> Numbering {
        match &self.kind {
            Kind::Main(_) => Numbering::default(),
            Kind::View(view) => view.numbering(self.index),
        }
    }

    /// The first event at or after `timestamp_ms`; what stands for trimmed events counts as one of
    /// the time when the last of them was committed.
    pub async fn offset_for_timestamp(&self, timestamp_ms: u64) -> Result<Option<OffsetAndTimestamp>, TopicError> {
        let high_watermark = self.settled_high_watermark().await.map_err(failed)?;
        let trimmed_to_ms = self.app.events().trimmed_to_ms();
        if timestamp_ms <= trimmed_to_ms {
            let first = self.clone().blocking(|partition| {
                let everything = Matcher::everything();
                let snapshot = partition.app.snapshot().map_err(failed)?;
                let end = partition.first_kept()?;
                partition.gap(&everything).first_offset(&snapshot, end).map_err(failed)
            });
            if let Some(offset) = first.await? {
                return Ok(Some(OffsetAndTimestamp { offset, timestamp_ms: trimmed_to_ms }));
            }
        }
        let found = self.app.events().offset_for_timestamp(timestamp_ms).await.map_err(failed)?;
        let found = match (found, &self.kind) {
            (Some(found), Kind::View(_)) => self.clone().blocking(move |partition| partition.found_from(found)).await?,
            (found, _) => found,
        };
        match (found, self.stop()) {
            (Some(found), Some(Stop::Unreadable(error))) if found.offset >= high_watermark => Err(error),
            _ => Ok(found.filter(|found| found.offset < high_watermark)),
        }
    }

    /// The offset in the journal of the first event at or behind `offset`, which is not trimmed, and
    /// when it was written. Blocks on disk.
    pub(crate) fn written(&self, offset: u64) -> Result<Option<(u64, u64)>, TopicError> {
        let event = match self.reading() {
            None => Some(offset),
            Some(reading) => reading.event_at(offset)?,
        };
        let Some(event) = event else { return Ok(None) };
        Ok(self.app.events().event_time(event).map_err(failed)?.map(|written_ms| (event, written_ms)))
    }

    /// A live query's first event at or behind one of the journal.
    fn found_from(&self, at: OffsetAndTimestamp) -> Result<Option<OffsetAndTimestamp>, TopicError> {
        let Some(reading) = self.reading() else { return Ok(Some(at)) };
        let (rank, event) = reading.rank_at(at.offset)?;
        let Some(event) = event else { return Ok(None) };
        let offset = self.numbering().offset(rank, event);
        let timestamp_ms = self.app.events().event_time(event).map_err(failed)?.unwrap_or(at.timestamp_ms);
        Ok(Some(OffsetAndTimestamp { offset, timestamp_ms }))
    }

    /// The newest event with the greatest timestamp.
    pub async fn max_timestamp(&self) -> Result<Option<OffsetAndTimestamp>, TopicError> {
        if let Kind::Main(_) = self.kind {
            return self.app.events().max_timestamp().await.map_err(failed);
        }
        let high_watermark = self.settled_high_watermark().await.map_err(failed)?;
        let Some(last) = self.last_end(high_watermark).checked_sub(1) else { return Ok(None) };
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

pub(crate) fn failed(error: impl std::fmt::Display) -> TopicError {
    TopicError { message: error.to_string() }
}
