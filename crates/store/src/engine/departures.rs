//! Documents that left a live query by an event that was trimmed, the newest for each.
//!
//! | space | key | value |
//! |---|---|---|
//! | `departures` | view, 0, 0, offset u64 BE | the documents key |
//! | `departures` | view, 0, 1, the documents key | that offset u64 BE |

use std::ops::Bound;

use key_values::Batch;
use rules::raw_document_key;

use super::{
    documents::damaged,
    handle::{Engine, EngineSnapshot},
    spaces::{DEPARTURES, EngineError, META},
};

/// Second part of a departure's key: found by the event's offset, or by the document.
const BY_OFFSET: u8 = 0;
const BY_DOCUMENT: u8 = 1;

impl Engine {
    /// See [`crate::App::note_departures`].
    pub(crate) fn note_departures(&self, view: &str, departures: &[(u64, String, String)]) -> Result<(), EngineError> {
        let mut batch = Batch::with_capacity(2 * departures.len());
        for (offset, collection, id) in departures {
            let key = raw_document_key(collection, id);
            let by_document = departure_of(view, &key);
            if let Some(before) = self.get(DEPARTURES, &by_document)? {
                batch.remove(DEPARTURES, departure_at(view, &before));
            }
            let offset = offset.to_be_bytes();
            batch.insert(DEPARTURES, by_document, offset);
            batch.insert(DEPARTURES, departure_at(view, &offset), key);
        }
        self.write(batch)
    }

    /// Forgets every departure from the view.
    pub(crate) fn forget_departures(&self, view: &str) -> Result<(), EngineError> {
        let mut batch = Batch::with_capacity(0);
        for tag in [BY_OFFSET, BY_DOCUMENT] {
            for entry in self.prefix(DEPARTURES, &departure_prefix(view, tag)) {
                batch.remove(DEPARTURES, entry?.0);
            }
        }
        self.write(batch)
    }

    /// The views that the document left by a trimmed event, and the offset of it.
    pub(super) fn departures_of<'v>(
        &self,
        key: &[u8],
        views: &'v [String],
    ) -> Result<Vec<(&'v str, u64)>, EngineError> {
        let mut departures = Vec::new();
        for view in views {
            if let Some(offset) = self.get(DEPARTURES, departure_of(view, key))? {
                let offset =
                    (*offset).try_into().map_err(|_| damaged(key, "left a view at an offset that cannot be read"))?;
                departures.push((view.as_str(), u64::from_be_bytes(offset)));
            }
        }
        Ok(departures)
    }

    /// Reads every departure and every note: a departure must be found by its offset and by its
    /// document.
    pub(crate) fn check_departures(&self) -> Result<(), EngineError> {
        for entry in self.prefix(META, &[]) {
            entry?;
        }
        for entry in self.prefix(DEPARTURES, &[]) {
            let (key, value) = entry?;
            let counterpart = counterpart_of_departure(&key, &value)
                .ok_or_else(|| EngineError(format!("the departure {key:02x?} cannot be read")))?;
            let (other, expected) = counterpart;
            if self.get(DEPARTURES, other)?.is_none_or(|found| *found != expected) {
                return Err(EngineError(format!("the departure {key:02x?} is not found both ways")));
            }
        }
        Ok(())
    }
}

impl EngineSnapshot {
    /// The departures from a view by events from `offset` on, in order: the event's offset and the
    /// documents key.
    pub(crate) fn departures(
        &self,
        view: &str,
        from: u64,
    ) -> impl Iterator<Item = Result<(u64, Vec<u8>), EngineError>> + use<> {
        let (first, end) = (departure_at(view, &from.to_be_bytes()), departure_prefix(view, BY_DOCUMENT));
        self.range(DEPARTURES, (Bound::Included(first), Bound::Excluded(end))).map(|entry| {
            let (key, document_key) = entry?;
            let offset = key.split_last_chunk::<8>().map(|(_, offset)| u64::from_be_bytes(*offset));
            let offset = offset.ok_or_else(|| EngineError(format!("the departure {key:02x?} cannot be read")))?;
            Ok((offset, document_key.to_vec()))
        })
    }
}

fn departure_prefix(view: &str, tag: u8) -> Vec<u8> {
    let mut prefix = view.as_bytes().to_vec();
    prefix.extend_from_slice(&[0, tag]);
    prefix
}

pub(super) fn departure_at(view: &str, offset_be: &[u8]) -> Vec<u8> {
    let mut key = departure_prefix(view, BY_OFFSET);
    key.extend_from_slice(offset_be);
    key
}

pub(super) fn departure_of(view: &str, document_key: &[u8]) -> Vec<u8> {
    let mut key = departure_prefix(view, BY_DOCUMENT);
    key.extend_from_slice(document_key);
    key
}

/// The other entry of a departure, and what it must say.
fn counterpart_of_departure(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = key.iter().position(|&byte| byte == 0)?;
    let view = std::str::from_utf8(&key[..at]).ok()?;
    let (tag, rest) = key[at + 1..].split_first()?;
    match *tag {
        BY_OFFSET => Some((departure_of(view, value), rest.to_vec())),
        BY_DOCUMENT => Some((departure_at(view, value), rest.to_vec())),
        _ => None,
    }
}
