//! Events of the journal as sessions look at them: each decoded once, and then asked of
//! subscriptions.
//!
//! Not here: what is told of them (`page`), which are read (`changes`).

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use document::{CollectionName, DocumentId, Map};
use kafka_wire::record_batch::{self, Record};
use store::{App, Delta, Snapshot, TxnId};
use sync_protocol::SubId;
use wire::event::{self, Change as Written};

use crate::{
    changes::ChangesError,
    subscription::{Asked, Subscribed},
};

/// What an event says, without the document.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) offset: u64,
    pub(crate) txn: TxnId,
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    pub(crate) kind: ChangeKind,
    /// Of the document.
    pub(crate) bytes: usize,
    /// What the transaction wrote to it, if that is kept.
    pub(crate) delta: Option<Delta>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Upsert,
    Remove,
    /// It only names its document.
    Requery,
}

/// An event with the document before it and after it.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) change: Arc<Change>,
    old: Option<Map>,
    new: Option<Map>,
    /// What was asked of it already, by the address of what is asked.
    answers: RefCell<HashMap<usize, (bool, bool)>>,
}

/// What a session's subscriptions see of an event.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) change: Arc<Change>,
    /// Those that had the document before.
    pub(crate) had: Vec<SubId>,
    /// Those that have it now.
    pub(crate) has: Vec<SubId>,
}

/// What an item costs beside its document's bytes, and for each subscription that is named.
const ITEM_BYTES: usize = 64;
const SUB_BYTES: usize = 8;

impl Event {
    /// Decodes the event at an offset, of its document those fields that are wanted: whoever is asked
    /// about it looks at no others. `snapshot` is asked about one that only names its document; `None`
    /// for such a one without a snapshot.
    pub(crate) fn of(
        app: &App,
        snapshot: Option<&Snapshot>,
        record: &Record<'_>,
        offset: u64,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Self>, ChangesError> {
        let unreadable = || ChangesError::Event(format!("the one at {offset}"));
        let txn = txn_of(record, offset)?;
        let (_, id_json) = record.key.and_then(event::read_key).ok_or_else(unreadable)?;
        let id = DocumentId::from_json(id_json).map_err(|_| unreadable())?;
        let collection = CollectionName::new(collection_of(record)).map_err(|_| unreadable())?;
        let value = record.value.ok_or_else(unreadable)?;
        let fields = |json: &str| Map::wanted_from_json(json.as_bytes(), &|name| name != "_id" && is_wanted(name)).ok();
        let (kind, old, new, bytes) = match event::read_change(value).ok_or_else(unreadable)? {
            Written::Upsert { old, new } => (ChangeKind::Upsert, old.and_then(fields), fields(new), new.len()),
            Written::Remove { value } => (ChangeKind::Remove, fields(value), None, value.len()),
            Written::Requery => {
                let Some(snapshot) = snapshot else { return Ok(None) };
                let raw = snapshot.raw_document(&collection, id.as_json())?;
                let stored = raw.as_ref().map(|raw| raw.decode()).transpose()?;
                let bytes = raw.map(|raw| raw.encoded().map(<[u8]>::len)).transpose()?.unwrap_or(0);
                (ChangeKind::Requery, None, stored.and_then(|stored| stored.document.value()), bytes)
            }
        };
        let delta = app.delta(offset);
        let change = Arc::new(Change { offset, txn, collection, id, kind, bytes, delta });
        Ok(Some(Self { change, old, new, answers: RefCell::default() }))
    }

    /// The document before and after, where it was or is there.
    pub(crate) fn states(&self) -> impl Iterator<Item = &Map> + Clone {
        [&self.old, &self.new].into_iter().flatten()
    }

    /// Whether the document was in what is asked before, and is in it now. Of an event that only
    /// names its document the former is not known, and taken for granted.
    pub(crate) fn asked_of(&self, asked: &Asked) -> (bool, bool) {
        let id = &self.change.id;
        // Not even that it has left is told of one that nobody here may have.
        if !asked.may_have(id) {
            return (false, false);
        }
        let of = |fields: &Option<Map>| fields.as_ref().is_some_and(|fields| asked.has(id, fields));
        (self.change.kind == ChangeKind::Requery || of(&self.old), of(&self.new))
    }

    /// The same, asked once however many sessions ask it. They hold what is asked meanwhile.
    fn asked_once(&self, asked: &Arc<Asked>) -> (bool, bool) {
        let mut answers = self.answers.borrow_mut();
        *answers.entry(Arc::as_ptr(asked).addr()).or_insert_with(|| self.asked_of(asked))
    }

    /// What these subscriptions of one session see of it; `None` if it concerns none.
    pub(crate) fn seen_by(&self, subs: &[&Subscribed]) -> Option<Seen> {
        let (mut had, mut has) = (Vec::new(), Vec::new());
        for subscribed in subs {
            let (before, after) = self.asked_once(&subscribed.asked);
            before.then(|| had.push(subscribed.sub));
            after.then(|| has.push(subscribed.sub));
        }
        (!had.is_empty() || !has.is_empty()).then(|| Seen { change: self.change.clone(), had, has })
    }
}

impl Seen {
    /// About what it costs to tell it.
    pub(crate) fn bytes(&self) -> usize {
        self.change.bytes + ITEM_BYTES + SUB_BYTES * self.has.len()
    }
}

/// The event's transaction.
pub(crate) fn txn_of(record: &Record<'_>, offset: u64) -> Result<TxnId, ChangesError> {
    let txn = header(record, "txnId").and_then(|text| text.parse().ok()).map(TxnId);
    txn.ok_or_else(|| ChangesError::Event(format!("the one at {offset} says no transaction")))
}

/// The name of the collection of the event's document.
pub(crate) fn collection_of<'r>(record: &'r Record<'_>) -> &'r str {
    header(record, "collection").unwrap_or_default()
}

fn header<'r>(record: &'r Record<'_>, name: &str) -> Option<&'r str> {
    let (_, value) = record.headers.iter().find(|(known, _)| *known == name)?;
    std::str::from_utf8((*value)?).ok()
}

/// Calls `look` with each record and its offset, until that says that it is enough.
pub(crate) fn each_record(
    piece: &[u8],
    mut look: impl FnMut(&Record<'_>, u64) -> Result<bool, ChangesError>,
) -> Result<bool, ChangesError> {
    let unreadable = |error: &dyn std::fmt::Display| ChangesError::Event(error.to_string());
    for batch in record_batch::batches(piece) {
        let (_, batch) = batch.map_err(|error| unreadable(&error))?;
        for record in &record_batch::decode_records(batch).map_err(|error| unreadable(&error))? {
            let at = u64::try_from(record.offset).unwrap_or_default();
            if !look(record, at)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
