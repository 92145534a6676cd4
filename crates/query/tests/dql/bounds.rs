//! What a statement keeps in memory, and on the stack, is bounded.

use document::{DocumentId, Map, Value};
use query::Budget;
use query::dql::{RowsError, Statement};

use crate::statements::{Documents, rows_of, select};

const BYTES_MAX: usize = 64 * 1024;

fn unique(count: i64) -> Documents {
    let document = |n: i64| {
        let id = DocumentId::from_value(&Value::Int(n)).unwrap();
        let text = Value::String(format!("{n:0>40}"));
        (id, Map::from_fields(vec![("n".into(), Value::Int(n)), ("text".into(), text)]))
    };
    (0..count).map(document).collect()
}

#[track_caller]
fn rows_within(text: &str) -> Result<usize, RowsError> {
    let select = select(text, "{}").unwrap();
    rows_of(&select, &unique(4000), false, BYTES_MAX).map(|rows| rows.len())
}

#[test]
fn unique_values_beyond_the_bound_are_refused() {
    for text in [
        "SELECT text, COUNT(*) FROM t GROUP BY text",
        "SELECT DISTINCT text FROM t",
        "SELECT DISTINCT COUNT(*), text FROM t GROUP BY text",
        "SELECT COUNT(DISTINCT text) FROM t",
        "SELECT MEDIAN(n) FROM t",
        "SELECT text FROM t ORDER BY n % 7",
        "SELECT text FROM t ORDER BY n % 7 LIMIT 3000",
    ] {
        assert_eq!(rows_within(text), Err(RowsError::TooLarge), "{text}");
    }
}

#[test]
fn what_is_not_kept_does_not_count() {
    for (text, rows) in [
        ("SELECT text FROM t", 4000),
        ("SELECT text FROM t ORDER BY n % 7 LIMIT 10", 10),
        ("SELECT text FROM t ORDER BY n * -1 LIMIT 10", 10),
        ("SELECT n % 7, COUNT(*), SUM(n), MAX(text), MIN(text) FROM t GROUP BY n % 7", 7),
        ("SELECT DISTINCT n % 7 FROM t", 7),
        ("SELECT COUNT(DISTINCT n % 7) FROM t", 1),
        ("SELECT COUNT(*), SUM(n), MAX(text) FROM t", 1),
    ] {
        assert_eq!(rows_within(text), Ok(rows), "{text}");
    }
}

#[test]
fn a_row_is_bounded_however_wide_it_is() {
    let columns = |expression: &str| (0..300).map(|n| format!("{expression} c{n}")).collect::<Vec<_>>().join(",");
    let long = Map::from_fields(vec![("text".into(), Value::String("x".repeat(1_900_000)))]);
    let document = vec![(DocumentId::from_value(&Value::Int(1)).unwrap(), long)];
    for expression in ["text", "repeat('x', 1000000)", "[text, text]"] {
        for text in [
            format!("SELECT {} FROM t", columns(expression)),
            format!("SELECT DISTINCT {} FROM t ORDER BY c1", columns(expression)),
            format!("SELECT MIN(text), {} FROM t", columns("repeat('x', 1000000)")),
        ] {
            let refused = rows_of(&select(&text, "{}").unwrap(), &document, false, 1 << 30).unwrap_err();
            assert!(matches!(refused, RowsError::RowTooLarge | RowsError::TooExpensive(_)), "{text:.90}: {refused}");
        }
    }
}

#[test]
fn everything_is_paid_for() {
    for text in [
        "SELECT * FROM t",
        "SELECT text FROM t ORDER BY n % 7",
        "SELECT text, COUNT(*) FROM t GROUP BY text",
        "SELECT DISTINCT text FROM t",
        "SELECT MEDIAN(n), MAX(text) FROM t",
    ] {
        let select = select(text, "{}").unwrap();
        let (documents, mut budget) = (unique(1000), Budget::new(1000 * 8));
        let (mut rows, mut out) = (select.rows(false), Vec::new());
        let pushed =
            documents.iter().try_for_each(|(id, fields)| rows.push(id, fields, &mut budget, &mut out).map(drop));
        let outcome = pushed.and_then(|()| rows.finish(&mut budget).map(drop));
        assert!(matches!(outcome, Err(RowsError::TooExpensive(_))), "{text}: {outcome:?}");
    }
}

#[test]
fn the_deepest_texts_need_little_stack() {
    let deep = |before: &str, after: &str| format!("SELECT {}a{} FROM c", before.repeat(64), after.repeat(64));
    let texts = [
        deep("(", ")"),
        deep("(NOT a OR ", ")").replace("NOT ", ""),
        deep("CASE a WHEN ", " THEN 1 END"),
        deep("concat(a, ", ")"),
        deep("ANY x IN y SATISFIES ", " END"),
        deep("[{'a': ", "}]").replacen("[{'a': ", "", 32).replacen("}]", "", 32),
        format!("SELECT {} FROM c", vec!["a"; 257].join(" + ")),
    ];
    let parse_all = move || {
        texts.iter().for_each(|text| assert!(Statement::parse(text).is_ok(), "{:?} of {text}", Statement::parse(text)))
    };
    let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(parse_all);
    thread.expect("a thread can be made").join().expect("every text is a statement");
}
