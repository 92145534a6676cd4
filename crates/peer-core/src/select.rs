//! SELECTs: of documents, and of what a peer says of itself (`system:collections`, `system:pending`).
//!
//! Invariant: one SELECT sees one snapshot. Not here: statements that write (`peer::execute`).

use std::collections::BTreeSet;
use std::ops::Bound::{Included, Unbounded};

use document::{DocumentId, Map, Value};
use query::Budget;
use query::dql::{Bound, Constants, Row, Select, Statement};

use crate::reading::Reading;
use crate::spaces::{PENDING, SYNCED, VIEW, collection_prefix, split_document_key, split_numbered};
use crate::{Now, PeerError, QueryError, limits};

pub(crate) fn bind(text: &str, args: &Map, now: Now, strict: bool) -> Result<Bound, QueryError> {
    let constants = Constants { now_ms: now.wall_ms, strict, request_info: Map::new(), zone_offset: None };
    Ok(Statement::parse(text)?.bind(args, &constants)?)
}

/// Whether a statement begins as one that reads only; what else it is, is seen when it is run.
pub fn is_select(statement: &str) -> bool {
    let word = statement.split_whitespace().next().unwrap_or_default();
    word.eq_ignore_ascii_case("SELECT")
}

/// The rows of any SELECT.
pub(crate) fn rows_of(reading: &Reading<'_>, select: &Select) -> Result<Vec<Row>, QueryError> {
    match select.collection().strip_prefix("system:") {
        None => selected(reading, select),
        Some("collections") => system_rows(select, collections(reading)?),
        Some("pending") => system_rows(select, pending(reading)?),
        Some(_) => Err(QueryError::NoSystemCollection { name: select.collection().to_owned() }),
    }
}

/// The rows of a SELECT of documents.
pub(crate) fn selected(reading: &Reading<'_>, select: &Select) -> Result<Vec<Row>, QueryError> {
    let mut rows = select.rows(false);
    let mut finished = Vec::new();
    let budget = &mut Budget::new(limits::QUERY_STEPS_MAX);
    reading.matching(select.collection(), select.filter(), budget, &mut |id, fields, budget| {
        Ok(rows.push(id, fields, budget, &mut finished)?)
    })?;
    finished.extend(rows.finish(budget)?);
    Ok(finished)
}

fn system_rows(select: &Select, documents: Vec<(DocumentId, Map)>) -> Result<Vec<Row>, QueryError> {
    let mut rows = select.rows(false);
    let mut finished = Vec::new();
    let budget = &mut Budget::new(limits::QUERY_STEPS_MAX);
    for (id, fields) in &documents {
        if select.filter().matches(id, fields, budget)? && !rows.push(id, fields, budget, &mut finished)? {
            break;
        }
    }
    finished.extend(rows.finish(budget)?);
    Ok(finished)
}

/// The collections that have documents here.
fn collections(reading: &Reading<'_>) -> Result<Vec<(DocumentId, Map)>, PeerError> {
    let mut names = BTreeSet::new();
    for space in [SYNCED, VIEW] {
        let mut from = Unbounded;
        while let Some(entry) = reading.snapshot.range(space, (from, Unbounded)).next() {
            let (collection, _) = split_document_key(&entry?.0)?;
            let mut behind = collection_prefix(collection.as_str());
            behind.pop();
            behind.push(1); // no name has a control character
            from = Included(behind);
            names.insert(collection.as_str().to_owned());
        }
    }
    let row = |name: String| {
        let value = Value::String(name);
        let id = DocumentId::from_value(&value).expect("a name is an id");
        (id, Map::from_fields(vec![("name".to_owned(), value)]))
    };
    Ok(names.into_iter().map(row).collect())
}

/// The transactions without a verdict, and how large they are.
fn pending(reading: &Reading<'_>) -> Result<Vec<(DocumentId, Map)>, PeerError> {
    let number = |number: u64| i64::try_from(number).map_or(Value::Uint(number), Value::Int);
    let rows = reading.snapshot.prefix(PENDING, &[]).map(|entry| {
        let (key, record) = entry?;
        let (seq, _) = split_numbered(&key)?;
        let id = DocumentId::from_value(&number(seq)).expect("a number is an id");
        Ok((id, Map::from_fields(vec![("bytes".to_owned(), number(record.len() as u64))])))
    });
    rows.collect()
}
