//! By which event each document left which live query last: of all live queries of an app.
//!
//! What was found lately is here, and is noted with the documents together with how far the events
//! were counted; then it is looked for there.
//! Not here: what a leave is (`matcher`), where it stands (`view`).

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use store::{App, Leaves, SnapshotError, ViewId, ViewLeave};

/// Sorted by the views.
type ByDocument = HashMap<Vec<u8>, Leaves>;

#[derive(Debug, Default)]
pub(crate) struct LastLeaves {
    known: RwLock<Known>,
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Known {
    /// Since the last note was begun, and those that it notes.
    lately: ByDocument,
    noting: Arc<ByDocument>,
}

impl LastLeaves {
    /// How many are not noted yet.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Takes over what was found, in the order of the events: each document with the leaves by one
    /// event.
    pub(crate) fn take_over(&self, found: impl IntoIterator<Item = (Vec<u8>, Leaves)>) {
        let mut known = self.known.write().expect("not poisoned");
        for (document, mut leaves) in found {
            leaves.sort_unstable_by_key(|(view, _)| *view);
            let before = known.lately.entry(document).or_default();
            let had = before.len();
            *before = merged(std::mem::take(before), leaves);
            self.count.fetch_add(before.len() - had, Relaxed);
        }
    }

    /// The document's last leaves, of those that were found.
    pub(crate) fn of(&self, app: &App, document: &[u8]) -> Result<Leaves, SnapshotError> {
        // First: what is noted meanwhile is found there.
        let lately = {
            let known = self.known.read().expect("not poisoned");
            let of = |leaves: &ByDocument| leaves.get(document).cloned().unwrap_or_default();
            merged(of(&known.noting), of(&known.lately))
        };
        Ok(merged(app.leaves_of(document)?, lately))
    }

    /// By which of its events the document left the view last.
    pub(crate) fn of_view(&self, app: &App, view: ViewId, document: &[u8]) -> Result<Option<ViewLeave>, SnapshotError> {
        Ok(in_leaves(&self.of(app, document)?, view))
    }

    /// What is to be noted, of the views that `is_there`. [`LastLeaves::noted`] says that it was.
    pub(crate) fn to_note(&self, is_there: impl Fn(ViewId) -> bool) -> Arc<ByDocument> {
        let mut known = self.known.write().expect("not poisoned");
        let mut noting = std::mem::take(&mut known.lately);
        // What could not be noted the last time is noted now.
        for (document, leaves) in &*known.noting {
            let newer = noting.remove(document).unwrap_or_default();
            noting.insert(document.clone(), merged(leaves.clone(), newer));
        }
        noting.values_mut().for_each(|leaves| leaves.retain(|(view, _)| is_there(*view)));
        noting.retain(|_, leaves| !leaves.is_empty());
        self.count.store(noting.values().map(Vec::len).sum(), Relaxed);
        known.noting = Arc::new(noting);
        known.noting.clone()
    }

    /// What was to be noted is.
    pub(crate) fn noted(&self) {
        let mut known = self.known.write().expect("not poisoned");
        known.noting = Arc::default();
        self.count.store(known.lately.values().map(Vec::len).sum(), Relaxed);
    }
}

/// The leave of a view among them.
pub(crate) fn in_leaves(leaves: &Leaves, view: ViewId) -> Option<ViewLeave> {
    let at = leaves.binary_search_by_key(&view, |(view, _)| *view).ok()?;
    Some(leaves[at].1)
}

/// Of each view the newer.
fn merged(older: Leaves, newer: Leaves) -> Leaves {
    if older.is_empty() {
        return newer;
    }
    if newer.is_empty() {
        return older;
    }
    let mut all = Leaves::with_capacity(older.len() + newer.len());
    let (mut older, mut newer) = (older.into_iter().peekable(), newer.into_iter().peekable());
    while let (Some((a, _)), Some((b, _))) = (older.peek(), newer.peek()) {
        match a.cmp(b) {
            std::cmp::Ordering::Less => all.extend(older.next()),
            std::cmp::Ordering::Greater => all.extend(newer.next()),
            std::cmp::Ordering::Equal => {
                older.next();
                all.extend(newer.next());
            }
        }
    }
    all.extend(older);
    all.extend(newer);
    all
}

#[cfg(test)]
mod tests {
    use store::TxnId;

    use super::*;

    #[test]
    fn the_newer_leave_of_each_view_stays() {
        let leave = |view, offset| (ViewId(view), ViewLeave { partition: 0, offset, txn_id: TxnId(offset) });
        let older = vec![leave(1, 5), leave(3, 6), leave(4, 7)];
        let newer = vec![leave(2, 8), leave(3, 9)];
        let both = merged(older.clone(), newer.clone());
        assert_eq!(both, [leave(1, 5), leave(2, 8), leave(3, 9), leave(4, 7)]);
        assert_eq!((merged(older.clone(), Vec::new()), merged(Vec::new(), newer.clone())), (older, newer));
        assert_eq!(in_leaves(&both, ViewId(3)), Some(leave(3, 9).1));
        assert_eq!(in_leaves(&both, ViewId(5)), None);
    }
}
