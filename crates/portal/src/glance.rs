//! What one look at documents may take: a short one for a page, a long one for a search.
//!
//! Invariant: it ends between two documents, and says which it looked at last.
//! Not here: what is looked for (`scan`, `statement`, `matching`).

use std::time::{Duration, Instant};

use executor::ExecuteError;
use find::{Found, Query, SortTooLarge, Work};
use query::{Budget, TooExpensive, dql::RowsError};
use store::{Snapshot, SnapshotError};

use crate::{
    failure::Failure,
    limits::{SCAN_DOCUMENTS_MAX, SCAN_STEPS_MAX, SCAN_TIME_MAX},
    options::SearchBounds,
};

/// What one look may do, and how far it came.
#[derive(Debug)]
pub(crate) struct Glance {
    began: Instant,
    time_max: Duration,
    documents_max: usize,
    /// Whether each document has a budget of its own, since time alone bounds them all.
    is_search: bool,
    budget: Budget,
    pub(crate) looked_at: usize,
    /// The id of the document that was looked at last.
    pub(crate) last: String,
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

/// A short one: it ends after [`SCAN_DOCUMENTS_MAX`] documents or [`SCAN_TIME_MAX`].
impl Default for Glance {
    fn default() -> Self {
        let bounds = SearchBounds { time_max: SCAN_TIME_MAX, count_max: SCAN_DOCUMENTS_MAX };
        Self { is_search: false, ..Self::of(bounds) }
    }
}

impl Glance {
    /// A search, which ends where its bounds say.
    pub(crate) fn of(bounds: SearchBounds) -> Self {
        Self {
            began: Instant::now(),
            time_max: bounds.time_max,
            documents_max: bounds.count_max,
            is_search: true,
            budget: Budget::new(SCAN_STEPS_MAX),
            looked_at: 0,
            last: String::new(),
        }
    }

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
        let is_spent = self.looked_at >= self.documents_max || self.began.elapsed() > self.time_max;
        if is_spent && self.looked_at > 0 {
            return Err(Stopped::Cut);
        }
        if self.is_search {
            self.budget = Budget::new(SCAN_STEPS_MAX);
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
