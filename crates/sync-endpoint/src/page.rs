//! What is told of events that a session sees: one item for each document.
//!
//! What is told is exact where each event's part is at hand: a delta for a peer that has the
//! document, a state that is put together otherwise. Where one is missing, the document is told as
//! it is stored. If that is later than the page's end, it is left out: the later event brings it.
//! A transaction of which a document was told and another one left out is torn: what is told until
//! that one is told too are parts of one transaction, of which the peer shows nothing before.
//!
//! Invariants: a document stands in a page once, where it was changed last; a delta goes only to
//! whoever has the document as it was before the page; nothing is told that is later than the page.
//! Not here: which events a page is of (`changes`).

use std::collections::{HashMap, HashSet};

use document::{CollectionName, Document, DocumentId};
use store::{Delta, RawDocument, Snapshot, TxnId};
use sync_protocol::{Item, ItemKind, Rest, ServerMachine, SessionState, SubId};

use crate::{
    changes::ChangesError,
    events::{Change, ChangeKind, Seen},
};

/// What is known of the peer that is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds {
    /// Subscriptions of which the peer has everything, up to where the page begins. Sorted.
    pub(crate) whole: Vec<SubId>,
    pub(crate) debts: Debts,
}

/// Up to where a session was told changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangesPlace {
    /// The transaction that the peer was given all of.
    pub(crate) through: TxnId,
    /// The next event, which lies within a transaction if a part of that was told.
    pub(crate) next_offset: u64,
    pub(crate) debts: Debts,
}

impl Holds {
    /// What the peer of a session has that goes on at `place`. While it catches up it is told whole
    /// documents.
    pub(crate) fn of<'s>(
        machine: &ServerMachine,
        subs: impl Iterator<Item = &'s SubId>,
        place: Option<ChangesPlace>,
    ) -> Self {
        let is_live = machine.state() == SessionState::Live;
        let whole = subs.copied().filter(|sub| is_live && machine.is_whole(*sub)).collect();
        Self { whole, debts: place.map(|place| place.debts).unwrap_or_default() }
    }
}

/// What earlier pages have left for later ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Debts {
    /// Documents were left out that the events up to this transaction bring: until the peer is
    /// there, it may lack any.
    pub(crate) states_until: TxnId,
    /// Up to this transaction what is told are parts of one.
    pub(crate) torn_until: TxnId,
    /// A transaction of which a part was told.
    pub(crate) in_parts: TxnId,
}

/// Which events a page is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// The transaction that the peer has all of.
    pub(crate) after: TxnId,
    /// The last one that is told.
    pub(crate) end: TxnId,
    /// Whether more of that one follows.
    pub(crate) is_part: bool,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) items: Vec<Item>,
    /// Where the peer is with it: as before, if it is a part.
    pub(crate) through: TxnId,
    pub(crate) debts: Debts,
}

/// All events of one document in a page.
struct History<'p> {
    events: Vec<&'p Seen>,
}

/// The page; `None` if one of its items needs the documents and there is no snapshot.
pub(crate) fn tell(
    seen: &[Seen],
    holds: &Holds,
    extent: Extent,
    snapshot: Option<&Snapshot>,
) -> Result<Option<Told>, ChangesError> {
    let histories = histories(seen);
    let has_all = extent.after >= holds.debts.states_until;
    let mut items = Vec::with_capacity(histories.len());
    let mut told = Vec::with_capacity(histories.len());
    for history in &histories {
        let what = match (history.exactly(holds, has_all)?, snapshot) {
            (Some(exact), _) => exact,
            (None, Some(snapshot)) => history.as_stored(extent.end, snapshot)?,
            (None, None) => return Ok(None),
        };
        let item = match what {
            What::Later(txn) => {
                told.push(IsTold::Later(txn));
                continue;
            }
            What::Now(kind, bytes) => history.item(kind, bytes, holds, has_all),
        };
        told.push(if item.is_some() { IsTold::Now } else { IsTold::NotAtAll });
        items.extend(item);
    }
    let mut debts = holds.debts;
    settle(&mut debts, extent, &histories, &told);
    let is_torn = extent.is_part || extent.end < debts.torn_until;
    let through = if is_torn { extent.after } else { extent.end.max(extent.after) };
    Ok(Some(Told { items, through, debts }))
}

/// What is told of a document.
enum What {
    Now(ItemKind, Option<Vec<u8>>),
    /// It is stored as a transaction left it that is not told yet.
    Later(TxnId),
}

/// Whether a page told a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsTold {
    Now,
    Later(TxnId),
    NotAtAll,
}

/// Notes what is left for later pages.
fn settle(debts: &mut Debts, extent: Extent, histories: &[History<'_>], told: &[IsTold]) {
    let begun_in_parts = std::mem::take(&mut debts.in_parts);
    if extent.is_part {
        debts.in_parts = extent.end;
    }
    let later = told.iter().filter_map(|it| if let IsTold::Later(txn) = it { Some(*txn) } else { None });
    let Some(latest) = later.max() else { return };
    debts.states_until = debts.states_until.max(latest);
    let txns = |is_told: fn(&IsTold) -> bool| {
        let of = histories.iter().zip(told).filter(move |(_, it)| is_told(it));
        of.flat_map(|(history, _)| history.events.iter().map(|seen| seen.change.txn))
    };
    let told_of: HashSet<TxnId> = txns(|it| *it == IsTold::Now).collect();
    let left_of: HashSet<TxnId> = txns(|it| matches!(it, IsTold::Later(_))).collect();
    let is_open = |txn: TxnId| txn == begun_in_parts || (extent.is_part && txn == extent.end);
    if left_of.iter().any(|txn| told_of.contains(txn) || is_open(*txn)) {
        debts.torn_until = debts.torn_until.max(latest);
    }
}

/// Each document's, in the order of their last events.
fn histories(seen: &[Seen]) -> Vec<History<'_>> {
    let mut by_document: HashMap<(&CollectionName, &DocumentId), History<'_>> = HashMap::new();
    for one in seen {
        let of_document = by_document.entry((&one.change.collection, &one.change.id));
        of_document.or_insert_with(|| History { events: Vec::new() }).events.push(one);
    }
    let mut histories: Vec<_> = by_document.into_values().collect();
    histories.sort_unstable_by_key(|history| history.last().change.offset);
    histories
}

impl History<'_> {
    fn last(&self) -> &Seen {
        self.events.last().expect("a history begins with an event")
    }

    fn had(&self) -> &[SubId] {
        &self.events[0].had
    }

    fn has(&self) -> &[SubId] {
        &self.last().has
    }

    /// The document's kind and bytes as of the last event, if each event's part is at hand.
    fn exactly(&self, holds: &Holds, has_all: bool) -> Result<Option<What>, ChangesError> {
        let Seen { change: last, has, .. } = self.last();
        if has.is_empty() && last.kind == ChangeKind::Upsert {
            return Ok(Some(What::Now(ItemKind::Leave, None)));
        }
        let is_whole = |seen: &&Seen| seen.change.delta.as_ref().is_some_and(|delta| delta.is_whole);
        let (kind, parts) = match self.events.iter().rposition(is_whole) {
            Some(at) if last.kind == ChangeKind::Remove => (ItemKind::Removed, &self.events[at..]),
            Some(at) => (ItemKind::State, &self.events[at..]),
            None if has_all && self.had().iter().any(|sub| holds.whole.binary_search(sub).is_ok()) => {
                (ItemKind::Delta, &self.events[..])
            }
            None => return Ok(None),
        };
        // What a document went through while no subscription had it is not among its events.
        let goes_on = |seen: &Seen| !seen.had.is_empty() && seen.change.kind != ChangeKind::Requery;
        let (first, later) = parts.split_first().expect("a history begins with an event");
        if first.change.kind == ChangeKind::Requery || !later.iter().all(|seen| goes_on(seen)) {
            return Ok(None);
        }
        let deltas: Option<Vec<&Delta>> = parts.iter().map(|seen| seen.change.delta.as_ref()).collect();
        let Some(deltas) = deltas else { return Ok(None) };
        Ok(Some(What::Now(kind, Some(together(&deltas)?))))
    }

    /// As it is stored, unless a transaction after `end` left it so.
    fn as_stored(&self, end: TxnId, snapshot: &Snapshot) -> Result<What, ChangesError> {
        let Change { collection, id, .. } = &*self.last().change;
        let raw = snapshot.raw_document(collection, id.as_json())?;
        let txn = raw.as_ref().map(RawDocument::txn).transpose()?.unwrap_or_default();
        let is_there = raw.as_ref().map(RawDocument::exists).transpose()?;
        let (kind, raw) = match is_there {
            _ if txn > end && !self.has().is_empty() => return Ok(What::Later(txn)),
            _ if txn > end => (ItemKind::Leave, None),
            Some(false) => (ItemKind::Removed, raw),
            Some(true) if !self.has().is_empty() => (ItemKind::State, raw),
            _ => (ItemKind::Leave, None),
        };
        Ok(What::Now(kind, raw.map(|raw| raw.encoded().map(<[u8]>::to_vec)).transpose()?))
    }

    /// `None` if there is nothing to tell. A peer that does not have all of a subscription may have the
    /// document of a page of a snapshot that was read in between: it is told what became of it also
    /// where that is what it was before.
    fn item(&self, kind: ItemKind, bytes: Option<Vec<u8>>, holds: &Holds, has_all: bool) -> Option<Item> {
        let Change { collection, id, .. } = &*self.last().change;
        let is_whole = |sub: &SubId| holds.whole.binary_search(sub).is_ok();
        let had_all = has_all && self.events.iter().all(|seen| seen.had.iter().chain(&seen.has).all(is_whole));
        let all_stay = || self.events.iter().all(|seen| seen.had == seen.has);
        let is_same = has_all && self.had() == self.has() && (had_all || all_stay());
        if had_all && self.had().is_empty() && self.has().is_empty() {
            return None; // it was there in between only
        }
        let (subs, bytes) = match kind {
            ItemKind::Delta if is_same && bytes.as_ref().is_some_and(Vec::is_empty) => return None,
            ItemKind::Delta | ItemKind::State => ((!is_same).then(|| self.has().to_vec()), bytes.map(or_nothing)),
            ItemKind::Leave | ItemKind::Removed => (Some(Vec::new()), bytes),
        };
        let (collection, id) = (collection.clone(), id.clone());
        Some(Item { collection, id, kind, bytes, subs, rest: Rest::default() })
    }
}

/// A document that says nothing, where nothing was written.
fn or_nothing(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.is_empty() {
        Document::new().encode(&mut bytes);
    }
    bytes
}

fn together(deltas: &[&Delta]) -> Result<Vec<u8>, ChangesError> {
    let said: Vec<_> = deltas.iter().filter(|delta| !delta.bytes.is_empty()).collect();
    let [first, later @ ..] = &said[..] else { return Ok(Vec::new()) };
    if later.is_empty() {
        return Ok(first.bytes.to_vec());
    }
    let decode = |delta: &Delta| {
        Document::decode(&delta.bytes).map_err(|error| ChangesError::Event(format!("what was written by one: {error}")))
    };
    let mut document = decode(first)?;
    for delta in later {
        document.merge(&decode(delta)?);
    }
    let mut bytes = Vec::new();
    document.encode(&mut bytes);
    Ok(bytes)
}
