//! What each transaction of a group wrote to its documents, for whoever follows the events and has
//! them as they were before.
//!
//! Invariant: merged into the document as it was before the transaction, a part gives the document
//! after it, byte for byte.
//! Not here: who follows (`store::Deltas`), deltas themselves (`document`).

use std::collections::HashMap;

use document::{Action, Changeset, Document, DocumentDecodeError, SiteId};

use crate::{key::document_key, transaction::Kept};

/// What the transaction of one event wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDelta {
    /// Of the event.
    pub offset: u64,
    /// Whether it is all of the document, tombstone included: the document was not there before the
    /// transaction, or is not there after it.
    pub is_whole: bool,
    /// An encoded document, or a part of one; empty if the transaction changed nothing.
    pub bytes: Box<[u8]>,
}

/// Collects them.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) deltas: Vec<EventDelta>,
}

/// Whose writes a transaction has.
pub(crate) enum Wrote {
    /// The app's own, later than this.
    Own { site: SiteId, since: u64 },
    /// A peer's, by the documents' keys.
    Pushed(HashMap<Vec<u8>, Document>),
}

impl Wrote {
    pub(crate) fn of(changeset: &Changeset, site: SiteId, since: u64) -> Self {
        if changeset.origin.pushed.is_none() {
            return Self::Own { site, since };
        }
        let mut pushed: HashMap<Vec<u8>, Document> = HashMap::new();
        for operation in &changeset.operations {
            if let Action::Merge { delta, .. } = &operation.action {
                pushed.entry(document_key(&operation.collection, &operation.id)).or_default().merge(delta);
            }
        }
        Self::Pushed(pushed)
    }
}

impl Collected {
    /// Notes what became of a document that is there before and after, or only after, or only
    /// before (`is_whole`). `unchanged` says whether nothing of a peer's changed it.
    pub(crate) fn note(
        &mut self,
        offset: u64,
        is_whole: bool,
        key: &[u8],
        document: &Kept,
        wrote: &Wrote,
        is_unchanged: bool,
    ) -> Result<(), DocumentDecodeError> {
        let mut bytes = Vec::new();
        match wrote {
            _ if is_unchanged && !is_whole => {}
            _ if is_whole => document.encode(&mut bytes),
            Wrote::Own { site, since } => document.with(|it| it.delta_of(*site, *since).encode(&mut bytes))?,
            Wrote::Pushed(pushed) => match pushed.get(key) {
                Some(delta) => delta.encode(&mut bytes),
                None => return Ok(()),
            },
        }
        self.deltas.push(EventDelta { offset, is_whole, bytes: bytes.into() });
        Ok(())
    }
}
