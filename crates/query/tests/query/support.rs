//! Documents, arguments and filters from text.

use document::{DocumentId, Map, Value};
use query::{Budget, Filter, Query};

#[track_caller]
pub(crate) fn check(query: &str, document: &str, expect: bool) {
    check_with_args(query, "{}", document, expect);
}

#[track_caller]
pub(crate) fn check_with_args(query: &str, args: &str, document: &str, expect: bool) {
    let (id, fields) = document_of(document);
    let parsed = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let filter = parsed.bind(&map(args)).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(holds(&filter, &id, &fields), expect, "{query} on {document}");
    let printed = Query::parse(&parsed.to_string()).unwrap_or_else(|error| panic!("{parsed}: {error}"));
    assert_eq!(printed, parsed, "{query} is printed as {parsed}");
    if let Some(ids) = filter.ids() {
        assert!(!expect || ids.contains(&id), "{query} matches {document}, but has the ids {ids:?}");
    }
}

pub(crate) fn holds(filter: &Filter, id: &DocumentId, fields: &Map) -> bool {
    filter.matches(id, fields, &mut Budget::of_a_document()).unwrap()
}

/// The fields without `_id`, and that; `"x"` where there is none.
pub(crate) fn document_of(json: &str) -> (DocumentId, Map) {
    let mut fields = map(json);
    let id = fields.remove("_id").unwrap_or(Value::String("x".into()));
    (DocumentId::from_value(&id).unwrap(), fields)
}

pub(crate) fn filter(query: &str) -> Filter {
    Query::parse(query).unwrap().bind(&Map::new()).unwrap()
}

pub(crate) fn map(json: &str) -> Map {
    match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("{other:?} is no object"),
    }
}
