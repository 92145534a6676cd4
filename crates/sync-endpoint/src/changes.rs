//! What a session's subscriptions see of the journal's events.
//!
//! An event says the document before and after it; so it is known which subscriptions had it and
//! which have it now, whatever happened since.
//!
//! Invariants: pages hold whole transactions, or a part of one. Blocks on disk.
//! Not here: what is told of the events (`page`), when a page is wanted
//! (`sync_protocol::ServerMachine`).

use std::{collections::HashMap, sync::Arc, time::Instant};

use kafka_wire::record_batch::{self, Record};
use store::{App, ReadError, Snapshot, SnapshotError, TxnId};
use sync_protocol::Item;

use crate::{
    events::{self, Event, Seen},
    limits::{EVENTS_BYTES, READ_TURN},
    live::Taken,
    page::{self, Debts, Extent, Holds, Told},
    subscription::Subscribed,
};

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    pub(crate) subs: Vec<Arc<Subscribed>>,
    /// The transaction that the session has all of.
    pub(crate) after: TxnId,
    /// Where the events behind it begin, if that is known; within a transaction, if a part of it
    /// was read.
    pub(crate) offset: Option<u64>,
    pub(crate) bytes_max: u64,
    /// What the peer has.
    pub(crate) holds: Holds,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) through: TxnId,
    pub(crate) caught_up: bool,
    /// Where to go on.
    pub(crate) next_offset: u64,
    /// What is left for later pages.
    pub(crate) debts: Debts,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangesError {
    /// The events are not there any more.
    #[error("the changes after that were trimmed")]
    Trimmed,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Documents(#[from] SnapshotError),
    #[error("an event cannot be read: {0}")]
    Event(String),
}

/// Reads the next page.
pub(crate) fn read(app: &App, question: &Question) -> Result<Page, ChangesError> {
    let snapshot = app.snapshot()?;
    let newest = snapshot.txn_id();
    let offset = match question.offset {
        Some(offset) => offset,
        None => app.events().offset_after(question.after)?,
    };
    let is_trimmed = question.offset.is_none() && app.events_after() > question.after;
    if app.events().log_start() > offset || is_trimmed {
        return Err(ChangesError::Trimmed);
    }
    let mut reading = Reading::new(app, question, &snapshot, offset);
    let begun = Instant::now();
    // Events of the newest group may be readable a moment later than its documents.
    let end = snapshot.next_offset().min(app.events().high_watermark());
    while reading.next_offset < end && !reading.is_full {
        if begun.elapsed() > READ_TURN && reading.whole_through > question.after {
            return reading.into_page_so_far();
        }
        let from = reading.next_offset;
        for piece in app.events().read_blocking(from, EVENTS_BYTES)? {
            for batch in record_batch::batches(&piece) {
                let (_, batch) = batch.map_err(|error| ChangesError::Event(error.to_string()))?;
                let records =
                    record_batch::decode_records(batch).map_err(|error| ChangesError::Event(error.to_string()))?;
                for record in &records {
                    let at = u64::try_from(record.offset).unwrap_or_default();
                    if at >= reading.next_offset && at < end && !reading.is_full {
                        reading.look_at(record, at)?;
                    }
                }
            }
        }
        if app.events().log_start() > from {
            return Err(ChangesError::Trimmed);
        }
        if reading.next_offset == from && !reading.is_full {
            break; // nothing more is readable yet
        }
    }
    if reading.is_full {
        return reading.into_page_so_far();
    }
    let is_all = reading.next_offset == snapshot.next_offset();
    let end = if is_all { newest } else { reading.last_txn };
    reading.into_page(end.max(question.after), false, is_all)
}

impl Page {
    /// What a seat gave, after a transaction; `None` if that needs the documents and there is no
    /// snapshot.
    pub(crate) fn of_taken(
        taken: &Taken,
        after: TxnId,
        holds: &Holds,
        snapshot: Option<&Snapshot>,
    ) -> Result<Option<Self>, ChangesError> {
        let Taken { seen, through, next_offset } = taken;
        let extent = Extent { after, end: *through, is_part: false };
        let Some(told) = page::tell(seen, holds, extent, snapshot)? else { return Ok(None) };
        Ok(Some(Self::of_told(told, true, *next_offset)))
    }

    fn of_told(told: Told, caught_up: bool, next_offset: u64) -> Self {
        let Told { items, through, debts } = told;
        Self { items, through, caught_up, next_offset, debts }
    }
}

/// A page while it is read.
struct Reading<'a> {
    app: &'a App,
    question: &'a Question,
    snapshot: &'a Snapshot,
    by_collection: HashMap<&'a str, Vec<&'a Subscribed>>,
    seen: Vec<Seen>,
    bytes: usize,
    next_offset: u64,
    /// Of the event that was looked at last.
    last_txn: TxnId,
    /// Up to which transaction all events were looked at, and where the next one begins.
    whole_through: TxnId,
    txn_offset: u64,
    is_full: bool,
}

impl<'a> Reading<'a> {
    fn new(app: &'a App, question: &'a Question, snapshot: &'a Snapshot, offset: u64) -> Self {
        let mut by_collection: HashMap<_, Vec<_>> = HashMap::new();
        for sub in &question.subs {
            by_collection.entry(sub.asked.collection.as_str()).or_default().push(&**sub);
        }
        Self {
            app,
            question,
            snapshot,
            by_collection,
            seen: Vec::new(),
            bytes: 0,
            next_offset: offset,
            last_txn: question.after,
            whole_through: question.after,
            txn_offset: offset,
            is_full: false,
        }
    }

    fn look_at(&mut self, record: &Record<'_>, at: u64) -> Result<(), ChangesError> {
        let txn = events::txn_of(record, at)?;
        if txn <= self.question.after {
            self.next_offset = at + 1;
            self.txn_offset = at + 1;
            return Ok(());
        }
        if txn > self.last_txn {
            (self.whole_through, self.txn_offset) = (self.last_txn, at);
        }
        if self.bytes as u64 >= self.question.bytes_max {
            self.is_full = true;
            return Ok(());
        }
        (self.last_txn, self.next_offset) = (txn, at + 1);
        let Some(subs) = self.by_collection.get(events::collection_of(record)) else { return Ok(()) };
        let event = Event::of(self.app, Some(self.snapshot), record, at)?.expect("there is a snapshot");
        if let Some(seen) = event.seen_by(subs) {
            self.bytes += seen.bytes();
            self.seen.push(seen);
        }
        Ok(())
    }

    /// Whole transactions as far as they go; if there is none, a part of one.
    fn into_page_so_far(mut self) -> Result<Page, ChangesError> {
        if self.whole_through > self.question.after {
            let end = self.txn_offset;
            self.seen.retain(|seen| seen.change.offset < end);
            self.next_offset = end;
        }
        let is_part = self.whole_through <= self.question.after && self.last_txn > self.question.after;
        let end = if is_part { self.last_txn } else { self.whole_through };
        self.into_page(end, is_part, false)
    }

    fn into_page(self, end: TxnId, is_part: bool, caught_up: bool) -> Result<Page, ChangesError> {
        let extent = Extent { after: self.question.after, end, is_part };
        let told = page::tell(&self.seen, &self.question.holds, extent, Some(self.snapshot))?;
        Ok(Page::of_told(told.expect("there is a snapshot"), caught_up, self.next_offset))
    }
}
