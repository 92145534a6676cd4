//! Truth tables: what is neither a boolean nor null is MISSING.

use crate::support::{check_on, fields, holds};

/// Each as a constant, and as a field: `t`, `f`, `n` and what is not there.
const VALUES: [(&str, &str); 4] = [("true", "t"), ("false", "f"), ("null", "n"), ("MISSING", "nowhere")];
const DOCUMENT: &str = r#"{"t":true,"f":false,"n":null,"text":"true","one":1}"#;

#[track_caller]
fn check_table(operator: &str, expected: [[&str; 4]; 4]) {
    for (row, (_, left)) in expected.iter().zip(VALUES) {
        for (expected, (_, right)) in row.iter().zip(VALUES) {
            check_on(DOCUMENT, &format!("{left} {operator} {right}"), expected);
        }
    }
    for (row, (constant, left)) in expected.iter().zip(VALUES) {
        for (expected, (_, right)) in row.iter().zip(VALUES) {
            // What a constant decides is decided when the condition is bound.
            let constant = if constant == "MISSING" { "1 = 'a'" } else { constant };
            check_on(DOCUMENT, &format!("({constant}) {operator} {right}"), expected);
            check_on(DOCUMENT, &format!("{right} {operator} ({constant})"), expected);
            let _ = left;
        }
    }
}

#[test]
fn and() {
    check_table(
        "AND",
        [
            ["true", "false", "null", "MISSING"],
            ["false", "false", "false", "false"],
            ["null", "false", "null", "MISSING"],
            ["MISSING", "false", "MISSING", "MISSING"],
        ],
    );
}

#[test]
fn or() {
    check_table(
        "OR",
        [
            ["true", "true", "true", "true"],
            ["true", "false", "null", "MISSING"],
            ["true", "null", "null", "null"],
            ["true", "MISSING", "null", "MISSING"],
        ],
    );
}

#[test]
fn xor() {
    check_table(
        "XOR",
        [
            ["false", "true", "null", "MISSING"],
            ["true", "false", "null", "MISSING"],
            ["null", "null", "null", "MISSING"],
            ["MISSING", "MISSING", "MISSING", "MISSING"],
        ],
    );
}

#[test]
fn not() {
    for ((_, field), expected) in VALUES.into_iter().zip(["false", "true", "null", "MISSING"]) {
        check_on(DOCUMENT, &format!("NOT {field}"), expected);
    }
}

#[test]
fn what_is_no_boolean_is_missing() {
    for other in ["text", "one", "[true]", "{'a': true}"] {
        check_on(DOCUMENT, &format!("NOT {other}"), "MISSING");
        check_on(DOCUMENT, &format!("{other} AND true"), "MISSING");
        check_on(DOCUMENT, &format!("{other} AND false"), "false");
        check_on(DOCUMENT, &format!("{other} OR true"), "true");
        check_on(DOCUMENT, &format!("{other} OR null"), "null");
        check_on(DOCUMENT, &format!("{other} XOR true"), "MISSING");
    }
}

#[test]
fn only_true_passes() {
    let document = fields(DOCUMENT);
    for (condition, expected) in
        [("t", true), ("f", false), ("n", false), ("nowhere", false), ("text", false), ("one", false), ("NOT f", true)]
    {
        assert_eq!(holds(condition, &document), expected, "{condition}");
    }
}

#[test]
fn is_null_and_is_missing() {
    for (field, is_null, is_missing) in
        [("t", "false", "false"), ("n", "true", "false"), ("nowhere", "false", "true"), ("n.x", "false", "true")]
    {
        check_on(DOCUMENT, &format!("{field} IS NULL"), is_null);
        check_on(DOCUMENT, &format!("{field} IS UNKNOWN"), is_null);
        check_on(DOCUMENT, &format!("{field} IS MISSING"), is_missing);
        let negated = |value: &str| if value == "true" { "false" } else { "true" };
        check_on(DOCUMENT, &format!("{field} IS NOT NULL"), negated(is_null));
        check_on(DOCUMENT, &format!("{field} IS NOT MISSING"), negated(is_missing));
    }
}
