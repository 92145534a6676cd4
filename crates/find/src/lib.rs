//! Which documents a query means, in which order, and what it takes to find them.
//!
//! A [`Query`] is planned on a snapshot ([`plan`]) by fixed rules, so that the plan can be
//! explained, and then read by that plan ([`documents`], [`rows`], [`documents_ids`], [`count`],
//! [`ids`]). Whatever the plan, the answer is the same: the documents that the filter matches, in
//! the order that is asked for, ties by id; values compare as the filter's language compares them.
//! What a plan reads is looked at again with the filter, except where an index alone counts or tells
//! the ids.
//!
//! Invariants: removed documents are invisible, and so is what is not granted to whoever asks: answers and plans are
//! those of a store without it; one read sees one snapshot; memory is bounded by
//! [`limits`]; [`Work`] is asked before each document, so that whoever waits no longer, or not so
//! long, ends the read.
//! Not here: what a filter means (`query`), how documents and indexes are stored (`store`), replies
//! (the edges).

mod cursor;
mod granted;
mod id_ranges;
mod index_choice;
mod key_order;
mod plan;
mod reading;
mod sorting;
mod streams;

pub mod limits;

use std::sync::Arc;

use document::{CollectionName, Path};
use query::{Budget, Filter, IdRules, TooExpensive};
use store::SnapshotError;

pub use cursor::{Cursor, CursorError, Fingerprint};
pub use plan::{Operator, Plan, plan, plan_count, plan_documents_ids, plan_ids, plan_in_place};
pub use reading::{Found, by_id, count, documents, documents_ids, ids, place_behind, rows};
pub use sorting::SortTooLarge;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Whose documents.
    pub collection: CollectionName,
    /// Which of them.
    pub filter: Filter,
    /// In which order; the first key weighs most, ties are in the order of ids. Empty: by ids
    /// alone.
    pub sort: Vec<SortKey>,
    /// So many are left out first, behind `after`.
    pub offset: usize,
    /// At most so many; `None`: all.
    pub limit: Option<usize>,
    /// Only what comes after this place. For the legacy language alone: of a query by DQL no
    /// [`Cursor`] is made.
    pub after: Option<Cursor>,
    /// Which indexes may help.
    pub index: IndexUse,
    /// Which documents there are for whoever asks; `None`: all. The others are left out before anything else is
    /// asked of them, and no plan depends on them.
    pub granted: Option<Arc<IdRules>>,
}

/// Which indexes may help to answer a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IndexUse {
    /// Whichever does it best.
    #[default]
    Any,
    /// None.
    None,
    /// That of this name if it helps at all, however many entries have to be read; otherwise any.
    Named(String),
}

/// One place in a document by which it is sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// A field, `_id` or a part of it.
    pub path: Path,
    /// Greatest first.
    pub descending: bool,
}

impl Query {
    /// All that match, by id.
    pub fn of(collection: CollectionName, filter: Filter) -> Self {
        let (sort, offset, limit, after, index) = (Vec::new(), 0, None, None, IndexUse::Any);
        Self { collection, filter, sort, offset, limit, after, index, granted: None }
    }

    /// The same of these documents alone.
    pub fn granted_to(self, granted: Option<Arc<IdRules>>) -> Self {
        Self { granted, ..self }
    }
}

/// What somebody grants to a read.
pub trait Work {
    /// Why it ends.
    type Error: From<SnapshotError> + From<TooExpensive> + From<SortTooLarge>;

    /// Is asked before each document that is looked at, with its canonical id; of what an index
    /// alone counts, now and then.
    ///
    /// # Errors
    /// Any: the read ends with it.
    fn check(&mut self, id_json: &str) -> Result<(), Self::Error>;

    /// Is told how many bytes are kept in memory until the read ends, as they become more.
    ///
    /// # Errors
    /// Any: the read ends with it.
    fn keeps(&mut self, bytes: usize) -> Result<(), Self::Error> {
        let _ = bytes;
        Ok(())
    }

    /// What evaluating the query may take.
    fn budget(&mut self) -> &mut Budget;
}
