//! The examples of docs/reference/dql.md: every expression with what it is, and every statement.

use std::collections::BTreeSet;

use document::{DocumentId, Map, Value};
use query::Budget;
use query::dql::{Bound, Constants, Rows, Select, Statement, functions};

const PAGE: &str = include_str!("../../../../docs/reference/dql.md");

/// 2024-02-29T10:11:12Z.
const NOW_MS: u64 = 1_709_201_472_000;

fn constants() -> Constants {
    Constants { now_ms: NOW_MS, strict: false, request_info: Map::new(), zone_offset: None }
}

fn select(text: &str) -> Select {
    let statement = Statement::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    match statement.bind(&Map::new(), &constants()) {
        Ok(Bound::Select(select)) => select,
        other => panic!("{text}: {other:?}"),
    }
}

/// What an expression is, of a document without fields.
fn value_of(expression: &str) -> Option<Value> {
    let select = select(&format!("SELECT {expression} AS value FROM system:dual"));
    let mut rows: Rows<'_> = select.rows(false);
    let mut budget = Budget::of_a_document();
    let mut made = Vec::new();
    let id = DocumentId::from_value(&Value::Int(1)).unwrap();
    rows.push(&id, &Map::new(), &mut budget, &mut made).unwrap();
    made.extend(rows.finish(&mut budget).unwrap());
    let [row] = &made[..] else { panic!("{expression}: {made:?}") };
    row.clone().into_map().remove("value")
}

/// The code in the first two cells of each row of a table that has it there; the second may be
/// MISSING, which is `None`.
fn examples() -> Vec<(String, Option<String>)> {
    let code = |cell: &str| {
        let cell = cell.trim().strip_prefix('`')?.strip_suffix('`')?;
        (!cell.contains('`')).then(|| cell.replace("\\|", "|"))
    };
    let of_line = |line: &str| {
        let line = line.strip_prefix("| ")?.replace("\\|", "\u{0}");
        let mut cells = line.split('|').map(|cell| cell.replace('\u{0}', "|"));
        let (expression, value) = (code(&cells.next()?)?, cells.next()?);
        match value.trim() {
            "MISSING" => Some((expression, None)),
            value => Some((expression, Some(code(value)?))),
        }
    };
    let section = PAGE.split("## Operators").nth(1).expect("the page has operators");
    section.split("## The reply").next().expect("something is before it").lines().filter_map(of_line).collect()
}

#[test]
fn every_example_is_what_the_page_says() {
    let examples = examples();
    assert!(examples.len() > 70, "{} were found", examples.len());
    let mut wrong = Vec::new();
    for (expression, expected) in examples {
        let expected = expected.map(|json| Value::from_json(json.as_bytes()).unwrap_or_else(|e| panic!("{json}: {e}")));
        let is = value_of(&expression);
        if is != expected {
            wrong.push(format!("{expression} is {is:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_function_has_an_example() {
    let shown: BTreeSet<String> =
        examples().into_iter().map(|(expression, _)| expression.to_ascii_lowercase()).collect();
    let has_none = |name: &&str| !shown.iter().any(|expression| expression.contains(&format!("{name}(")));
    let without: Vec<&str> = functions().map(|(name, ..)| name).filter(has_none).collect();
    assert!(without.is_empty(), "without an example: {without:?}");
}

#[test]
fn every_statement_of_the_page_is_one() {
    let table = PAGE.split("| to | write |").nth(1).expect("the page begins with examples");
    let table = table.split("\n## ").next().expect("something is before the next heading");
    let statements: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    assert!(statements.len() > 15, "{statements:?}");
    for text in statements {
        Statement::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}
