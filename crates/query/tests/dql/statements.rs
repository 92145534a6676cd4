//! What the tests of statements share: binding them, and running a SELECT over documents in memory.

use document::{DocumentId, Map, Value};
use query::Budget;
use query::dql::{Bound, Constants, Delete, Insert, Row, RowsError, Select, Shape, Statement, Update, compare};

/// Documents in the order of their ids, without `_id` in their fields.
pub(crate) type Documents = Vec<(DocumentId, Map)>;

pub(crate) fn object(json: &str) -> Map {
    match Value::from_json(json.as_bytes()) {
        Ok(Value::Map(map)) => map,
        other => panic!("{json}: {other:?}"),
    }
}

/// Each with its `_id`.
pub(crate) fn documents(jsons: &[&str]) -> Documents {
    let document = |json: &&str| {
        let mut fields = object(json);
        let id = fields.remove("_id").expect("a document of a test has an id");
        (DocumentId::from_value(&id).unwrap(), fields)
    };
    jsons.iter().map(document).collect()
}

fn constants(strict: bool) -> Constants {
    Constants { now_ms: 1_700_000_000_000, strict, request_info: Map::new(), zone_offset: None }
}

fn bind(text: &str, args: &str, strict: bool) -> Result<Bound, String> {
    let statement = Statement::parse(text).map_err(|problem| problem.to_string())?;
    statement.bind(&object(args), &constants(strict)).map_err(|problem| problem.to_string())
}

pub(crate) fn select(text: &str, args: &str) -> Result<Select, String> {
    match bind(text, args, false)? {
        Bound::Select(select) => Ok(select),
        other => panic!("{text}: {other:?}"),
    }
}

pub(crate) fn insert(text: &str, args: &str, strict: bool) -> Result<Insert, String> {
    match bind(text, args, strict)? {
        Bound::Insert(insert) => Ok(insert),
        other => panic!("{text}: {other:?}"),
    }
}

pub(crate) fn update(text: &str, args: &str, strict: bool) -> Result<Update, String> {
    match bind(text, args, strict)? {
        Bound::Update(update) => Ok(update),
        other => panic!("{text}: {other:?}"),
    }
}

pub(crate) fn delete(text: &str, args: &str) -> Result<Delete, String> {
    match bind(text, args, false)? {
        Bound::Delete(delete) => Ok(delete),
        other => panic!("{text}: {other:?}"),
    }
}

pub(crate) fn json(row: &Row) -> String {
    let mut out = Vec::new();
    row.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

/// The rows of a SELECT. They are the same where documents come in its order, and where they have
/// no more fields than it says it needs.
pub(crate) fn run(select: &Select, documents: &Documents) -> Vec<String> {
    let found = matching(select, documents);
    let rows = rows_of(select, &found, false, usize::MAX).unwrap();
    if let Some(sort) = select.sort() {
        let page = page_of(select, found, &sort);
        assert_eq!(rows_of(select, &page, true, usize::MAX).unwrap(), rows, "paged");
    }
    if let Shape::Count(name) = select.shape() {
        let count = format!("{{\"{name}\":{}}}", matching(select, documents).len());
        assert!(rows.iter().all(|row| *row == count), "{rows:?}");
    }
    rows
}

pub(crate) fn matching(select: &Select, documents: &Documents) -> Documents {
    let matches = |(id, fields): &&(DocumentId, Map)| {
        let is_named = select.filter().ids().is_none_or(|ids| ids.contains(id));
        let matches = select.filter().matches(id, fields, &mut Budget::of_a_document()).unwrap();
        assert!(is_named || !matches, "{id:?} matches, but is none of the ids");
        matches
    };
    documents.iter().filter(matches).cloned().collect()
}

/// Only the fields that `select` needs, in its order, cut.
fn page_of(select: &Select, mut found: Documents, sort: &[(document::Path, bool)]) -> Documents {
    let with_id = |(id, fields): &(DocumentId, Map)| {
        let mut fields = fields.clone();
        fields.insert("_id".to_owned(), id.to_value());
        fields
    };
    found.sort_by(|a, b| {
        let (a, b) = (with_id(a), with_id(b));
        let by_path = |(path, descending): &(document::Path, bool)| {
            let ordering = compare(path.lookup(&a), path.lookup(&b));
            if *descending { ordering.reverse() } else { ordering }
        };
        sort.iter().map(by_path).find(|ordering| ordering.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
    });
    let needed = |fields: Map| match select.field_names() {
        None => fields,
        Some(names) => {
            let fields = fields.into_fields().into_iter();
            Map::from_fields(fields.filter(|(name, _)| names.contains(&name.as_str())).collect())
        }
    };
    let page = found.into_iter().skip(select.offset()).take(select.limit().unwrap_or(usize::MAX));
    page.map(|(id, fields)| (id, needed(fields))).collect()
}

/// Keeping at most `bytes_max`.
pub(crate) fn rows_of(
    select: &Select,
    documents: &Documents,
    paged: bool,
    bytes_max: usize,
) -> Result<Vec<String>, RowsError> {
    let mut budget = Budget::new(1 << 40);
    let (mut rows, mut out) = (select.rows(paged).within_bytes(bytes_max), Vec::new());
    for (id, fields) in documents {
        if !rows.push(id, fields, &mut budget, &mut out)? {
            break;
        }
    }
    out.extend(rows.finish(&mut budget)?);
    Ok(out.iter().map(json).collect())
}
