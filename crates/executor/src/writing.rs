//! INSERT, UPDATE and DELETE: which documents, and the transaction that writes them.
//!
//! Which documents an UPDATE or DELETE means is seen on a snapshot; whether each still matches is
//! decided again when it is applied, on what other writers left. What can be missed is only a
//! document that another request makes match between the snapshot and the commit.
//!
//! Invariant: one operation a document, in the order in which ids are answered.

use std::{collections::HashSet, sync::Arc};

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, DocumentId, Map, Operation, Origin, Stamp,
};
use query::{
    Filter,
    dql::{Conflict, ConflictPolicy, Constants, Delete, Insert, NewDocument, Row, Select, Update},
};
use store::{Snapshot, Write};

use crate::{
    ExecuteError, SystemDocuments, Work,
    limits::{DOCUMENTS_MAX, WRITE_BYTES_MAX},
    selecting::{SelectPlan, Way, each_row_of_system},
};

/// A transaction, and what is known of it before it is applied.
#[derive(Debug)]
pub struct PlannedWrite {
    /// To be committed; nothing is returned unless its maker says so.
    pub write: Write,
    /// What its operations weigh, in bytes.
    pub bytes: usize,
    /// What deciding it takes at most, in steps; `None` where that depends on the documents.
    pub steps_max: Option<u64>,
}

/// A statement as a changeset has it.
#[derive(Debug, Clone, Copy)]
pub struct StatementText<'s> {
    /// Its text.
    pub text: &'s str,
    /// Its arguments.
    pub args: &'s Map,
    /// What it was bound with.
    pub constants: &'s Constants,
}

/// Where a SELECT's documents are.
#[derive(Debug)]
pub enum Source<'s> {
    /// In a collection.
    Stored(&'s SelectPlan),
    /// In a system collection.
    System(&'s SystemDocuments),
}

impl PlannedWrite {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.write.changeset.operations.is_empty()
    }

    /// The documents' ids, in the order of the operations.
    pub fn ids(&self) -> impl Iterator<Item = &DocumentId> {
        self.write.changeset.operations.iter().map(|operation| &operation.id)
    }
}

/// The ids of the documents that an UPDATE's or DELETE's selection means, sorted.
///
/// # Errors
/// [`ExecuteError::TooLarge`], and as [`SelectPlan::run`].
pub fn selected_ids<W: Work>(
    snapshot: &Snapshot,
    plan: &SelectPlan,
    selection: &Select,
    work: &mut W,
) -> Result<Vec<DocumentId>, W::Error> {
    if plan.way == Way::IdsInAnyOrder {
        let ids = find::ids(snapshot, &plan.plan, &plan.query, work, DOCUMENTS_MAX + 1)?;
        return if ids.len() > DOCUMENTS_MAX { Err(ExecuteError::TooLarge.into()) } else { Ok(ids) };
    }
    let mut ids = Vec::new();
    plan.each_row(snapshot, selection, work, |row, _| {
        let id = row.fields.iter().find(|(name, _)| name == "_id").map(|(_, id)| DocumentId::from_value(id));
        ids.push(id.expect("a selection gives ids").expect("what is stored has an id"));
        if ids.len() > DOCUMENTS_MAX { Err(ExecuteError::TooLarge.into()) } else { Ok(()) }
    })?;
    ids.sort();
    Ok(ids)
}

/// The documents that the rows of an INSERT's SELECT make.
///
/// # Errors
/// [`ExecuteError::TooLarge`], [`ExecuteError::Row`], and as [`SelectPlan::run`].
pub fn documents_of_rows<W: Work>(
    snapshot: &Snapshot,
    insert: &Insert,
    select: &Select,
    source: Source<'_>,
    work: &mut W,
) -> Result<Vec<NewDocument>, W::Error> {
    let mut documents = Vec::new();
    let mut bytes = 0;
    let take = |row: Row, _: &mut W| {
        let document = insert.document_of_row(row.into_map()).map_err(ExecuteError::Row)?;
        bytes += document.value.memory_bytes();
        documents.push(document);
        let is_too_large = documents.len() > DOCUMENTS_MAX || bytes > WRITE_BYTES_MAX;
        if is_too_large { Err(ExecuteError::TooLarge.into()) } else { Ok(()) }
    };
    match source {
        Source::Stored(plan) => plan.each_row(snapshot, select, work, take)?,
        Source::System(system) => each_row_of_system(system, select, work, take)?,
    }
    Ok(documents)
}

/// The transaction of an INSERT of these documents; `generate` makes the ids of those that have
/// none.
///
/// # Errors
/// [`ExecuteError::TooLarge`], [`ExecuteError::SameId`].
pub fn insert(
    collection: &CollectionName,
    conflict: Conflict,
    documents: Vec<NewDocument>,
    mut generate: impl FnMut() -> DocumentId,
    origin: Origin,
) -> Result<PlannedWrite, ExecuteError> {
    let mut bytes = 0;
    let mut operations = Vec::with_capacity(documents.len());
    let mut known = HashSet::with_capacity(documents.len());
    for NewDocument { id, value, types } in documents {
        let id = id.unwrap_or_else(&mut generate);
        if !known.insert(id.clone()) {
            return Err(ExecuteError::SameId { id: id.as_json().to_owned() });
        }
        bytes += operation_bytes(collection, &id) + value.memory_bytes();
        let (condition, action) = match conflict {
            Conflict::Initial => (Condition::Unchanged { since: Stamp::ZERO }, Action::UpsertInitial { value, types }),
            Conflict::Policy(ConflictPolicy::Fail) => (Condition::Absent, Action::Upsert { value, types }),
            Conflict::Policy(ConflictPolicy::Nothing) => (Condition::Vacant, Action::Upsert { value, types }),
            Conflict::Policy(ConflictPolicy::Update) => (Condition::Always, Action::Upsert { value, types }),
            Conflict::Policy(ConflictPolicy::UpdateLocalDiff) => {
                (Condition::Always, Action::UpsertDifference { value, types })
            }
        };
        operations.push(Operation { collection: collection.clone(), id, condition, action });
    }
    planned(operations, Vec::new(), Vec::new(), None, bytes, Some(0), origin)
}

/// The transaction of an UPDATE of the documents with these ids.
///
/// # Errors
/// [`ExecuteError::TooLarge`].
pub fn update(
    collection: &CollectionName,
    update: &Update,
    ids: Vec<DocumentId>,
    text: StatementText<'_>,
    origin: Origin,
) -> Result<PlannedWrite, ExecuteError> {
    let filter = update.selection().filter();
    let action = Action::Computed { query: 0 };
    let steps_max = steps_of(filter, ids.len()).zip(update.steps_max()).map(|(known, each)| {
        known.saturating_add(each.saturating_mul(ids.len() as u64)) // a length fits into 64 bits
    });
    let bytes = text.bytes();
    let (operations, more) = each(collection, filter, ids, &action);
    let filters = vec![Arc::new(filter.clone())];
    planned(operations, vec![text.query()], filters, Some(update.clone()), bytes + more, steps_max, origin)
}

/// The transaction of a DELETE of the documents with these ids.
///
/// # Errors
/// [`ExecuteError::TooLarge`].
pub fn delete(
    collection: &CollectionName,
    delete: &Delete,
    ids: Vec<DocumentId>,
    text: StatementText<'_>,
    origin: Origin,
) -> Result<PlannedWrite, ExecuteError> {
    let filter = delete.selection.filter();
    let steps_max = steps_of(filter, ids.len());
    let (operations, mut bytes) = each(collection, filter, ids, &Action::Remove);
    let (mut queries, mut filters) = (Vec::new(), Vec::new());
    if !filter.is_id_only() {
        bytes += text.bytes();
        queries.push(text.query());
        filters.push(Arc::new(filter.clone()));
    }
    planned(operations, queries, filters, None, bytes, steps_max, origin)
}

/// Where nothing but the id decides, the documents that were selected match whatever happens
/// meanwhile.
fn each(
    collection: &CollectionName,
    filter: &Filter,
    ids: Vec<DocumentId>,
    action: &Action,
) -> (Vec<Operation>, usize) {
    let condition = if filter.is_id_only() { Condition::Exists } else { Condition::Matches { query: 0 } };
    let bytes = ids.iter().map(|id| operation_bytes(collection, id)).sum();
    let operation =
        |id| Operation { collection: collection.clone(), id, condition: condition.clone(), action: action.clone() };
    (ids.into_iter().map(operation).collect(), bytes)
}

/// What asking the filter about so many documents takes at most.
fn steps_of(filter: &Filter, documents: usize) -> Option<u64> {
    if filter.is_id_only() {
        return Some(0); // it is not asked again
    }
    filter.steps_max().map(|each| each.saturating_mul(documents as u64))
}

fn operation_bytes(collection: &CollectionName, id: &DocumentId) -> usize {
    size_of::<Operation>() + collection.as_str().len() + id.as_json().len()
}

fn planned(
    operations: Vec<Operation>,
    queries: Vec<ConditionQuery>,
    filters: Vec<Arc<Filter>>,
    update: Option<Update>,
    bytes: usize,
    steps_max: Option<u64>,
    origin: Origin,
) -> Result<PlannedWrite, ExecuteError> {
    if operations.len() > DOCUMENTS_MAX || bytes > WRITE_BYTES_MAX {
        return Err(ExecuteError::TooLarge);
    }
    let changeset = Changeset { operations, queries, origin };
    Ok(PlannedWrite { write: Write { filters, update, ..Write::from(changeset) }, bytes, steps_max })
}

impl StatementText<'_> {
    fn query(&self) -> ConditionQuery {
        let mut args = self.args.clone();
        self.constants.put_into(&mut args);
        ConditionQuery { dialect: Dialect::Dql, text: self.text.to_owned(), args }
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.args.memory_bytes()
    }
}
