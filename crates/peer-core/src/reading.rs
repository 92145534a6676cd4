//! What is seen: the store's documents with what is pending, and with what a transaction has
//! written so far.
//!
//! Invariant: documents come in the order of their keys; one query sees one snapshot.

use std::collections::BTreeMap;
use std::ops::Bound;

use document::{Document, DocumentId, Map};
use key_values::{Bytes, KeyValues, Snapshot};
use query::{Budget, Filter};

use crate::records::Synced;
use crate::spaces::{SYNCED, VIEW, collection_prefix};
use crate::{PeerError, QueryError};

/// What a transaction has written: documents' keys to states.
pub(crate) type Overlay = BTreeMap<Vec<u8>, Vec<u8>>;

/// Where documents are read.
pub(crate) struct Reading<'p> {
    pub(crate) snapshot: Box<dyn Snapshot>,
    overlay: Option<&'p Overlay>,
}

impl<'p> Reading<'p> {
    /// What the store has now, under what a transaction has written.
    pub(crate) fn of(store: &dyn KeyValues, overlay: Option<&'p Overlay>) -> Self {
        Self { snapshot: store.snapshot(), overlay }
    }

    /// The fields of the document, if it is seen.
    pub(crate) fn fields(&self, key: &[u8]) -> Result<Option<Map>, PeerError> {
        if let Some(state) = self.overlay.and_then(|overlay| overlay.get(key)) {
            return decode_fields(state);
        }
        if let Some(state) = self.snapshot.get(VIEW, key)? {
            return decode_fields(&state);
        }
        match self.snapshot.get(SYNCED, key)? {
            Some(record) => Synced::shown_state(&record)?.map_or(Ok(None), decode_fields),
            None => Ok(None),
        }
    }

    /// Gives every document of the collection that matches to `take`, by their ids, until that says
    /// `false`.
    pub(crate) fn matching(
        &self,
        collection: &str,
        filter: &Filter,
        budget: &mut Budget,
        take: &mut dyn FnMut(&DocumentId, &Map, &mut Budget) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let prefix = collection_prefix(collection);
        if let Some(ids) = filter.ids() {
            for id in ids {
                let key = [prefix.as_slice(), id.as_json().as_bytes()].concat();
                if let Some(fields) = self.fields(&key)?
                    && filter.matches(&id, &fields, budget)?
                    && !take(&id, &fields, budget)?
                {
                    break;
                }
            }
            return Ok(());
        }
        self.each(&prefix, &mut |id, fields| {
            budget.charge(1)?;
            Ok(!filter.matches(id, fields, budget)? || take(id, fields, budget)?)
        })
    }

    /// Every document that is seen, until `take` says `false`.
    fn each(
        &self,
        prefix: &[u8],
        take: &mut dyn FnMut(&DocumentId, &Map) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut over: BTreeMap<Bytes, Bytes> =
            self.snapshot.prefix(VIEW, prefix).collect::<Result<_, _>>().map_err(PeerError::from)?;
        if let Some(overlay) = self.overlay {
            let range = overlay.range((Bound::Included(prefix.to_vec()), Bound::Unbounded));
            let own = range.take_while(|(key, _)| key.starts_with(prefix));
            over.extend(own.map(|(key, state)| (Bytes::from(&key[..]), Bytes::from(&state[..]))));
        }
        let mut over = over.into_iter().peekable();
        for entry in self.snapshot.prefix(SYNCED, prefix) {
            let (key, record) = entry.map_err(PeerError::from)?;
            while let Some((before, state)) = over.next_if(|(before, _)| *before < key) {
                if !show(&before[prefix.len()..], &state, take)? {
                    return Ok(());
                }
            }
            let goes_on = match over.next_if(|(same, _)| *same == key) {
                Some((_, state)) => show(&key[prefix.len()..], &state, take)?,
                None => match Synced::shown_state(&record)? {
                    Some(state) => show(&key[prefix.len()..], state, take)?,
                    None => true,
                },
            };
            if !goes_on {
                return Ok(());
            }
        }
        for (key, state) in over {
            if !show(&key[prefix.len()..], &state, take)? {
                break;
            }
        }
        Ok(())
    }
}

fn show(
    id: &[u8],
    state: &[u8],
    take: &mut dyn FnMut(&DocumentId, &Map) -> Result<bool, QueryError>,
) -> Result<bool, QueryError> {
    let Some(fields) = decode_fields(state)? else { return Ok(true) };
    let damaged = PeerError::Damaged { what: "a document's key" };
    let id = std::str::from_utf8(id).ok().and_then(|id| DocumentId::from_json(id).ok()).ok_or(damaged)?;
    take(&id, &fields)
}

pub(crate) fn decode_fields(state: &[u8]) -> Result<Option<Map>, PeerError> {
    Document::decode_value(state).map_err(|_| PeerError::Damaged { what: "a document" })
}
