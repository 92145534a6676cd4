//! Documents of a collection for one page: a bounded look, that says where it stopped so that the next page goes on there.
//!
//! Invariants: removed documents are invisible; one look sees one snapshot, is short, and few run at once.
//! Not here: showing them (`page::documents`).

use std::{sync::Arc, time::Instant};

use document::{CollectionName, DocumentId, Map};
use query::{Budget, Filter};
use store::{App, Snapshot, SnapshotError, StoredDocument};
use tokio::sync::Semaphore;

use crate::{
    failure::Failure,
    limits::{SCAN_DOCUMENTS_MAX, SCAN_STEPS_MAX, SCAN_TIME_MAX, SCANS_MAX},
};

/// Room for looks at collections.
#[derive(Debug)]
pub(crate) struct Scans {
    room: Arc<Semaphore>,
}

/// What to look for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) collection: CollectionName,
    pub(crate) filter: Filter,
    /// Only documents behind this one, in the order of ids.
    pub(crate) after: Option<DocumentId>,
    /// How many to find at most.
    pub(crate) take: usize,
}

/// What was found, and how far it looked.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    pub(crate) found: Vec<Seen>,
    pub(crate) looked_at: usize,
    /// Where to go on, unless the end was reached.
    pub(crate) stopped_at: Option<DocumentId>,
    /// Whether it stopped because it had looked long enough, not because it had found enough.
    pub(crate) is_cut: bool,
}

/// A document that matches.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: DocumentId,
    pub(crate) fields: Map,
}

impl Default for Scans {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(SCANS_MAX)) }
    }
}

impl Scans {
    /// Looks, on a blocking thread.
    pub(crate) async fn look(&self, app: Arc<App>, search: Search) -> Result<Sight, Failure> {
        let permit = self.room.clone().acquire_owned().await.expect("this semaphore is never closed");
        let look = move || {
            let _permit = permit;
            look(&app.snapshot()?, &search)
        };
        tokio::task::spawn_blocking(look).await?
    }
}

/// One document, or its tombstone, on a blocking thread; `None` if it was never written.
pub(crate) async fn document(
    app: &Arc<App>,
    collection: &CollectionName,
    id: &DocumentId,
) -> Result<Option<StoredDocument>, Failure> {
    let (app, collection, id) = (app.clone(), collection.clone(), id.clone());
    let read = move || app.snapshot()?.document(&collection, &id);
    Ok(tokio::task::spawn_blocking(read).await??)
}

fn look(snapshot: &Snapshot, search: &Search) -> Result<Sight, Failure> {
    let began = Instant::now();
    let mut budget = Budget::new(SCAN_STEPS_MAX);
    let mut sight = Sight::default();
    for entry in candidates(snapshot, search) {
        let (id, stored) = entry?;
        sight.looked_at += 1;
        if let Some(fields) = stored.document.value()
            && search.filter.matches(&id, &fields, &mut budget)?
        {
            if sight.found.len() == search.take {
                sight.stopped_at = sight.found.last().map(|last| last.id.clone());
                return Ok(sight);
            }
            sight.found.push(Seen { id: id.clone(), fields });
        }
        if sight.looked_at >= SCAN_DOCUMENTS_MAX || began.elapsed() > SCAN_TIME_MAX {
            (sight.stopped_at, sight.is_cut) = (Some(id), true);
            return Ok(sight);
        }
    }
    Ok(sight)
}

type Entries<'s> = Box<dyn Iterator<Item = Result<(DocumentId, StoredDocument), SnapshotError>> + 's>;

/// What may match: the documents that the filter names, or all.
fn candidates<'s>(snapshot: &'s Snapshot, search: &'s Search) -> Entries<'s> {
    let Search { collection, filter, after, .. } = search;
    let Some(mut ids) = filter.ids() else {
        return match after {
            Some(after) => snapshot.scan_after(collection, after),
            None => snapshot.scan(collection),
        };
    };
    ids.sort();
    ids.dedup();
    ids.retain(|id| after.as_ref().is_none_or(|after| id > after));
    Box::new(ids.into_iter().filter_map(move |id| {
        let stored = snapshot.document(collection, &id).transpose()?;
        Some(stored.map(|stored| (id, stored)))
    }))
}
