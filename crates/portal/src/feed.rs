//! Events of a topic for people: the newest, those that follow an offset, and what is new since the last look.
//!
//! Reads are those of a Kafka consumer (`topics::Partition::read`), over all partitions: their offsets are the journal's, so that an offset means
//! the same moment in each.
//! Invariant: every look is bounded in bytes, and says what it did not look at.
//! Not here: sockets (`page::event_stream`), rows (`event_row`).

use std::fmt::Display;

use bytes::Bytes;
use kafka_wire::record_batch::{Record, decode_header, decode_records};
use topics::{EventFilter, Topic, TopicError};

use crate::{clip::Clipper, event_row::EventRow, failure::Failure, limits::EVENTS_BYTES_MAX};

/// What one read asks for, in bytes.
const READ_BYTES: usize = 512 * 1024;

/// How far back the newest events are looked for, in offsets: further each time, until there are enough.
const WINDOWS: [u64; 4] = [64, 1024, 16 * 1024, 256 * 1024];

/// A topic, and what of it somebody wants to see.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) app: String,
    pub(crate) topic: Topic,
    pub(crate) filter: EventFilter,
}

/// Events that were found, in the order of offsets.
#[derive(Debug, Default)]
pub(crate) struct Catch {
    found: Vec<Found>,
    /// Events that were looked at.
    pub(crate) seen: u64,
    /// Where it began and ended to look.
    pub(crate) from: u64,
    pub(crate) end: u64,
    /// Whether it ended before the topic did because it had looked at enough.
    pub(crate) is_cut: bool,
    /// Offsets that it did not look at for that reason; where a live query has holes, fewer events.
    pub(crate) skipped: u64,
}

/// An event that is wanted, in the batch that was read.
#[derive(Debug)]
struct Found {
    partition: i32,
    offset: i64,
    batch: Bytes,
}

/// Where a reader stands in each partition.
#[derive(Debug, Clone)]
pub(crate) struct Positions(Vec<u64>);

impl Feed {
    /// The offset after the newest event.
    pub(crate) fn end(&self) -> u64 {
        self.high_watermarks().max().unwrap_or_default()
    }

    /// The end of each partition.
    pub(crate) fn positions(&self) -> Positions {
        Positions(self.high_watermarks().collect())
    }

    fn high_watermarks(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.topic.partitions())
            .filter_map(|index| self.topic.partition(i32::from(index)))
            .map(|it| it.high_watermark())
    }

    /// The newest `take` events below `end`.
    pub(crate) async fn newest(&self, end: u64, take: usize) -> Result<Catch, Failure> {
        let mut catch = Catch::default();
        for window in WINDOWS {
            let from = end.saturating_sub(window);
            catch = self.between(from, end).await?;
            if catch.found.len() >= take || catch.is_cut || from == 0 {
                break;
            }
        }
        let surplus = catch.found.len().saturating_sub(take);
        catch.found.drain(..surplus);
        Ok(catch)
    }

    /// The first `take` events from `from` on.
    pub(crate) async fn following(&self, from: u64, take: usize) -> Result<Catch, Failure> {
        let mut catch = self.between(from, self.end()).await?;
        catch.found.truncate(take);
        Ok(catch)
    }

    async fn between(&self, from: u64, end: u64) -> Result<Catch, Failure> {
        let mut catch = Catch { from, end, ..Catch::default() };
        let mut bytes_left = EVENTS_BYTES_MAX;
        for index in 0..self.topic.partitions() {
            let mut next = from;
            self.read(i32::from(index), &mut next, end, &mut bytes_left, &mut catch).await?;
        }
        catch.found.sort_by_key(|found| found.offset);
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
        catch.found.sort_by_key(|found| found.offset);
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
        while *next < end {
            if *bytes_left == 0 {
                catch.is_cut = true;
                catch.skipped += end - *next;
                return Ok(());
            }
            let pieces = partition.read(*next, READ_BYTES.min(*bytes_left), partition.rebuild()).await?;
            let before = *next;
            for batch in batches_of(&pieces) {
                *bytes_left = bytes_left.saturating_sub(batch.len());
                for record in decode_records(&batch).map_err(unreadable)? {
                    let offset = record.offset as u64;
                    if !(*next..end).contains(&offset) {
                        continue;
                    }
                    *next = offset + 1;
                    catch.seen += 1;
                    if !self.filter.is_light() {
                        tokio::task::yield_now().await; // each may take long
                    }
                    if self.filter.wants(&record) {
                        catch.found.push(Found { partition: index, offset: record.offset, batch: batch.clone() });
                    }
                }
            }
            if *next == before {
                return Ok(()); // nothing is left between here and the end
            }
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
    /// Begins at `from` where that was already reached.
    pub(crate) fn not_behind(self, from: Option<u64>) -> Self {
        Self(self.0.into_iter().map(|end| from.map_or(end, |from| end.min(from))).collect())
    }

    /// The offset that every partition has been read up to, or has nothing before.
    pub(crate) fn end(&self) -> u64 {
        self.0.iter().copied().max().unwrap_or_default()
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

    /// The lowest and the greatest offset of what was found.
    pub(crate) fn bounds(&self) -> Option<(u64, u64)> {
        Some((self.found.first()?.offset as u64, self.found.last()?.offset as u64))
    }

    /// The events as rows, the newest first.
    pub(crate) fn rows(&self, feed: &Feed, clipper: &mut Clipper) -> Vec<EventRow> {
        let mut rows = Vec::with_capacity(self.found.len());
        let mut found = self.found.iter().rev().peekable();
        while let Some(first) = found.next() {
            let Ok(records) = decode_records(&first.batch) else { continue };
            let mut push = |wanted: &Found| {
                let record = records.iter().find(|record| record.offset == wanted.offset);
                let row = |record| EventRow::of(&feed.app, feed.topic.name(), wanted.partition, record, clipper);
                rows.extend(record.map(row));
            };
            push(first);
            // Neighbours are mostly of one batch, which is then decoded once.
            while let Some(next) = found.next_if(|next| next.batch.as_ptr() == first.batch.as_ptr()) {
                push(next);
            }
        }
        rows
    }
}

/// The whole batches of a piece that was read.
fn split(piece: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    let mut rest = piece.clone();
    std::iter::from_fn(move || {
        let len_bytes = decode_header(&rest).ok()?.len_bytes;
        Some(rest.split_to(len_bytes))
    })
}

/// The whole batches of all pieces that were read.
pub(crate) fn batches_of(pieces: &[Bytes]) -> impl Iterator<Item = Bytes> + '_ {
    pieces.iter().flat_map(split)
}

pub(crate) fn unreadable(error: impl Display) -> Failure {
    Failure::Topics(TopicError { message: format!("the events cannot be read: {error}") })
}
