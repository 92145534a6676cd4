//! Comparisons, BETWEEN, IN, LIKE.

use std::cmp::Ordering;

use document::{Map, Value};
use query::dql::compare;

use crate::support::{check, check_on};

/// One of each kind.
const KINDS: [&str; 7] = ["true", "1", "'a'", "[1]", "{'a': 1}", "null", "nowhere"];

#[test]
fn only_values_of_one_kind_are_compared() {
    for (at, left) in KINDS.iter().enumerate() {
        for (other, right) in KINDS.iter().enumerate() {
            let expected = |same: &'static str| match (*left, *right) {
                ("nowhere", _) | (_, "nowhere") => "MISSING",
                ("null", _) | (_, "null") => "null",
                _ if at == other => same,
                _ => "MISSING",
            };
            for (operator, same) in [
                ("=", "true"),
                ("==", "true"),
                ("!=", "false"),
                ("<>", "false"),
                ("<", "false"),
                ("<=", "true"),
                (">", "false"),
                (">=", "true"),
            ] {
                check(&format!("{left} {operator} {right}"), expected(same));
            }
        }
    }
}

#[test]
fn how_values_of_one_kind_lie() {
    for (condition, expected) in [
        ("1 = 1.0", "true"),
        ("9007199254740993 = 9007199254740992.0", "false"),
        ("18446744073709551615 > 9223372036854775807", "true"),
        ("18446744073709551615 < 18446744073709551616.0", "true"),
        ("-0.0 = 0", "true"),
        ("false < true", "true"),
        ("'B' < 'a'", "true"),
        ("'2024-01-01T00:00:00Z' = '2024-01-01T01:00:00+01:00'", "false"),
        ("[1, 2] = [1.0, 2]", "true"),
        ("{'a': [1], 'b': 2} = {'b': 2.0, 'a': [1.0]}", "true"),
        ("[1, 2] < [1, 2, 0]", "true"),
        ("[2] > [1, 9]", "true"),
        ("{'a': 2} > {'a': 1, 'b': 0}", "true"),
        ("[null] = [null]", "true"),
        ("['a'] < [1]", "false"),
    ] {
        check(condition, expected);
    }
}

#[test]
fn the_order_is_total_over_all_kinds() {
    let json = |text: &str| Some(Value::from_json(text.as_bytes()).unwrap());
    let ascending = [
        json("false"),
        json("true"),
        json("-1.5"),
        json("0"),
        json("9007199254740993"),
        json("18446744073709551615"),
        json("1e300"),
        json("\"\""),
        json("\"2024-01-01\""),
        json("\"Z\""),
        json("\"a\""),
        json("[]"),
        json("[null]"),
        json("{}"),
        json("{\"a\":1}"),
        json("{\"b\":0}"),
        json("null"),
        None,
    ];
    for (at, a) in ascending.iter().enumerate() {
        for (other, b) in ascending.iter().enumerate() {
            assert_eq!(compare(a.as_ref(), b.as_ref()), at.cmp(&other), "{a:?} and {b:?}");
        }
    }
    assert_eq!(compare(json("0").as_ref(), json("-0.0").as_ref()), Ordering::Equal);
    assert_eq!(compare(Some(&Value::Map(Map::new())), json("{}").as_ref()), Ordering::Equal);
}

#[test]
fn between() {
    for (condition, expected) in [
        ("2 BETWEEN 1 AND 3", "true"),
        ("1 BETWEEN 1.0 AND 1", "true"),
        ("4 BETWEEN 1 AND 3", "false"),
        ("4 NOT BETWEEN 1 AND 3", "true"),
        ("'b' BETWEEN 'a' AND 'c'", "true"),
        ("'b' BETWEEN 1 AND 3", "MISSING"),
        ("null BETWEEN 1 AND 3", "null"),
        ("0 BETWEEN 1 AND null", "false"),
        ("2 BETWEEN 1 AND null", "null"),
        ("2 BETWEEN null AND 1", "false"),
        ("nowhere BETWEEN 1 AND 3", "MISSING"),
        ("nowhere NOT BETWEEN 1 AND 3", "MISSING"),
    ] {
        check(condition, expected);
    }
}

/// Lists of constants, of what a document holds, and arrays.
#[test]
fn membership() {
    let document = r#"{"one":1,"text":"a","none":null,"list":[1,"a",{"k":[2]}],"holes":[1,null]}"#;
    for (condition, expected) in [
        ("one IN (1, 2)", "true"),
        ("one IN (1.0)", "true"),
        ("one IN (2, 'a')", "false"),
        ("one NOT IN (2, 'a')", "true"),
        ("one IN (1, null)", "true"),
        ("one IN (2, null)", "null"),
        ("one NOT IN (2, null)", "null"),
        ("one IN (2, nowhere)", "MISSING"),
        ("one IN (2, nowhere, null)", "null"),
        ("one IN (text, one)", "true"),
        ("none IN (1, 2)", "null"),
        ("none IN (null)", "null"),
        ("nowhere IN (1, 2)", "MISSING"),
        ("nowhere NOT IN (1, 2)", "MISSING"),
        ("one IN []", "false"),
        ("none IN []", "false"),
        ("one IN list", "true"),
        ("'a' IN list", "true"),
        ("'b' IN list", "false"),
        ("{'k': [2.0]} IN list", "true"),
        ("2 IN holes", "null"),
        ("1 IN holes", "true"),
        ("one IN text", "MISSING"),
        ("one IN none", "null"),
        ("one IN nowhere", "MISSING"),
        ("one IN ([1, 2])", "false"),
        ("one IN ([1, 2], 3)", "false"),
        ("[1] IN ([1], [2])", "true"),
    ] {
        check_on(document, condition, expected);
    }
}

#[test]
fn patterns() {
    let document = r#"{"name":"Kestrel_7","none":null,"one":1,"pattern":"kes%"}"#;
    for (condition, expected) in [
        ("name LIKE 'Kes%'", "true"),
        ("name LIKE '%rel%'", "true"),
        ("name LIKE 'kes%'", "false"),
        ("name ILIKE 'kes%'", "true"),
        ("name NOT LIKE 'x%'", "true"),
        ("name LIKE 'Kestrel\\\\_7'", "true"),
        ("name LIKE 'Kestrel!_7' ESCAPE '!'", "true"),
        ("name LIKE 'Kestrel__'", "true"),
        ("name LIKE pattern", "false"),
        ("name ILIKE pattern", "true"),
        ("name LIKE none", "null"),
        ("none LIKE 'a%'", "null"),
        ("none NOT LIKE 'a%'", "null"),
        ("one LIKE '1%'", "MISSING"),
        ("one LIKE '1'", "MISSING"),
        ("name LIKE one", "MISSING"),
        ("nowhere LIKE '%'", "MISSING"),
        ("nowhere NOT LIKE '%'", "MISSING"),
    ] {
        check_on(document, condition, expected);
    }
}
