//! What is told of events that a session sees: one item for each document.
//!
//! What is told is exact where each event's part is at hand: a delta for a peer that has the
//! document, a state that is put together otherwise. Where one is missing, the document is told as it is stored.
//!
//! Invariants: a document stands in a page once, where it was changed last; a delta goes only to
//! whoever has the document as it was before the page.
//! Not here: which events a page is of (`changes`).

use std::collections::HashMap;

use document::{CollectionName, Document, DocumentId};
use store::{Delta, RawDocument, Snapshot};
use sync_protocol::{Item, ItemKind, Rest, SubId};

use crate::{
    changes::ChangesError,
    events::{Change, ChangeKind, Seen},
};

/// What is known of the peer that is told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds {
    /// Subscriptions of which the peer has everything, up to where the page begins. Sorted.
    pub(crate) whole: Vec<SubId>,
}

/// All events of one document in a page.
struct History<'p> {
    events: Vec<&'p Seen>,
}

/// The page's items; `None` if one of them needs the documents and there is no snapshot.
pub(crate) fn items(
    seen: &[Seen],
    holds: &Holds,
    snapshot: Option<&Snapshot>,
) -> Result<Option<Vec<Item>>, ChangesError> {
    let mut items = Vec::with_capacity(seen.len());
    for history in histories(seen) {
        if let Some((kind, bytes)) = history.exactly(holds)? {
            items.extend(history.item(kind, bytes));
            continue;
        }
        let Some(snapshot) = snapshot else { return Ok(None) };
        let (kind, bytes) = history.as_stored(snapshot)?;
        items.extend(history.item(kind, bytes));
    }
    Ok(Some(items))
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
    fn exactly(&self, holds: &Holds) -> Result<Option<(ItemKind, Option<Vec<u8>>)>, ChangesError> {
        let Seen { change: last, has, .. } = self.last();
        if has.is_empty() && last.kind == ChangeKind::Upsert {
            return Ok(Some((ItemKind::Leave, None)));
        }
        let is_whole = |seen: &&Seen| seen.change.delta.as_ref().is_some_and(|delta| delta.is_whole);
        let (kind, parts) = match self.events.iter().rposition(is_whole) {
            Some(at) if last.kind == ChangeKind::Remove => (ItemKind::Removed, &self.events[at..]),
            Some(at) => (ItemKind::State, &self.events[at..]),
            None if self.had().iter().any(|sub| holds.whole.binary_search(sub).is_ok()) => {
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
        Ok(Some((kind, Some(together(&deltas)?))))
    }

    /// As it is stored, which may be later than the last event.
    fn as_stored(&self, snapshot: &Snapshot) -> Result<(ItemKind, Option<Vec<u8>>), ChangesError> {
        let Change { collection, id, .. } = &*self.last().change;
        let raw = snapshot.raw_document(collection, id.as_json())?;
        let is_there = raw.as_ref().map(RawDocument::exists).transpose()?;
        let (kind, raw) = match is_there {
            // A later transaction removed it, or this one did.
            Some(false) => (ItemKind::Removed, raw),
            Some(true) if !self.has().is_empty() => (ItemKind::State, raw),
            _ => (ItemKind::Leave, None),
        };
        Ok((kind, raw.map(|raw| raw.encoded().map(<[u8]>::to_vec)).transpose()?))
    }

    /// `None` if there is nothing to tell.
    fn item(&self, kind: ItemKind, bytes: Option<Vec<u8>>) -> Option<Item> {
        let Change { collection, id, .. } = &*self.last().change;
        let is_same = self.had() == self.has();
        if self.had().is_empty() && self.has().is_empty() {
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
