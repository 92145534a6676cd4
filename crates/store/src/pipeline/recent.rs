//! Documents that were written lately, in memory: what the engine does not show yet, and what is
//! likely to be written again.
//!
//! Two generations: what is used moves to the young one; when that is full, the old one goes and
//! the young one takes its place.
//! Invariant: a document stays at least until its frame is committed, since until then nothing else
//! has it.
//! Not here: what readers outside the sequencer see (`snapshot`).

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use document::Document;
use rules::{ChangedDocument, Documents, Stored};

use crate::{
    engine::{Engine, EngineError, IndexEntry},
    limits::RECENT_BYTES_MAX,
};

/// A document's last state; `None`: its tombstone was dropped, so it is as if it had never been.
type Recent = Option<Arc<ChangedDocument>>;

/// The sequencer's view of the documents: recent ones from memory, all others from the engine.
pub(crate) struct RecentDocuments {
    generations: RefCell<Generations>,
}

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    documents: HashMap<Vec<u8>, Recent>,
    bytes: usize,
    /// The newest frame whose documents are in it.
    last_frame: u64,
}

/// What an entry costs beside its bytes.
const ENTRY_OVERHEAD_BYTES: usize = 96;

fn len_bytes(document: &Recent) -> usize {
    ENTRY_OVERHEAD_BYTES + document.as_ref().map_or(0, |one| one.encoded.len())
}

impl Generation {
    fn insert(&mut self, key: Vec<u8>, document: Recent) {
        self.bytes += key.len() + len_bytes(&document);
        if let Some(before) = self.documents.insert(key, document) {
            self.bytes = self.bytes.saturating_sub(len_bytes(&before));
        }
    }
}

impl RecentDocuments {
    pub(crate) fn new() -> Self {
        Self { generations: RefCell::default() }
    }

    /// Takes over what a frame changed, and which tombstones it dropped; `committed_frames` are in
    /// the engine.
    pub(crate) fn extend(
        &mut self,
        frame: u64,
        changed: &[(Vec<u8>, Arc<ChangedDocument>)],
        dropped: &[IndexEntry],
        committed_frames: u64,
    ) {
        let Generations { young, old } = self.generations.get_mut();
        if young.bytes >= RECENT_BYTES_MAX / 2 && old.last_frame < committed_frames {
            *old = std::mem::take(young);
        }
        for (key, document) in changed {
            young.insert(key.clone(), Some(document.clone()));
        }
        for (_, key) in dropped {
            young.insert(key.clone(), None);
        }
        young.last_frame = frame;
    }

    /// Reads through to `engine`.
    pub(crate) fn over<'a>(&'a self, engine: &'a Engine) -> RecentOverEngine<'a> {
        RecentOverEngine { recent: self, engine }
    }

    fn find(&self, key: &[u8]) -> Option<Recent> {
        let Generations { young, old } = &mut *self.generations.borrow_mut();
        if let Some(document) = young.documents.get(key) {
            return Some(document.clone());
        }
        let (key, document) = old.documents.get_key_value(key)?;
        // Stays in the old one too, for its frame may not be committed; the bytes are shared.
        let document = document.clone();
        young.insert(key.clone(), document.clone());
        Some(document)
    }
}

/// See [`RecentDocuments::over`].
pub(crate) struct RecentOverEngine<'a> {
    recent: &'a RecentDocuments,
    engine: &'a Engine,
}

impl Documents for RecentOverEngine<'_> {
    type Error = EngineError;

    fn stored(&self, key: &[u8]) -> Result<Option<Stored>, EngineError> {
        match self.recent.find(key) {
            None => self.engine.stored(key),
            Some(None) => Ok(None),
            Some(Some(recent)) => {
                let document = Document::decode(&recent.encoded)?;
                Ok(Some(Stored { txn: recent.txn, last_event: recent.event, document, is_hot: true }))
            }
        }
    }
}

impl RecentOverEngine<'_> {
    /// Whether the document's last event has that offset, and it is gone since.
    pub(crate) fn is_tombstone_of(&self, key: &[u8], offset: u64) -> Result<bool, EngineError> {
        let stored = self.stored(key)?;
        Ok(stored.is_some_and(|stored| stored.last_event == Some(offset) && !stored.document.exists()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(key: &str, txn: u64, bytes: usize) -> [(Vec<u8>, Arc<ChangedDocument>); 1] {
        let document = ChangedDocument {
            event_before: None,
            existed_before: false,
            exists: true,
            txn,
            event: None,
            encoded: vec![0; bytes].into(),
        };
        [(key.as_bytes().to_vec(), Arc::new(document))]
    }

    fn txn_of(recent: &RecentDocuments, key: &[u8]) -> Option<u64> {
        recent.find(key)?.map(|document| document.txn)
    }

    #[test]
    fn a_dropped_tombstone_is_as_if_it_had_never_been() {
        let mut recent = RecentDocuments::new();
        recent.extend(0, &changed("a", 1, 1), &[], 0);
        recent.extend(1, &[], &[(7, b"a".to_vec())], 0);
        assert!(matches!(recent.find(b"a"), Some(None)), "the engine may still have it");
        recent.extend(2, &changed("a", 3, 1), &[], 0);
        assert_eq!(txn_of(&recent, b"a"), Some(3));
    }

    #[test]
    fn what_is_not_committed_stays_however_much_comes() {
        let mut recent = RecentDocuments::new();
        for frame in 0..6 {
            recent.extend(frame, &changed(&frame.to_string(), frame, RECENT_BYTES_MAX), &[], 0);
        }
        assert!((0..6).all(|frame| recent.find(frame.to_string().as_bytes()).is_some()));
    }

    #[test]
    fn what_is_committed_and_unused_goes() {
        let mut recent = RecentDocuments::new();
        for frame in 0..6 {
            recent.extend(frame, &changed(&frame.to_string(), frame, RECENT_BYTES_MAX), &[], frame);
        }
        assert!(recent.find(b"0").is_none());
        assert_eq!(txn_of(&recent, b"5"), Some(5));
    }

    #[test]
    fn the_newest_state_is_found() {
        let mut recent = RecentDocuments::new();
        recent.extend(0, &changed("a", 1, RECENT_BYTES_MAX), &[], 0);
        recent.extend(1, &changed("b", 2, 1), &[], 1);
        assert_eq!(txn_of(&recent, b"a"), Some(1));
        recent.extend(2, &changed("a", 3, 1), &[], 2);
        assert_eq!(txn_of(&recent, b"a"), Some(3));
    }
}
