//! EXPLAIN: the steps of a plan, as a value.
//!
//! `{"#operator":"sequence","children":[…]}`: the first child reads, each other one takes what the
//! one before it gives.

use std::sync::Arc;

use document::{CollectionName, Map, Value};
use find::Operator;
use query::{
    IdRules,
    dql::{Bound, Conflict, ConflictPolicy, Documents, Insert, Select},
};
use store::{Snapshot, SnapshotError};

use crate::{
    ExecuteError, SystemCollection,
    selecting::{SelectPlan, Way},
};

/// What a bound statement would do, for somebody to whom these documents are `granted` (`None`: all).
///
/// # Errors
/// Where its collection is none, or indexes cannot be read.
pub fn explain<E>(snapshot: &Snapshot, bound: &Bound, granted: Option<&Arc<IdRules>>) -> Result<Value, E>
where
    E: From<SnapshotError> + From<ExecuteError>,
{
    let ids = |selection: &Select| -> Result<SelectPlan, E> {
        Ok(SelectPlan::of_ids(snapshot, selection, collection_of(selection)?, granted.cloned())?)
    };
    let of_documents = |select: &Select| -> Result<Option<SelectPlan>, E> {
        match SystemCollection::named(select.collection())? {
            Some(_) => Ok(None),
            None => Ok(Some(SelectPlan::of(snapshot, select, collection_of(select)?, granted.cloned())?)),
        }
    };
    Ok(match bound {
        Bound::Select(select) => match of_documents(select)? {
            Some(plan) => explain_select(&plan, select),
            None => sequence(system_steps(select)),
        },
        Bound::Insert(insert) => match &insert.documents {
            Documents::Given(_) => explain_insert(insert, None),
            Documents::Select(select) => explain_insert(insert, of_documents(select)?.as_ref()),
        },
        Bound::Update(update) => {
            let selection = update.selection();
            explain_change("update", &ids(selection)?, selection, update.returning().is_some())
        }
        Bound::Delete(delete) => {
            let selection = &delete.selection;
            explain_change("delete", &ids(selection)?, selection, delete.returning.is_some())
        }
        Bound::CreateIndex(_) => explain_step("createIndex"),
        Bound::DropIndex(_) => explain_step("dropIndex"),
        Bound::Show(_) => explain_step("show"),
        Bound::Explain(inner) => explain::<E>(snapshot, inner, granted)?,
    })
}

/// What a SELECT does by this plan.
pub fn explain_select(plan: &SelectPlan, select: &Select) -> Value {
    sequence(steps(plan, select))
}

/// How the documents of a query are found, in the same form: for queries that are no statements.
pub fn explain_find(plan: &find::Plan, query: &find::Query) -> Value {
    sequence(plan.operators(query).into_iter().map(|step| found(step, query)).collect())
}

/// The collection of documents that it names.
fn collection_of(select: &Select) -> Result<CollectionName, ExecuteError> {
    Ok(CollectionName::new(select.collection())?)
}

/// `source` is the plan of its SELECT, where that is of documents.
fn explain_insert(insert: &Insert, source: Option<&SelectPlan>) -> Value {
    let conflict = match insert.conflict {
        Conflict::Initial => "initial",
        Conflict::Policy(ConflictPolicy::Fail) => "fail",
        Conflict::Policy(ConflictPolicy::Nothing) => "nothing",
        Conflict::Policy(ConflictPolicy::Update) => "update",
        Conflict::Policy(ConflictPolicy::UpdateLocalDiff) => "update_local_diff",
    };
    let mut more = vec![("conflict", text(conflict)), ("collection", text(&insert.collection))];
    let mut children = match (&insert.documents, source) {
        (Documents::Given(documents), _) => {
            more.push(("documents", number(documents.len())));
            Vec::new()
        }
        (Documents::Select(select), Some(plan)) => steps(plan, select),
        (Documents::Select(select), None) => system_steps(select),
    };
    children.push(operator("insert", more));
    sequence(with_returning(children, insert.returning.is_some()))
}

/// What is no more than one step of this name.
fn explain_step(name: &str) -> Value {
    sequence(vec![operator(name, Vec::new())])
}

fn explain_change(name: &str, plan: &SelectPlan, selection: &Select, returns: bool) -> Value {
    let mut children = steps(plan, selection);
    children.pop(); // of the selection only ids are wanted
    children.push(operator(name, vec![("collection", text(selection.collection()))]));
    sequence(with_returning(children, returns))
}

fn with_returning(mut children: Vec<Value>, returns: bool) -> Vec<Value> {
    if returns {
        children.push(operator("projection", Vec::new()));
    }
    children
}

fn sequence(children: Vec<Value>) -> Value {
    let sequence = operator("sequence", vec![("children", Value::Array(children))]);
    Value::Map(Map::from_fields(vec![("plan".to_owned(), sequence)]))
}

/// The last is the projection.
fn steps(plan: &SelectPlan, select: &Select) -> Vec<Value> {
    let mut children: Vec<Value> =
        plan.plan.operators(&plan.query).into_iter().map(|step| found(step, &plan.query)).collect();
    match &plan.way {
        Way::Count { is_shown: false, .. } => {
            children.clear();
            children.push(limit(select.offset(), select.limit()));
        }
        Way::Count { .. } => {
            let counts_itself = matches!(plan.plan.operators(&plan.query).as_slice(), [Operator::CountScan]);
            if !counts_itself {
                children.push(operator("count", Vec::new()));
            }
        }
        Way::Documents | Way::Ids | Way::IdsInAnyOrder | Way::Rows { paged: true } => {}
        Way::Rows { paged: false } => children.extend(gathering(select)),
    }
    children.push(operator("projection", Vec::new()));
    children
}

fn system_steps(select: &Select) -> Vec<Value> {
    let mut children = vec![operator("scan", vec![("collection", text(select.collection()))])];
    if !select.filter().is_always() {
        children.push(operator("filter", Vec::new()));
    }
    children.extend(gathering(select));
    children.push(operator("projection", Vec::new()));
    children
}

/// What is done with rows after documents were found in any order.
fn gathering(select: &Select) -> Vec<Value> {
    let mut children = Vec::new();
    if select.is_grouped() {
        children.push(operator("group", Vec::new()));
    }
    if select.is_distinct() {
        children.push(operator("distinct", Vec::new()));
    }
    if select.is_ordered() {
        children.push(operator("sort", Vec::new()));
    }
    if select.offset() > 0 || select.limit().is_some() {
        children.push(limit(select.offset(), select.limit()));
    }
    children
}

fn found(step: Operator, query: &find::Query) -> Value {
    match step {
        Operator::IdScan { ids } => operator("idScan", ids.map(|ids| ("ids", number(ids))).into_iter().collect()),
        Operator::IndexScan { index, path, spans, is_exact, is_in_order, backwards, covering, .. } => {
            let paths = path.iter().map(|path| text(path)).collect();
            let facts = vec![
                ("index", text(&index)),
                ("keys", Value::Array(paths)),
                ("spans", text(&spans)),
                ("exact", Value::Bool(is_exact)),
                ("ordered", Value::Bool(is_in_order)),
                ("backwards", Value::Bool(backwards)),
                ("covering", Value::Bool(covering)),
            ];
            operator("indexScan", facts)
        }
        Operator::UnionScan { parts } => operator("unionScan", vec![("parts", number(parts))]),
        Operator::CountScan => operator("countScan", collection(query)),
        Operator::Scan => operator("scan", collection(query)),
        Operator::Fetch => operator("fetch", Vec::new()),
        Operator::Permission => operator("permission", Vec::new()),
        Operator::Filter => operator("filter", Vec::new()),
        Operator::Sort { path } => {
            operator("sort", vec![("keys", Value::Array(path.iter().map(|path| text(path)).collect()))])
        }
        Operator::Limit { offset, limit: most } => limit(offset, most),
    }
}

fn collection(query: &find::Query) -> Vec<(&'static str, Value)> {
    vec![("collection", text(query.collection.as_str()))]
}

fn limit(offset: usize, most: Option<usize>) -> Value {
    let mut facts = vec![("offset", number(offset))];
    facts.extend(most.map(|most| ("limit", number(most))));
    operator("limit", facts)
}

fn operator(name: &str, facts: Vec<(&str, Value)>) -> Value {
    let mut fields: Vec<_> = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    fields.push(("#operator".to_owned(), text(name)));
    Value::Map(Map::from_fields(fields))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// As JSON and values have it: an unsigned number only where a signed one does not hold it.
pub(crate) fn number(number: usize) -> Value {
    i64::try_from(number).map_or(Value::Uint(number as u64), Value::Int)
}
