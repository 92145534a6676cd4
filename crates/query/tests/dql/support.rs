//! What the tables of this folder are checked with.

use document::{DocumentId, Map, Value};
use query::dql::{self, ConditionError};
use query::{Budget, Filter};

/// A document's fields, from JSON.
pub(crate) fn fields(json: &str) -> Map {
    match Value::from_json(json.as_bytes()) {
        Ok(Value::Map(map)) => map,
        other => panic!("{json}: {other:?}"),
    }
}

pub(crate) fn filter(condition: &str) -> Filter {
    dql::condition(condition).unwrap_or_else(|error| panic!("{condition}: {error}"))
}

pub(crate) fn id(json: &str) -> DocumentId {
    let value = Value::from_json(json.as_bytes()).expect("an id is JSON");
    DocumentId::from_value(&value).expect("an id's kind")
}

pub(crate) fn holds_with(condition: &str, id: &DocumentId, fields: &Map) -> bool {
    filter(condition).matches(id, fields, &mut Budget::of_a_document()).expect("it costs little")
}

/// Whether it holds of a document with these fields.
pub(crate) fn holds(condition: &str, fields: &Map) -> bool {
    holds_with(condition, &id("\"x\""), fields)
}

/// Checks what an expression comes to on a document: its JSON, or `MISSING`.
#[track_caller]
pub(crate) fn check_on(document: &str, expression: &str, expected: &str) {
    let fields = fields(document);
    let is_expected = match expected {
        "MISSING" => holds(&format!("({expression}) IS MISSING"), &fields),
        json => holds(&format!("serialize_json({expression}) = {}", quoted(json)), &fields),
    };
    assert!(is_expected, "{expression} is not {expected} but {}", found(expression, &fields));
}

/// The same without a document.
#[track_caller]
pub(crate) fn check(expression: &str, expected: &str) {
    check_on("{}", expression, expected);
}

/// What it comes to, by asking for one character after the other.
fn found(expression: &str, fields: &Map) -> String {
    if holds(&format!("({expression}) IS MISSING"), fields) {
        return "MISSING".to_owned();
    }
    let mut json = String::new();
    let is_so_far = |text: &str| holds(&format!("starts_with(serialize_json({expression}), {})", quoted(text)), fields);
    while let Some(next) = (' '..='~').find(|next| is_so_far(&format!("{json}{next}"))) {
        json.push(next);
    }
    json
}

fn quoted(text: &str) -> String {
    let mut json = Vec::new();
    document::write_json_string(text, &mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// The error of a condition that is none.
#[track_caller]
pub(crate) fn check_error(condition: &str, expected: &str) {
    match dql::condition(condition) {
        Ok(_) => panic!("{condition} is a condition"),
        Err(ConditionError::Bind(error)) => assert_eq!(error.message, expected),
        Err(ConditionError::Syntax(error)) => assert_eq!(error.message, expected),
    }
}
