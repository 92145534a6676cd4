//! A topic for people: one record, what is new since the last look, and the read that both and a
//! search are made of.
//!
//! Reads are those of a Kafka consumer (`topics::Tail`), over all partitions. Each has offsets of
//! its own, so a place in a topic is one for each.
//! Invariant: every look is bounded in bytes, and says what it did not look at.
//! Not here: going back and forth (`event_search`), sockets (`page::event_stream`), rows
//! (`event_row`).

use kafka_wire::record_batch::{Record, decode_records};
use topics::{EventFilter, Partition, Tail, Topic};

use super::{
    catch::{Catch, Found, split, txn_of, unreadable},
    positions::Positions,
};
use crate::failure::Failure;

/// What one read asks for, in bytes.
pub(crate) const READ_BYTES: usize = 512 * 1024;

/// A topic, and what of it somebody wants to see.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) app: String,
    pub(crate) topic: Topic,
    pub(crate) filter: EventFilter,
}

impl Feed {
    /// The end of each partition, as far as events were looked at.
    pub(crate) fn positions(&self) -> Positions {
        let partitions = (0..self.topic.partitions()).map(i32::from);
        Positions(partitions.map(|index| self.partition(index).high_watermark()).collect())
    }

    /// The end of each partition; waits for a live query that still counts what there was before the
    /// server started.
    pub(crate) async fn settled_positions(&self) -> Result<Positions, Failure> {
        let mut ends = Vec::new();
        for index in 0..self.topic.partitions() {
            ends.push(self.partition(i32::from(index)).settled_high_watermark().await?);
        }
        Ok(Positions(ends))
    }

    pub(crate) fn partition(&self, index: i32) -> Partition {
        self.topic.partition(index).expect("a topic keeps its partitions")
    }

    /// Positions as somebody says them; `None` if they are not of this topic.
    pub(crate) fn parse(&self, text: &str) -> Option<Positions> {
        Positions::parse(text, self.topic.partitions())
    }

    /// What is new since `positions`, which it moves. Where that is more than `bytes_max`, it goes
    /// on at the end: `Catch::is_cut`.
    pub(crate) async fn news(&self, positions: &mut Positions, bytes_max: usize) -> Result<Catch, Failure> {
        let mut catch = Catch::default();
        let mut bytes_left = bytes_max;
        for (index, next) in positions.0.iter_mut().enumerate() {
            let end = self.partition(index as i32).high_watermark();
            while *next < end && bytes_left > 0 {
                let bytes = self.read(index as i32, next, end, READ_BYTES.min(bytes_left), &mut catch).await?;
                bytes_left = bytes_left.saturating_sub(bytes);
            }
            if *next < end {
                catch.is_cut = true;
                catch.skipped += end - *next;
                *next = end;
            }
        }
        catch.sort();
        Ok(catch)
    }

    /// Reads some of a partition below `end` into `catch`, and moves `next` behind it; how many bytes
    /// it looked at. It comes to `end` where nothing is left before.
    pub(crate) async fn read(
        &self,
        index: i32,
        next: &mut u64,
        end: u64,
        bytes_max: usize,
        catch: &mut Catch,
    ) -> Result<usize, Failure> {
        let mut tail = Tail::within(self.partition(index), *next);
        let pieces = tail.read(bytes_max).await?;
        let mut bytes = 0;
        for batch in pieces.iter().flat_map(|piece| split(&piece.bytes)) {
            bytes += batch.len();
            for record in decode_records(&batch).map_err(unreadable)? {
                if !(*next..end).contains(&(record.offset as u64)) {
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
        *next = if pieces.is_empty() { end } else { tail.next_offset().min(end) };
        Ok(bytes)
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
