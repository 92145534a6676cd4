//! What is seen: the store's documents with what is pending, and with what a transaction has
//! written so far.
//!
//! Invariant: documents come in the order of their keys; one query sees one snapshot.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;

use document::{Document, DocumentId, Map};
use key_values::{Bytes, KeyValue, KeyValues, KeyValuesError, Snapshot};
use query::{Budget, Filter};

use crate::records::Synced;
use crate::spaces::{SYNCED, VIEW, collection_prefix};
use crate::{PeerError, QueryError};

/// What a transaction has written: documents' keys to states.
pub(crate) type Overlay = BTreeMap<Vec<u8>, Vec<u8>>;

/// Is given the key of a document and its state, and says whether there is to be another.
pub(crate) type TakeState<'t, E> = dyn FnMut(&[u8], &[u8]) -> Result<bool, E> + 't;

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

    /// The states of all documents that are seen, by their keys, until `take` says `false`.
    pub(crate) fn each_state(&self, take: &mut TakeState<'_, PeerError>) -> Result<(), PeerError> {
        self.each_in(&[], take)
    }

    /// Every document that is seen, until `take` says `false`.
    fn each(
        &self,
        prefix: &[u8],
        take: &mut dyn FnMut(&DocumentId, &Map) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        self.each_in(prefix, &mut |key, state| show(&key[prefix.len()..], state, take))
    }

    /// What is seen under a prefix, until `take` says `false`.
    fn each_in<E: From<PeerError>>(&self, prefix: &[u8], take: &mut TakeState<'_, E>) -> Result<(), E> {
        let own = self.overlay.map(|overlay| overlay.range((Bound::Included(prefix.to_vec()), Bound::Unbounded)));
        let own = own.into_iter().flatten().take_while(|(key, _)| key.starts_with(prefix));
        let mut own = own.map(|(key, state)| Ok((Bytes::from(&key[..]), Bytes::from(&state[..])))).peekable();
        let mut view = self.snapshot.prefix(VIEW, prefix).peekable();
        let mut synced = self.snapshot.prefix(SYNCED, prefix).peekable();
        loop {
            // The next document; of what is known of it the nearest.
            let heads = [key_of(own.peek())?, key_of(view.peek())?, key_of(synced.peek())?];
            let Some(key) = heads.iter().flatten().min().cloned() else { return Ok(()) };
            let [own, view, synced] =
                [next_of(&mut own, &key)?, next_of(&mut view, &key)?, next_of(&mut synced, &key)?];
            let seen = match own.or(view) {
                Some(state) => Some(state),
                None => match synced {
                    Some(record) => Synced::shown_state(&record)?.map(Bytes::from),
                    None => None,
                },
            };
            if let Some(state) = seen
                && !take(&key, &state)?
            {
                return Ok(());
            }
        }
    }
}

type Entry = Result<KeyValue, KeyValuesError>;

fn key_of(entry: Option<&Entry>) -> Result<Option<Bytes>, PeerError> {
    match entry {
        Some(Ok((key, _))) => Ok(Some(key.clone())),
        Some(Err(error)) => Err(error.clone().into()),
        None => Ok(None),
    }
}

/// The next value, if it is the one of `key`.
fn next_of(entries: &mut Peekable<impl Iterator<Item = Entry>>, key: &Bytes) -> Result<Option<Bytes>, PeerError> {
    let next = entries.next_if(|entry| entry.as_ref().is_ok_and(|(it, _)| it == key));
    Ok(next.transpose()?.map(|(_, value)| value))
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
