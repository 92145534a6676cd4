//! What the newest transactions wrote to their documents, for whoever follows the events and has
//! the documents as they were: a part is shorter than the document.
//!
//! Invariants: nothing is kept, and a writer pays for nothing, while nobody wants it; what is kept
//! is bounded, the oldest goes first. Whoever finds nothing reads the document.
//! Not here: making them (`rules`).

use std::{
    collections::VecDeque,
    sync::{
        Arc, RwLock,
        atomic::{
            AtomicUsize,
            Ordering::{AcqRel, Acquire},
        },
    },
};

use bytes::Bytes;
use rules::EventDelta;

use crate::limits::{DELTA_BYTES_MAX, DELTAS_BYTES_MAX};

/// What the transaction of an event wrote to its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Whether it is all of the document, tombstone included.
    pub is_whole: bool,
    /// An encoded document, or a part that gives the document when it is merged into the one before
    /// the transaction; empty if that changed nothing.
    pub bytes: Bytes,
}

/// Those of one app.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    wanted: AtomicUsize,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Ascending by offset.
    deltas: VecDeque<(u64, Delta)>,
    bytes: usize,
}

/// Deltas are kept while somebody has one of these.
#[derive(Debug)]
pub struct DeltasWanted(Arc<Deltas>);

/// What one costs beside its bytes.
const ENTRY_BYTES: usize = size_of::<(u64, Delta)>() + 16;

impl Deltas {
    pub(crate) fn want(self: &Arc<Self>) -> DeltasWanted {
        self.wanted.fetch_add(1, AcqRel);
        DeltasWanted(self.clone())
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.wanted.load(Acquire) > 0
    }

    /// Takes over those of a group, before its events are shown.
    pub(crate) fn publish(&self, deltas: Vec<EventDelta>) {
        if deltas.is_empty() {
            return;
        }
        let mut kept = self.kept.write().expect("not poisoned");
        for EventDelta { offset, is_whole, bytes } in deltas {
            if bytes.len() > DELTA_BYTES_MAX {
                continue;
            }
            kept.bytes += bytes.len() + ENTRY_BYTES;
            kept.deltas.push_back((offset, Delta { is_whole, bytes: Bytes::from(bytes) }));
        }
        while kept.bytes > DELTAS_BYTES_MAX
            && let Some((_, oldest)) = kept.deltas.pop_front()
        {
            kept.bytes -= oldest.bytes.len() + ENTRY_BYTES;
        }
    }

    pub(crate) fn find(&self, offset: u64) -> Option<Delta> {
        let kept = self.kept.read().expect("not poisoned");
        let at = kept.deltas.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        Some(kept.deltas[at].1.clone())
    }
}

impl Drop for DeltasWanted {
    fn drop(&mut self) {
        if self.0.wanted.fetch_sub(1, AcqRel) == 1 {
            *self.0.kept.write().expect("not poisoned") = Kept::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(offset: u64, bytes: usize) -> EventDelta {
        EventDelta { offset, is_whole: false, bytes: vec![7; bytes].into() }
    }

    #[test]
    fn the_newest_are_kept_within_the_bound() {
        let deltas = Arc::new(Deltas::default());
        let wanted = deltas.want();
        deltas.publish((0..400).map(|n| delta(2 * n, DELTA_BYTES_MAX)).collect());
        deltas.publish(vec![delta(801, 3), delta(900, DELTA_BYTES_MAX + 1)]);
        assert!(deltas.kept.read().unwrap().bytes <= DELTAS_BYTES_MAX);
        assert!(deltas.find(0).is_none() && deltas.find(797).is_none() && deltas.find(900).is_none());
        assert_eq!(deltas.find(798).unwrap().bytes.len(), DELTA_BYTES_MAX);
        assert_eq!(deltas.find(801).unwrap().bytes.len(), 3);
        drop(wanted);
        assert!(!deltas.are_wanted() && deltas.find(801).is_none());
    }
}
