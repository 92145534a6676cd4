//! Pages of the documents that a subscription has, by their ids.
//!
//! A page ends when it is full, or when it took its turn: then it may hold few documents or none.
//! Blocks on disk.
//! Not here: when a page is wanted (`sync_protocol::ServerMachine`).

use std::{
    ops::Bound,
    time::{Duration, Instant},
};

use document::DocumentId;
use store::{App, RawDocument, Snapshot, SnapshotError, TxnId};
use sync_protocol::{Rest, SnapshotItem};

use crate::{
    hidden_places::{self, HiddenPlaces},
    subscription::Asked,
};

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<SnapshotItem>,
    /// Where to go on; `None` on the last.
    pub(crate) next: Option<Vec<u8>>,
    pub(crate) at: TxnId,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotPageError {
    /// The peer says to go on where no page ends.
    #[error("no page of a snapshot ends there")]
    Place,
    #[error(transparent)]
    Documents(#[from] SnapshotError),
}

const ITEM_BYTES: usize = 16;

/// Documents that are looked at between two looks at the clock.
const LOOKED_AT: usize = 64;

/// Reads the page that begins behind the id in `page`.
pub(crate) fn read(
    app: &App,
    asked: &Asked,
    hidden: &HiddenPlaces,
    page: Option<&[u8]>,
    bytes_max: u64,
    turn: Duration,
) -> Result<Page, SnapshotPageError> {
    let behind = match page {
        None => None,
        Some(page) => {
            let opened = hidden.open(page);
            let id = std::str::from_utf8(opened.as_deref().unwrap_or(page)).ok();
            let id = id.and_then(|json| DocumentId::from_json(json).ok());
            match id {
                // It was hidden by a server that has stopped: what is sent again is not wrong.
                None if hidden_places::is_hidden(page) => None,
                None => return Err(SnapshotPageError::Place),
                id => id,
            }
        }
    };
    let snapshot = app.snapshot()?;
    let documents = documents(&snapshot, asked, behind.as_ref().map(DocumentId::as_json));
    let names = asked.filter.field_names();
    let (mut items, mut bytes, mut next) = (Vec::new(), 0, None);
    let begun = Instant::now();
    for (n, raw) in documents.enumerate() {
        let raw = raw?;
        let id = raw.id()?;
        let may_have = asked.may_have(&id);
        let is_in = may_have && raw.fields(&names)?.is_some_and(|fields| asked.has(&id, &fields));
        let id_json = id.as_json().as_bytes().to_vec();
        if is_in {
            let state = raw.encoded()?.to_vec();
            bytes += ITEM_BYTES + id_json.len() + state.len();
            items.push(SnapshotItem { id, state, rest: Rest::default() });
        }
        if bytes as u64 >= bytes_max || (n % LOOKED_AT == LOOKED_AT - 1 && begun.elapsed() > turn) {
            next = Some(if may_have { id_json } else { hidden.seal(&id_json) });
            break;
        }
    }
    Ok(Page { items, next, at: snapshot.txn_id() })
}

/// The documents that may be in it, behind an id, in the order of their ids' bytes.
pub(crate) fn documents<'s>(
    snapshot: &'s Snapshot,
    asked: &'s Asked,
    behind: Option<&str>,
) -> Box<dyn Iterator<Item = Result<RawDocument, SnapshotError>> + 's> {
    let collection = &asked.collection;
    if let Some(ids) = asked.ids() {
        let mut ids: Vec<String> = ids.iter().map(|id| id.as_json().to_owned()).collect();
        ids.sort_unstable();
        ids.retain(|id| behind.is_none_or(|behind| id.as_str() > behind));
        return Box::new(ids.into_iter().filter_map(|id| snapshot.raw_document(collection, &id).transpose()));
    }
    let from = behind.map_or(Bound::Unbounded, |behind| Bound::Excluded(behind.to_owned()));
    Box::new(snapshot.raw_documents(collection, from, Bound::Unbounded))
}
