//! SELECT: planned on a snapshot, and run.
//!
//! Invariants: what the plan says is what is done; rows go straight into the caller's buffer, as
//! JSON, a comma between two.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use document::{CollectionName, DocumentId, Map, Path, PathSegment, write_json_string};
use find::{Found, IndexUse, Query, SortKey, limits::SORT_DOCUMENTS_MAX};
use query::{
    IdRules,
    dql::{Row, Select, Shape},
};
use store::{Snapshot, SnapshotError};

use crate::{Work, system::count_value};

/// How a SELECT is answered.
#[derive(Debug)]
pub struct SelectPlan {
    pub(crate) query: Query,
    pub(crate) plan: find::Plan,
    pub(crate) way: Way,
}

/// What is done with the documents that are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// They are counted.
    Count {
        /// What the number is called.
        name: String,
        /// Whether LIMIT and OFFSET leave its row.
        is_shown: bool,
    },
    /// They are copied as they are stored.
    Documents,
    /// Their ids make rows, in the order of [`Way::Rows`] that are paged; no document is read where
    /// an index tells them.
    Ids,
    /// Their ids are wanted, in any order.
    IdsInAnyOrder,
    /// Each makes a row.
    Rows {
        /// They are found in the order of the rows, without those that LIMIT and OFFSET leave out.
        paged: bool,
    },
}

/// The documents of a system collection.
pub type SystemDocuments = Vec<(DocumentId, Map)>;

impl SelectPlan {
    /// The plan for documents of `collection`, which is the one that `select` names; of those that are `granted` alone
    /// (`None`: all are).
    ///
    /// # Errors
    /// Where indexes cannot be read.
    pub fn of(
        snapshot: &Snapshot,
        select: &Select,
        collection: CollectionName,
        granted: Option<Arc<IdRules>>,
    ) -> Result<Self, SnapshotError> {
        let mut query = query_of(select, collection).granted_to(granted);
        if let Shape::Count(name) = select.shape() {
            let is_shown = select.offset() == 0 && select.limit() != Some(0);
            let plan = find::plan_count(snapshot, &query)?;
            return Ok(Self { query, plan, way: Way::Count { name, is_shown } });
        }
        let Some(keys) = select.sort() else {
            return Ok(Self { plan: find::plan(snapshot, &query)?, query, way: Way::Rows { paged: false } });
        };
        query.sort = keys.into_iter().map(sort_key).collect();
        query.offset = select.offset();
        query.limit = select.limit();
        let way = match select.shape() {
            Shape::Documents => Way::Documents,
            _ if select.needs_ids_only() => Way::Ids,
            _ => Way::Rows { paged: true },
        };
        let plan = match way {
            Way::Ids => find::plan_documents_ids(snapshot, &query)?,
            _ => find::plan(snapshot, &query)?,
        };
        if plan.is_in_order() || !sorts_too_many(snapshot, &query)? {
            return Ok(Self { query, plan, way });
        }
        // The rows are sorted instead, within what they may take.
        let query = Query { sort: Vec::new(), offset: 0, limit: None, ..query };
        Ok(Self { plan: find::plan(snapshot, &query)?, query, way: Way::Rows { paged: false } })
    }

    /// The plan for the ids alone of what `selection` means, as an UPDATE or DELETE needs them.
    ///
    /// # Errors
    /// As [`SelectPlan::of`].
    pub fn of_ids(
        snapshot: &Snapshot,
        selection: &Select,
        collection: CollectionName,
        granted: Option<Arc<IdRules>>,
    ) -> Result<Self, SnapshotError> {
        let takes_all = selection.limit().is_none() && selection.offset() == 0;
        if !takes_all {
            return Self::of(snapshot, selection, collection, granted);
        }
        let query = query_of(selection, collection).granted_to(granted);
        let plan = find::plan_ids(snapshot, &query)?;
        Ok(Self { query, plan, way: Way::IdsInAnyOrder })
    }

    /// As [`SelectPlan::of`], for who takes no more than the first `rows_max` rows: where documents
    /// come in the order of the rows, no more are asked for.
    ///
    /// # Errors
    /// As [`SelectPlan::of`].
    pub fn of_first(
        snapshot: &Snapshot,
        select: &Select,
        collection: CollectionName,
        rows_max: usize,
    ) -> Result<Self, SnapshotError> {
        let mut plan = Self::of(snapshot, select, collection, None)?;
        if plan.is_paged() {
            plan.query.limit = Some(plan.query.limit.map_or(rows_max, |limit| limit.min(rows_max)));
            plan.plan = match plan.way {
                Way::Ids => find::plan_documents_ids(snapshot, &plan.query)?,
                _ => find::plan(snapshot, &plan.query)?,
            };
        }
        Ok(plan)
    }

    /// The plan without an index, where rows are in the order of ids and each comes as soon as its
    /// document is looked at. `None` where they are gathered or sorted.
    pub fn in_place(&self) -> Option<Self> {
        let Self { query, way, .. } = self;
        let is_by_id = self.is_paged() && query.sort.is_empty();
        is_by_id.then(|| Self { query: query.clone(), plan: find::plan_in_place(query), way: way.clone() })
    }

    /// Whether each row comes as soon as its documents are looked at, so that the rows of a read
    /// that was broken off are the first of all. Otherwise nothing is known until all was read.
    pub fn is_gradual(&self, select: &Select) -> bool {
        match self.way {
            Way::Count { .. } => false,
            Way::Rows { paged: false } => self.plan.is_in_order() && !select.is_grouped() && !select.is_ordered(),
            _ => self.plan.is_in_order(),
        }
    }

    fn is_paged(&self) -> bool {
        matches!(self.way, Way::Documents | Way::Ids | Way::Rows { paged: true })
    }

    /// Whether it looks at a handful of documents.
    pub fn is_small(&self) -> bool {
        self.plan.is_small()
    }

    /// Appends the rows to `out`. How many there are.
    ///
    /// # Errors
    /// What `work` says, and what comes of the documents and the statement.
    pub fn run<W: Work>(
        &self,
        snapshot: &Snapshot,
        select: &Select,
        work: &mut W,
        out: &mut Vec<u8>,
    ) -> Result<usize, W::Error> {
        let mut list = List { out, rows: 0 };
        match &self.way {
            Way::Count { is_shown: false, .. } => {}
            Way::Count { name, .. } => {
                let count = find::count(snapshot, &self.plan, &self.query, work)?;
                list.push(|out| write_count(name, count, out));
            }
            Way::Documents => {
                find::documents(snapshot, &self.plan, &self.query, work, |found, work| {
                    list.try_push(|out| write_found(&found, out))?;
                    work.make_room(list.out.len())?;
                    Ok(true)
                })?;
            }
            Way::Ids | Way::IdsInAnyOrder | Way::Rows { .. } => {
                self.each_row(snapshot, select, work, |row, work| {
                    list.push(|out| row.write_json(out));
                    work.make_room(list.out.len())
                })?
            }
        }
        Ok(list.rows)
    }

    /// Gives each row to `take`.
    ///
    /// # Errors
    /// As [`SelectPlan::run`], and what `take` says.
    pub fn each_row<W: Work>(
        &self,
        snapshot: &Snapshot,
        select: &Select,
        work: &mut W,
        mut take: impl FnMut(Row, &mut W) -> Result<(), W::Error>,
    ) -> Result<(), W::Error> {
        if let Way::Count { name, is_shown } = &self.way {
            if !is_shown {
                return Ok(());
            }
            let count = find::count(snapshot, &self.plan, &self.query, work)?;
            return take(Row { fields: vec![(name.clone(), count_value(count))] }, work);
        }
        let mut rows = select.rows(!matches!(self.way, Way::Rows { paged: false }));
        let mut finished = Vec::new();
        let mut push = |id: &DocumentId, fields: &Map, work: &mut W| {
            let goes_on = rows.push(id, fields, work.budget(), &mut finished)?;
            work.keeps(rows.kept_bytes())?;
            finished.drain(..).try_for_each(|row| take(row, work))?;
            Ok(goes_on)
        };
        let (plan, query) = (&self.plan, &self.query);
        match self.way {
            Way::Ids => find::documents_ids(snapshot, plan, query, work, |id, work| push(&id, &Map::new(), work))?,
            _ => {
                let names = self.field_names(select);
                let names: Option<Vec<&str>> = names.as_ref().map(|names| names.iter().map(AsRef::as_ref).collect());
                find::rows(snapshot, plan, query, names.as_deref(), work, push)?;
            }
        }
        let mut last = rows.finish(work.budget())?.into_iter();
        last.try_for_each(|row| take(row, work))
    }
}

impl SelectPlan {
    /// The names of the fields that rows need, sorted; `None`: all. Where documents do not come in
    /// the order that they could be paged in, rows need what that order names too.
    fn field_names<'s>(&self, select: &'s Select) -> Option<Vec<Cow<'s, str>>> {
        let mut names: BTreeSet<Cow<'s, str>> = select.field_names()?.into_iter().map(Cow::Borrowed).collect();
        if self.way == (Way::Rows { paged: false }) {
            let firsts = select.sort().into_iter().flatten().filter_map(|(path, _)| path.segments.into_iter().next());
            names.extend(firsts.filter_map(|first| match first {
                PathSegment::Field(name) if name != "_id" => Some(Cow::Owned(name)),
                _ => None,
            }));
        }
        Some(names.into_iter().collect())
    }
}

/// As [`SelectPlan::run`], of a system collection's documents.
///
/// # Errors
/// What `work` says, and what comes of the statement.
pub fn run_on_system<W: Work>(
    documents: &SystemDocuments,
    select: &Select,
    work: &mut W,
    out: &mut Vec<u8>,
) -> Result<usize, W::Error> {
    let mut list = List { out, rows: 0 };
    each_row_of_system(documents, select, work, |row, work| {
        list.push(|out| row.write_json(out));
        work.make_room(list.out.len())
    })?;
    Ok(list.rows)
}

/// Gives each row that a SELECT makes of a system collection's documents to `take`.
///
/// # Errors
/// As [`run_on_system`], and what `take` says.
pub fn each_row_of_system<W: Work>(
    documents: &SystemDocuments,
    select: &Select,
    work: &mut W,
    mut take: impl FnMut(Row, &mut W) -> Result<(), W::Error>,
) -> Result<(), W::Error> {
    let mut rows = select.rows(false);
    let mut finished = Vec::new();
    for (id, fields) in documents {
        work.check(id.as_json())?;
        if !select.filter().matches(id, fields, work.budget())? {
            continue;
        }
        let goes_on = rows.push(id, fields, work.budget(), &mut finished)?;
        finished.drain(..).try_for_each(|row| take(row, work))?;
        if !goes_on {
            break;
        }
    }
    let mut last = rows.finish(work.budget())?.into_iter();
    last.try_for_each(|row| take(row, work))
}

/// Whether more documents may have to be sorted than `find` sorts. How many there are decides nothing for who may not
/// see them all.
fn sorts_too_many(snapshot: &Snapshot, query: &Query) -> Result<bool, SnapshotError> {
    let wanted = query.limit.map_or(usize::MAX, |limit| limit.saturating_add(query.offset));
    let most = SORT_DOCUMENTS_MAX as u64; // it is a constant of six digits
    Ok(wanted > SORT_DOCUMENTS_MAX && (query.granted.is_some() || snapshot.documents_in(&query.collection)? > most))
}

fn query_of(select: &Select, collection: CollectionName) -> Query {
    let index = match select.use_index() {
        None => IndexUse::Any,
        Some("") => IndexUse::None,
        Some(name) => IndexUse::Named(name.to_owned()),
    };
    Query { index, ..Query::of(collection, select.filter().clone()) }
}

fn sort_key((path, descending): (Path, bool)) -> SortKey {
    SortKey { path, descending }
}

/// Rows as JSON, a comma between two.
struct List<'o> {
    out: &'o mut Vec<u8>,
    rows: usize,
}

impl List<'_> {
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.begin();
        write(self.out);
    }

    fn try_push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        self.begin();
        write(self.out)
    }

    fn begin(&mut self) {
        if self.rows > 0 {
            self.out.push(b',');
        }
        self.rows += 1;
    }
}

/// `{"_id":…` and its fields, as they are stored.
fn write_found(found: &Found, out: &mut Vec<u8>) -> Result<(), SnapshotError> {
    out.extend_from_slice(br#"{"_id":"#);
    out.extend_from_slice(found.id.as_json().as_bytes());
    let fields_at = out.len();
    let exists = found.stored.write_json(out)?;
    assert!(exists, "what is found is there");
    if out[fields_at..] == *b"{}" {
        out.remove(fields_at);
    } else {
        out[fields_at] = b',';
    }
    Ok(())
}

fn write_count(name: &str, count: u64, out: &mut Vec<u8>) {
    out.push(b'{');
    write_json_string(name, out);
    out.extend_from_slice(format!(":{count}}}").as_bytes());
}
