//! Events that were found in a topic, each in the batch that was read.

use std::fmt::Display;

use bytes::Bytes;
use kafka_wire::record_batch::{Record, batches, decode_records};
use topics::TopicError;

use crate::failure::Failure;

/// Events that were found, the oldest first once they are sorted.
#[derive(Debug, Default)]
pub(crate) struct Catch {
    pub(crate) found: Vec<Found>,
    /// Events that were looked at.
    pub(crate) seen: u64,
    /// Whether it ended before the topic did because it had looked at enough.
    pub(crate) is_cut: bool,
    /// Events that it did not look at for that reason.
    pub(crate) skipped: u64,
}

/// An event that is wanted, in the batch that was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) txn: u64,
    pub(crate) batch: Bytes,
}

impl Catch {
    /// How many events were found.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// How many of them are of a partition.
    pub(crate) fn found_in(&self, partition: i32) -> usize {
        self.found.iter().filter(|found| found.partition == partition).count()
    }

    /// Takes what another one found.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.found.extend(other.found);
        self.seen += other.seen;
    }

    /// Keeps the newest; how many it dropped.
    pub(crate) fn keep_newest(&mut self, count: usize) -> usize {
        let surplus = self.found.len().saturating_sub(count);
        self.found.drain(..surplus);
        surplus
    }

    /// Of events of several partitions the one with the newer transaction is the newer.
    pub(crate) fn sort(&mut self) {
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
pub(crate) fn txn_of(record: &Record<'_>) -> u64 {
    header(record, "txnId").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0)
}

/// The value of the record's header of that name.
pub(crate) fn header<'r>(record: &Record<'r>, name: &str) -> Option<&'r [u8]> {
    record.headers.iter().find(|(known, _)| *known == name).and_then(|(_, value)| *value)
}

pub(crate) fn unreadable(error: impl Display) -> Failure {
    Failure::Topics(TopicError { message: format!("the events cannot be read: {error}") })
}
