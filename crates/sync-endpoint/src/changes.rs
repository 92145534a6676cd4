//! What a session's subscriptions see of the journal's events.
//!
//! An event says the document before and after it; so it is known which subscriptions had it and
//! which have it now, whatever happened since.
//!
//! Invariants: pages hold whole transactions, or a part of one. Blocks on disk.
//! Not here: what is told of the events (`page`), when a page is wanted
//! (`sync_protocol::ServerMachine`).

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use kafka_wire::record_batch::Record;
use store::{App, ReadError, Snapshot, SnapshotError, TxnId};
use sync_protocol::Item;

use crate::{
    events::{self, Event, Seen},
    limits::{EVENTS_BEHIND_MIN, EVENTS_BYTES},
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
    /// Whether its subscriptions may begin again, if that is shorter.
    pub(crate) may_begin_again: bool,
    /// How long it may take.
    pub(crate) turn: Duration,
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
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ChangesError {
    /// The events are not there any more.
    #[error("the changes after that were trimmed")]
    Trimmed,
    /// To tell the documents is shorter.
    #[error("more has changed than is there")]
    MoreThanThereIs,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Documents(#[from] SnapshotError),
    #[error("an event cannot be read: {0}")]
    Event(String),
}

/// Reads the next page.
pub(crate) fn read(app: &App, question: &Question) -> Result<Page, ChangesError> {
    let answer = pass(app, &[question]).pop().flatten();
    answer.expect("a pass ends no earlier than one can be answered")
}

/// Reads the next page of each question, in one pass over the events: each joins where its own
/// begin, and leaves when its page is full. `None` for one whose turn has not come; at least one is
/// answered.
pub(crate) fn pass(app: &App, questions: &[&Question]) -> Vec<Option<Result<Page, ChangesError>>> {
    let snapshot = match app.snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return questions.iter().map(|_| Some(Err(error.clone().into()))).collect(),
    };
    let mut readings: Vec<_> = questions.iter().map(|question| Reading::begin(app, question, &snapshot)).collect();
    // Events of the newest group may be readable a moment later than its documents.
    let end = snapshot.next_offset().min(app.events().high_watermark());
    let turn = questions.iter().map(|question| question.turn).max().unwrap_or_default();
    let is_over = run(app, &mut readings, end, turn);
    readings.into_iter().map(|reading| reading.and_then(|it| it.into_answer(is_over)).transpose()).collect()
}

/// Looks at events until each page is full, there are no more, or the turn is over; `false` in the
/// last case.
fn run(app: &App, readings: &mut [Result<Reading<'_>, ChangesError>], end: u64, turn: Duration) -> bool {
    let begun = Instant::now();
    loop {
        let open = || readings.iter().flatten().filter(|reading| !reading.is_full);
        let Some(from) = open().map(|reading| reading.next_offset).min().filter(|from| *from < end) else {
            return true;
        };
        if begun.elapsed() > turn && readings.iter().flatten().any(Reading::can_be_told) {
            return false;
        }
        let read = app.events().read_blocking(from, EVENTS_BYTES);
        let looked = read.map_err(ChangesError::from).and_then(|pieces| look_at_pieces(app, readings, &pieces, end));
        let log_start = app.events().log_start();
        for reading in readings.iter_mut() {
            match (&*reading, &looked) {
                (Ok(it), Err(error)) if it.next_offset <= from && !it.is_full => *reading = Err(error.clone()),
                (Ok(it), _) if it.next_offset < log_start && !it.is_full => *reading = Err(ChangesError::Trimmed),
                _ => {}
            }
        }
        let first =
            readings.iter().flatten().filter(|reading| !reading.is_full).map(|reading| reading.next_offset).min();
        if first == Some(from) {
            return true; // nothing more is readable yet
        }
    }
}

fn look_at_pieces(
    app: &App,
    readings: &mut [Result<Reading<'_>, ChangesError>],
    pieces: &[store::Piece],
    end: u64,
) -> Result<(), ChangesError> {
    for piece in pieces {
        let is_wanted = events::each_record(piece, |record, at| {
            let mut looked = Looked { app, record, at, event: None };
            let (mut is_wanted, mut failed) = (false, None);
            for reading in readings.iter_mut().flatten().filter(|reading| !reading.is_full) {
                is_wanted |= at < end;
                if at >= reading.next_offset && at < end {
                    failed = reading.look_at(&mut looked).err().or(failed);
                }
            }
            failed.map_or(Ok(is_wanted), Err)
        })?;
        if !is_wanted {
            break;
        }
    }
    Ok(())
}

/// An event that several look at.
struct Looked<'r> {
    app: &'r App,
    record: &'r Record<'r>,
    at: u64,
    event: Option<Event>,
}

impl Looked<'_> {
    fn event(&mut self, snapshot: &Snapshot) -> Result<&Event, ChangesError> {
        if self.event.is_none() {
            self.event = Event::of(self.app, Some(snapshot), self.record, self.at, &|_| true)?;
        }
        Ok(self.event.as_ref().expect("there is a snapshot"))
    }
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
    fn begin(app: &App, question: &'a Question, snapshot: &'a Snapshot) -> Result<Self, ChangesError> {
        let offset = match question.offset {
            Some(offset) => offset,
            None => app.events().offset_after(question.after)?,
        };
        let is_trimmed = question.offset.is_none() && app.events_after() > question.after;
        if app.events().log_start() > offset || is_trimmed {
            return Err(ChangesError::Trimmed);
        }
        if question.may_begin_again {
            let names: BTreeSet<_> = question.subs.iter().map(|it| &it.asked.collection).collect();
            let counted: Result<Vec<u64>, _> = names.into_iter().map(|name| snapshot.documents_in(name)).collect();
            let is_short = snapshot.next_offset().saturating_sub(offset) <= EVENTS_BEHIND_MIN;
            if !is_short && snapshot.next_offset() - offset > 2 * counted?.into_iter().sum::<u64>() {
                return Err(ChangesError::MoreThanThereIs);
            }
        }
        let mut by_collection: HashMap<_, Vec<_>> = HashMap::new();
        for sub in &question.subs {
            by_collection.entry(sub.asked.collection.as_str()).or_default().push(&**sub);
        }
        Ok(Self {
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
        })
    }

    /// Whether there is a page now, however short.
    fn can_be_told(&self) -> bool {
        self.is_full || self.whole_through > self.question.after
    }

    /// The page, if there is one; `is_over` if there are no more events.
    fn into_answer(self, is_over: bool) -> Result<Option<Page>, ChangesError> {
        if self.is_full || (!is_over && self.can_be_told()) {
            return self.into_page_so_far().map(Some);
        }
        if !is_over {
            return Ok(None);
        }
        let is_all = self.next_offset == self.snapshot.next_offset();
        let end = if is_all { self.snapshot.txn_id() } else { self.last_txn };
        let after = self.question.after;
        self.into_page(end.max(after), false, is_all).map(Some)
    }

    fn look_at(&mut self, looked: &mut Looked<'_>) -> Result<(), ChangesError> {
        let Looked { record, at, .. } = *looked;
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
        if let Some(seen) = looked.event(self.snapshot)?.seen_by(subs) {
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
