//! Events of a topic for people: the newest, those that follow a place, and what is new since the last look.
//!
//! Reads are those of a Kafka consumer (`topics::Tail`), over all partitions. Each has offsets of its own, so a place in a topic is one for
//! each; of events of several partitions the one with the newer transaction is the newer.
//! Invariant: every look is bounded in bytes, and says what it did not look at.
//! Not here: sockets (`page::event_stream`), rows (`event_row`).

use std::fmt::{self, Display};

use bytes::Bytes;
use kafka_wire::record_batch::{Record, batches, decode_records};
use topics::{EventFilter, Partition, Tail, Topic, TopicError};

use crate::{failure::Failure, limits::EVENTS_BYTES_MAX};

/// What one read asks for, in bytes.
const READ_BYTES: usize = 512 * 1024;

/// How far back the newest events are looked for in each partition, in offsets: further each time, until there are enough.
const WINDOWS: [u64; 4] = [64, 1024, 16 * 1024, 256 * 1024];

/// A topic, and what of it somebody wants to see.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) app: String,
    pub(crate) topic: Topic,
    pub(crate) filter: EventFilter,
}

/// Events that were found, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Catch {
    found: Vec<Found>,
    /// Events that were looked at.
    pub(crate) seen: u64,
    /// Whether it ended before the topic did because it had looked at enough.
    pub(crate) is_cut: bool,
    /// Events that it did not look at for that reason.
    pub(crate) skipped: u64,
}

/// A page of events.
#[derive(Debug)]
pub(crate) struct EventsPage {
    pub(crate) catch: Catch,
    /// Below it is what is older.
    pub(crate) older: Positions,
    /// From it on is what is newer.
    pub(crate) newer: Positions,
}

/// An event that is wanted, in the batch that was read.
#[derive(Debug)]
struct Found {
    partition: i32,
    offset: i64,
    txn: u64,
    batch: Bytes,
}

/// A place in a topic: an offset of each partition. Written with `-` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Positions(Vec<u64>);

impl Feed {
    /// The end of each partition.
    pub(crate) fn positions(&self) -> Positions {
        Positions(self.partitions().map(|partition| partition.high_watermark()).collect())
    }

    fn partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        (0..self.topic.partitions()).filter_map(|index| self.topic.partition(i32::from(index)))
    }

    /// Positions as somebody says them; `None` if they are not of this topic.
    pub(crate) fn parse(&self, text: &str) -> Option<Positions> {
        let positions: Vec<u64> = text.split('-').map(|offset| offset.parse().ok()).collect::<Option<_>>()?;
        (positions.len() == usize::from(self.topic.partitions())).then_some(Positions(positions))
    }

    /// The newest `take` events below `end`.
    pub(crate) async fn newest(&self, end: Positions, take: usize) -> Result<EventsPage, Failure> {
        let end = end.not_behind(&self.positions());
        let mut from = end.clone();
        let mut catch = Catch::default();
        for window in WINDOWS {
            from = Positions(end.0.iter().map(|end| end.saturating_sub(window)).collect());
            catch = self.between(&from, &end).await?;
            if catch.found.len() >= take || catch.is_cut || from.is_begin() {
                break;
            }
        }
        let surplus = catch.found.len().saturating_sub(take);
        let mut older = from;
        for left_out in catch.found.drain(..surplus) {
            let older = &mut older.0[left_out.partition as usize];
            *older = (*older).max(left_out.offset as u64 + 1);
        }
        Ok(EventsPage { catch, older, newer: end })
    }

    /// The first `take` events from `from` on.
    pub(crate) async fn following(&self, from: Positions, take: usize) -> Result<EventsPage, Failure> {
        let end = self.positions();
        let from = from.not_behind(&end);
        let mut catch = self.between(&from, &end).await?;
        let mut newer = end;
        for left_out in catch.found.drain(take.min(catch.found.len())..) {
            let newer = &mut newer.0[left_out.partition as usize];
            *newer = (*newer).min(left_out.offset as u64);
        }
        Ok(EventsPage { catch, older: from, newer })
    }

    async fn between(&self, from: &Positions, end: &Positions) -> Result<Catch, Failure> {
        let mut catch = Catch::default();
        let mut bytes_left = EVENTS_BYTES_MAX;
        for (index, (from, end)) in from.0.iter().zip(&end.0).enumerate() {
            let mut next = *from;
            self.read(index as i32, &mut next, *end, &mut bytes_left, &mut catch).await?;
        }
        catch.sort();
        Ok(catch)
    }

    /// What is new since `positions`, which it moves. Where that is more than `bytes_max`, it goes on at the end: `Catch::is_cut`.
    pub(crate) async fn news(&self, positions: &mut Positions, bytes_max: usize) -> Result<Catch, Failure> {
        let mut catch = Catch::default();
        let mut bytes_left = bytes_max;
        for (index, next) in positions.0.iter_mut().enumerate() {
            let partition = self.topic.partition(index as i32).expect("a topic keeps its partitions");
            let end = partition.high_watermark();
            if *next < end {
                self.read(index as i32, next, end, &mut bytes_left, &mut catch).await?;
                *next = end;
            }
        }
        catch.sort();
        Ok(catch)
    }

    /// Reads a partition from `next` to `end` into `catch`.
    async fn read(
        &self,
        index: i32,
        next: &mut u64,
        end: u64,
        bytes_left: &mut usize,
        catch: &mut Catch,
    ) -> Result<(), Failure> {
        let partition = self.topic.partition(index).expect("a topic keeps its partitions");
        let end = end.min(partition.high_watermark());
        let mut tail = Tail::within(partition, *next);
        while *next < end {
            if *bytes_left == 0 {
                catch.is_cut = true;
                catch.skipped += end - *next;
                return Ok(());
            }
            let pieces = tail.read(READ_BYTES.min(*bytes_left)).await?;
            for batch in pieces.iter().flat_map(|piece| split(&piece.bytes)) {
                *bytes_left = bytes_left.saturating_sub(batch.len());
                for record in decode_records(&batch).map_err(unreadable)? {
                    let offset = record.offset as u64;
                    if !(*next..end).contains(&offset) {
                        continue;
                    }
                    catch.seen += 1;
                    if !self.filter.is_light() {
                        tokio::task::yield_now().await; // each may take long
                    }
                    if self.filter.wants(&record) {
                        let txn = txn_of(&record);
                        catch.found.push(Found { partition: index, offset: record.offset, txn, batch: batch.clone() });
                    }
                }
            }
            if pieces.is_empty() {
                return Ok(()); // nothing is left between here and the end
            }
            *next = tail.next_offset();
        }
        Ok(())
    }

    /// One record, exactly.
    pub(crate) async fn with_record<T>(
        &self,
        partition: i32,
        offset: u64,
        show: impl FnOnce(&Record<'_>) -> T,
    ) -> Result<Option<T>, Failure> {
        let Some(found) = self.topic.partition(partition) else { return Ok(None) };
        for piece in found.read(offset, 1, found.rebuild()).await? {
            for batch in split(&piece) {
                let records = decode_records(&batch).map_err(unreadable)?;
                if let Some(record) = records.iter().find(|record| record.offset as u64 == offset) {
                    return Ok(Some(show(record)));
                }
            }
        }
        Ok(None)
    }
}

impl Positions {
    /// In no partition behind `end`.
    pub(crate) fn not_behind(self, end: &Self) -> Self {
        Self(self.0.into_iter().zip(&end.0).map(|(at, end)| at.min(*end)).collect())
    }

    /// Whether nothing is below it.
    pub(crate) fn is_begin(&self) -> bool {
        self.0.iter().all(|offset| *offset == 0)
    }
}

impl Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, offset) in self.0.iter().enumerate() {
            let between = if index > 0 { "-" } else { "" };
            write!(f, "{between}{offset}")?;
        }
        Ok(())
    }
}

impl Catch {
    /// How many events were found.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Keeps the newest; how many it dropped.
    pub(crate) fn keep_newest(&mut self, count: usize) -> usize {
        let surplus = self.found.len().saturating_sub(count);
        self.found.drain(..surplus);
        surplus
    }

    fn sort(&mut self) {
        self.found.sort_by_key(|found| (found.txn, found.partition, found.offset));
    }

    /// Each event, the newest first: its partition and its record.
    pub(crate) fn each(&self, mut show: impl FnMut(i32, &Record<'_>)) {
        let mut found = self.found.iter().rev().peekable();
        while let Some(first) = found.next() {
            let Ok(records) = decode_records(&first.batch) else { continue };
            let mut one = |wanted: &Found| {
                if let Some(record) = records.iter().find(|record| record.offset == wanted.offset) {
                    show(wanted.partition, record);
                }
            };
            one(first);
            // Neighbours are mostly of one batch, which is then decoded once.
            while let Some(next) = found.next_if(|next| next.batch.as_ptr() == first.batch.as_ptr()) {
                one(next);
            }
        }
    }
}

/// The whole batches of a piece that was read.
pub(crate) fn split(piece: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    batches(piece).map_while(|batch| Some(piece.slice_ref(batch.ok()?.1)))
}

/// The transaction that the record's header names; 0 if it names none.
fn txn_of(record: &Record<'_>) -> u64 {
    header(record, "txnId").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
}

/// The value of the record's header of that name.
pub(crate) fn header<'r>(record: &Record<'r>, name: &str) -> Option<&'r [u8]> {
    record.headers.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value)
}

pub(crate) fn unreadable(error: impl Display) -> Failure {
    Failure::Topics(TopicError { message: format!("the events cannot be read: {error}") })
}
