//! What a session's subscriptions see of the journal's events.
//!
//! An event says the document before and after it; so it is known which subscriptions had it and
//! which have it now, whatever happened since. What is sent is the document as it is stored: that
//! is its newest state, which merges into whatever the peer has. Parts of documents, encoded once
//! for all sessions, would be shorter.
//!
//! Invariants: pages hold whole transactions, or a part of one; a document stands in a page once,
//! where it was changed last. Blocks on disk.
//! Not here: when a page is wanted (`sync_protocol::ServerMachine`).

use std::{collections::HashMap, sync::Arc, time::Instant};

use document::{CollectionName, DocumentId, Map, Value};
use kafka_wire::record_batch::{self, Record};
use store::{App, ReadError, Snapshot, SnapshotError, TxnId};
use sync_protocol::{Item, ItemKind, Rest, SubId};
use wire::event::{self, Change};

use crate::{
    limits::{EVENTS_BYTES, EVENTS_PEEKED_AT, PEEKED_EVENT_BYTES, READ_TURN},
    subscription::Subscribed,
};

/// What is to be read.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) subs: Vec<Arc<Subscribed>>,
    /// The transaction that the session has all of.
    pub(crate) after: TxnId,
    /// Where the events behind it begin, if that is known; within a transaction, if a part of it
    /// was read.
    pub(crate) offset: Option<u64>,
    pub(crate) bytes_max: u64,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) through: TxnId,
    pub(crate) caught_up: bool,
    /// Where to go on.
    pub(crate) next_offset: u64,
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

/// What costs beside a document's bytes, and for each subscription that is named.
const ITEM_BYTES: usize = 64;
const SUB_BYTES: usize = 8;

/// What one event changed.
struct Seen {
    offset: u64,
    collection: CollectionName,
    id: DocumentId,
    had: Vec<SubId>,
    has: Vec<SubId>,
    bytes: usize,
}

/// Reads the next page.
pub(crate) fn read(app: &App, question: &Question) -> Result<Page, ChangesError> {
    let snapshot = app.snapshot()?;
    let newest = snapshot.txn_id();
    let offset = match question.offset {
        Some(offset) => offset,
        None => app.events().offset_after(question.after)?,
    };
    if app.events().log_start() > offset || app.events_after() > question.after {
        return Err(ChangesError::Trimmed);
    }
    let mut reading = Reading::new(question, &snapshot, offset);
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
    let through = if is_all { newest } else { reading.last_txn };
    reading.into_page(through.max(question.after), is_all)
}

/// The page, if it holds nothing and this is seen at once: a few events, in memory, none of which
/// concerns the session. Does not wait.
pub(crate) fn peek(app: &App, question: &Question) -> Option<Page> {
    let from = question.offset?;
    let end = app.events().high_watermark();
    if end.saturating_sub(from) > EVENTS_PEEKED_AT {
        return None;
    }
    let (mut through, mut next_offset) = (question.after, from);
    for piece in app.events().read_recent(from, EVENTS_BYTES)? {
        for batch in record_batch::batches(&piece) {
            for record in record_batch::decode_records(batch.ok()?.1).ok()? {
                let at = u64::try_from(record.offset).ok()?;
                if at < from {
                    continue;
                }
                if concerns(question, &record) {
                    return None;
                }
                through = through.max(TxnId(header(&record, "txnId")?.parse().ok()?));
                next_offset = at + 1;
            }
        }
    }
    Some(Page { items: Vec::new(), through, caught_up: next_offset >= end, next_offset })
}

/// Whether a subscription has the event's document before or after it, or may have it.
fn concerns(question: &Question, record: &Record<'_>) -> bool {
    let collection = header(record, "collection").unwrap_or_default();
    let mut subs = question.subs.iter().filter(|sub| sub.collection.as_str() == collection).peekable();
    if subs.peek().is_none() {
        return false;
    }
    let Some(value) = record.value.filter(|value| value.len() <= PEEKED_EVENT_BYTES) else { return true };
    let id = record.key.and_then(event::read_key).and_then(|(_, id)| DocumentId::from_json(id).ok());
    let (Some(id), Some(change)) = (id, event::read_change(value)) else { return true };
    let (old, new) = match change {
        Change::Upsert { old, new } => (old.and_then(fields), fields(new)),
        Change::Remove { value } => (fields(value), None),
        Change::Requery => return true,
    };
    subs.any(|sub| [&old, &new].into_iter().flatten().any(|fields| sub.has(&id, fields)))
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
    fn new(question: &'a Question, snapshot: &'a Snapshot, offset: u64) -> Self {
        let mut by_collection: HashMap<_, Vec<_>> = HashMap::new();
        for sub in &question.subs {
            by_collection.entry(sub.collection.as_str()).or_default().push(&**sub);
        }
        Self {
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
        let txn = header(record, "txnId").and_then(|text| text.parse().ok()).map(TxnId);
        let txn = txn.ok_or_else(|| ChangesError::Event(format!("the one at {at} says no transaction")))?;
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
        let collection = header(record, "collection").unwrap_or_default();
        let Some(subs) = self.by_collection.get(collection) else { return Ok(()) };
        if let Some(seen) = see(self.snapshot, record, subs, collection, at)? {
            self.bytes += seen.bytes;
            self.seen.push(seen);
        }
        Ok(())
    }

    /// Whole transactions as far as they go; if there is none, a part of one.
    fn into_page_so_far(mut self) -> Result<Page, ChangesError> {
        if self.whole_through > self.question.after {
            let end = self.txn_offset;
            self.seen.retain(|seen| seen.offset < end);
            self.next_offset = end;
        }
        let through = self.whole_through;
        self.into_page(through, false)
    }

    fn into_page(self, through: TxnId, caught_up: bool) -> Result<Page, ChangesError> {
        let mut last = HashMap::new();
        for (at, seen) in self.seen.iter().enumerate() {
            let (_, had) = last.entry((&seen.collection, &seen.id)).or_insert((at, &seen.had));
            let had: &Vec<SubId> = had;
            last.insert((&seen.collection, &seen.id), (at, had));
        }
        let mut items = Vec::new();
        for (at, seen) in self.seen.iter().enumerate() {
            let (last_at, had) = last[&(&seen.collection, &seen.id)];
            if last_at == at {
                items.extend(item(self.snapshot, seen, had)?);
            }
        }
        Ok(Page { items, through, caught_up, next_offset: self.next_offset })
    }
}

/// Which of the subscriptions had the document, and which have it now; `None` if none did.
fn see(
    snapshot: &Snapshot,
    record: &Record<'_>,
    subs: &[&Subscribed],
    collection: &str,
    offset: u64,
) -> Result<Option<Seen>, ChangesError> {
    let unreadable = || ChangesError::Event(format!("the one at {offset}"));
    let (_, id_json) = record.key.and_then(event::read_key).ok_or_else(unreadable)?;
    let id = DocumentId::from_json(id_json).map_err(|_| unreadable())?;
    let collection = CollectionName::new(collection).map_err(|_| unreadable())?;
    let value = record.value.ok_or_else(unreadable)?;
    let of = |fields: &Option<Map>| -> Vec<SubId> {
        let Some(fields) = fields else { return Vec::new() };
        subs.iter().filter(|sub| sub.has(&id, fields)).map(|sub| sub.sub).collect()
    };
    let (had, has, bytes) = match event::read_change(value).ok_or_else(unreadable)? {
        Change::Upsert { old, new } => (of(&old.and_then(fields)), of(&fields(new)), new.len()),
        Change::Remove { value } => (of(&fields(value)), Vec::new(), value.len()),
        // It only names its document: whether it left a subscription is not known.
        Change::Requery => {
            let raw = snapshot.raw_document(&collection, id.as_json())?;
            let stored = raw.as_ref().map(|raw| raw.decode()).transpose()?;
            let bytes = raw.map(|raw| raw.encoded().map(<[u8]>::len)).transpose()?.unwrap_or(0);
            (subs.iter().map(|sub| sub.sub).collect(), of(&stored.and_then(|stored| stored.document.value())), bytes)
        }
    };
    if had.is_empty() && has.is_empty() {
        return Ok(None);
    }
    let bytes = bytes + ITEM_BYTES + SUB_BYTES * has.len();
    Ok(Some(Seen { offset, collection, id, had, has, bytes }))
}

/// What is told of a document, which `had` had before the page.
fn item(snapshot: &Snapshot, seen: &Seen, had: &[SubId]) -> Result<Option<Item>, ChangesError> {
    let Seen { collection, id, has, .. } = seen;
    if had.is_empty() && has.is_empty() {
        return Ok(None);
    }
    let raw = snapshot.raw_document(collection, id.as_json())?;
    let is_there = raw.as_ref().map(|raw| raw.exists()).transpose()?;
    let (kind, raw) = match is_there {
        // A later transaction removed it, or this one did.
        Some(false) => (ItemKind::Removed, raw),
        Some(true) if !has.is_empty() => (ItemKind::State, raw),
        _ => (ItemKind::Leave, None),
    };
    let bytes = raw.map(|raw| raw.encoded().map(<[u8]>::to_vec)).transpose()?;
    let subs = match kind {
        ItemKind::State if had == has => None,
        ItemKind::State => Some(has.clone()),
        _ => Some(Vec::new()),
    };
    let (collection, id) = (collection.clone(), id.clone());
    Ok(Some(Item { collection, id, kind, bytes, subs, rest: Rest::default() }))
}

fn header<'r>(record: &'r Record<'_>, name: &str) -> Option<&'r str> {
    let (_, value) = record.headers.iter().find(|(known, _)| *known == name)?;
    std::str::from_utf8((*value)?).ok()
}

fn fields(json: &str) -> Option<Map> {
    let Value::Map(mut map) = Value::from_json(json.as_bytes()).ok()? else { return None };
    map.remove("_id");
    Some(map)
}
