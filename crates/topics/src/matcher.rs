//! Which events a live query carries, and in which partition.
//!
//! An event is carried when the document matches before or after it, so that a consumer sees one
//! leave (docs/reference/live-queries.md). One that only names its document (it was too large) is
//! carried: it may match.
//!
//! A document on which the filter is too expensive to evaluate counts as matching, unless its id or
//! a value that the filter needs says otherwise: one event too many, never one too few. That
//! depends on the document alone, so it is the same at every look.

use std::{
    cell::OnceCell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use document::{DocumentId, Map, Value};
use kafka_wire::record_batch::Record;
use query::{Budget, Filter, IdRules};
use store::TxnId;
use wire::event::{self, Change, EventOp};

use crate::{limits::LIGHT_STEPS_MAX, murmur2};

/// A live query, ready to look at events.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    pub(crate) collection: Option<String>,
    pub(crate) filter: Option<Filter>,
    /// Which documents of the collection it may carry; `None`: all.
    pub(crate) granted: Option<Arc<IdRules>>,
    pub(crate) partitions: u16,
    /// How often the filter was given up.
    pub(crate) given_up: Arc<AtomicU64>,
}

/// What a live query sees of an event that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Its document matches after it.
    Inside,
    /// Its document does not match any longer, or may not: a consumer that misses it keeps what it
    /// should not.
    Leave,
}

/// An event that several live queries look at: its documents are read once, and only if one asks.
pub(crate) struct Event<'r> {
    pub(crate) record: &'r Record<'r>,
    pub(crate) collection: &'r str,
    documents: OnceCell<Option<Documents>>,
}

/// A document before and after an event; neither holds `_id`.
pub(crate) struct Documents {
    pub(crate) id: DocumentId,
    pub(crate) before: Option<Map>,
    pub(crate) after: Option<Map>,
}

impl Matcher {
    /// What carries everything in one partition.
    pub(crate) fn everything() -> Self {
        Self { collection: None, filter: None, granted: None, partitions: 1, given_up: Arc::default() }
    }

    /// The partition of a key.
    pub(crate) fn partition(&self, key: &[u8]) -> u16 {
        murmur2::partition(key, self.partitions)
    }

    pub(crate) fn wants_collection(&self, collection: &str) -> bool {
        self.collection.as_deref().is_none_or(|wanted| wanted == collection)
    }

    /// Whether the event is carried.
    pub(crate) fn carries(&self, event: &Event<'_>) -> bool {
        self.sees(event).is_some()
    }

    /// What the live query sees of the event; `None` if it does not carry it.
    pub(crate) fn sees(&self, event: &Event<'_>) -> Option<Seen> {
        if !self.wants_collection(event.collection) {
            return None;
        }
        if self.granted.is_some() && !event.id().is_some_and(|id| self.grants(&id)) {
            return None;
        }
        if self.filter.is_none() {
            return Some(if event.leaves_document() { Seen::Inside } else { Seen::Leave });
        }
        let Some(documents) = event.documents() else { return Some(Seen::Leave) };
        let matches = |fields: &Option<Map>| fields.as_ref().is_some_and(|fields| self.matches(&documents.id, fields));
        if matches(&documents.after) {
            return Some(Seen::Inside);
        }
        matches(&documents.before).then_some(Seen::Leave)
    }

    /// Whether the filter takes little, whatever the document is.
    pub(crate) fn is_light(&self) -> bool {
        let steps_max = self.filter.as_ref().map_or(Some(0), Filter::steps_max);
        steps_max.is_some_and(|steps| steps <= LIGHT_STEPS_MAX)
    }

    /// Whether every document of its collections is carried, whatever it is.
    pub(crate) fn carries_all(&self) -> bool {
        self.filter.is_none() && self.granted.is_none()
    }

    /// Whether a document of its collection may be carried; that never changes.
    fn grants(&self, id: &DocumentId) -> bool {
        let Some(rules) = &self.granted else { return true };
        self.collection.as_deref().is_some_and(|collection| rules.grants(collection, id))
    }

    /// Whether a document's present state matches.
    pub(crate) fn matches(&self, id: &DocumentId, fields: &Map) -> bool {
        if !self.grants(id) {
            return false;
        }
        let Some(filter) = &self.filter else { return true };
        filter.matches(id, fields, &mut Budget::of_a_document()).unwrap_or_else(|_| {
            self.given_up.fetch_add(1, Relaxed);
            filter.may_match(id, fields)
        })
    }
}

impl<'r> Event<'r> {
    pub(crate) fn new(record: &'r Record<'r>) -> Self {
        let collection = header(record, "collection").unwrap_or_default();
        Self { record, collection, documents: OnceCell::new() }
    }

    /// The documents key.
    pub(crate) fn document_key(&self) -> Option<Vec<u8>> {
        let (collection, id) = event::read_key(self.record.key?)?;
        Some(store::raw_document_key(&collection, id))
    }

    /// Its transaction.
    pub(crate) fn txn_id(&self) -> Option<TxnId> {
        header(self.record, "txnId")?.parse().ok().map(TxnId)
    }

    /// Whether it tells of a document that is there after it.
    fn leaves_document(&self) -> bool {
        let op = header(self.record, "op");
        [EventOp::Insert, EventOp::Update].iter().any(|left| op == Some(left.as_str()))
    }

    /// The id of its document, which an event that tells nothing else tells too.
    fn id(&self) -> Option<DocumentId> {
        let (_, id) = event::read_key(self.record.key?)?;
        DocumentId::from_json(id).ok()
    }

    pub(crate) fn key(&self) -> &'r [u8] {
        self.record.key.unwrap_or_default()
    }

    /// `None` if the event does not tell.
    pub(crate) fn documents(&self) -> Option<&Documents> {
        self.documents.get_or_init(|| Documents::read(self.record)).as_ref()
    }
}

impl Documents {
    fn read(record: &Record<'_>) -> Option<Self> {
        let (_, id) = event::read_key(record.key?)?;
        let id = DocumentId::from_json(id).ok()?;
        let (before, after) = match event::read_change(record.value?)? {
            Change::Upsert { old, new } => (old, Some(new)),
            Change::Remove { value } => (Some(value), None),
            Change::Requery => return None,
        };
        Some(Self { id, before: before.and_then(fields), after: after.and_then(fields) })
    }
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
