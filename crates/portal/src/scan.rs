//! Documents of a collection for one page: a bounded look, that says where it stopped so that the next page goes on there.
//!
//! Invariants: removed documents are invisible; one look sees one snapshot, is short, and few run at once.
//! Not here: which way they are found by (`find`), statements (`statement`), showing them (`page::documents`).

use std::{sync::Arc, time::Instant};

use document::{CollectionName, DocumentId, Map};
use executor::ExecuteError;
use find::{Cursor, Found, Query, SortTooLarge, Work};
use query::{Budget, Filter, TooExpensive, dql::RowsError};
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
        self.run(app, move |_, snapshot| look(snapshot, &search)).await
    }

    /// Runs what looks at one snapshot, on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        app: Arc<App>,
        look: impl FnOnce(&App, &Snapshot) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = self.room.clone().acquire_owned().await.expect("this semaphore is never closed");
        let look = move || {
            let _permit = permit;
            look(&app, &app.snapshot()?)
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
    let query = Query {
        limit: Some(search.take + 1),
        after: search.after.clone().map(Cursor::after_id),
        ..Query::of(search.collection.clone(), search.filter.clone())
    };
    let mut glance = Glance::default();
    let mut sight = Sight::default();
    let ended = glance.at(snapshot, &query, |found| {
        if sight.found.len() == search.take {
            sight.stopped_at = sight.found.last().map(|last: &Seen| last.id.clone());
            return Ok(false);
        }
        let fields = found.document()?.value().unwrap_or_default();
        sight.found.push(Seen { id: found.id, fields });
        Ok(true)
    })?;
    sight.looked_at = glance.looked_at;
    if ended == Ended::Cut {
        (sight.stopped_at, sight.is_cut) = (DocumentId::from_json(&glance.last).ok(), true);
    }
    Ok(sight)
}

/// What one look may do: it ends after [`SCAN_DOCUMENTS_MAX`] documents or [`SCAN_TIME_MAX`].
#[derive(Debug)]
pub(crate) struct Glance {
    began: Instant,
    budget: Budget,
    pub(crate) looked_at: usize,
    /// The id of the document that was looked at last.
    last: String,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There was no more, or it was enough.
    Here,
    /// It had looked long enough.
    Cut,
}

/// Why a look ends before its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It had looked long enough.
    Cut,
    /// Who takes has all that is wanted.
    Enough,
    Failed(Failure),
}

impl Default for Glance {
    fn default() -> Self {
        Self { began: Instant::now(), budget: Budget::new(SCAN_STEPS_MAX), looked_at: 0, last: String::new() }
    }
}

impl Glance {
    /// Gives what matches to `take`, in the order of ids, until it says `false`.
    pub(crate) fn at(
        &mut self,
        snapshot: &Snapshot,
        query: &Query,
        mut take: impl FnMut(Found) -> Result<bool, Failure>,
    ) -> Result<Ended, Failure> {
        let plan = find::plan(snapshot, query)?;
        // What would be in order only when all was looked at cannot be broken off.
        let plan = if plan.is_in_order() { plan } else { find::plan_in_place(query) };
        let looked = find::documents(snapshot, &plan, query, self, |found, _| take(found).map_err(Stopped::Failed));
        ended(looked)
    }
}

/// How a look ended that may have been stopped.
pub(crate) fn ended<T>(looked: Result<T, Stopped>) -> Result<Ended, Failure> {
    match looked {
        Ok(_) | Err(Stopped::Enough) => Ok(Ended::Here),
        Err(Stopped::Cut) => Ok(Ended::Cut),
        Err(Stopped::Failed(failure)) => Err(failure),
    }
}

impl Work for Glance {
    type Error = Stopped;

    fn check(&mut self, id_json: &str) -> Result<(), Stopped> {
        let is_spent = self.looked_at >= SCAN_DOCUMENTS_MAX || self.began.elapsed() > SCAN_TIME_MAX;
        if is_spent && self.looked_at > 0 {
            return Err(Stopped::Cut);
        }
        self.looked_at += 1;
        self.last.clear();
        self.last.push_str(id_json);
        Ok(())
    }

    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}

impl executor::Work for Glance {
    fn make_room(&mut self, _bytes: usize) -> Result<(), Stopped> {
        Ok(()) // no more rows are kept than a page shows
    }
}

impl From<SnapshotError> for Stopped {
    fn from(error: SnapshotError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<TooExpensive> for Stopped {
    fn from(error: TooExpensive) -> Self {
        Self::Failed(error.into())
    }
}

impl From<SortTooLarge> for Stopped {
    fn from(error: SortTooLarge) -> Self {
        Self::Failed(Failure::BadInput(error.to_string()))
    }
}

impl From<RowsError> for Stopped {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::TooExpensive(error) => error.into(),
            RowsError::TooLarge | RowsError::RowTooLarge => Self::Failed(Failure::BadInput(error.to_string())),
        }
    }
}

impl From<ExecuteError> for Stopped {
    fn from(error: ExecuteError) -> Self {
        Self::Failed(error.into())
    }
}
