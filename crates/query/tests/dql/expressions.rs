//! Paths, numbers, CASE, CAST, ANY, EVERY, ARRAY, OBJECT.

use crate::support::{check, check_error, check_on, holds_with, id};

#[test]
fn paths() {
    let document = r#"{"a":{"b":[10,{"c":true}]},"odd name":1,"n":null}"#;
    for (path, expected) in [
        ("a.b[0]", "10"),
        ("a.b[1].c", "true"),
        ("a.b[2]", "MISSING"),
        ("a.b.c", "MISSING"),
        ("a[0]", "MISSING"),
        ("`odd name`", "1"),
        ("n", "null"),
        ("n.a", "MISSING"),
        ("A", "MISSING"),
        ("_id", "\"x\""),
        ("_id.a", "MISSING"),
    ] {
        check_on(document, path, expected);
    }
    let object = id(r#"{"shop":"north","item":{"n":7}}"#);
    let fields = crate::support::fields("{}");
    for condition in ["_id.shop = 'north'", "_id.item.n = 7", "_id = {'item': {'n': 7}, 'shop': 'north'}"] {
        assert!(holds_with(condition, &object, &fields), "{condition}");
    }
}

#[test]
fn numbers() {
    for (expression, expected) in [
        ("5 / 2", "2"),
        ("-5 / 2", "-2"),
        ("5 % 3", "2"),
        ("-5 % 3", "-2"),
        ("5 / 2.0", "2.5"),
        ("5.5 % 2", "1.5"),
        ("1 + 2 * 3 - 4", "3"),
        ("10 - 2 - 3", "5"),
        ("(1 + 2) * 3", "9"),
        ("1 / 0", "MISSING"),
        ("1 % 0", "MISSING"),
        ("1.0 / 0", "MISSING"),
        ("0.0 / 0", "MISSING"),
        ("1e308 * 10", "MISSING"),
        ("9223372036854775807 + 1", "9223372036854775808"),
        ("18446744073709551615 + 1", "MISSING"),
        ("18446744073709551615 - 18446744073709551614", "1"),
        ("18446744073709551615 * 18446744073709551615", "MISSING"),
        ("-9223372036854775807 - 2", "MISSING"),
        ("18446744073709551615 * 2 / 2", "MISSING"),
        ("1 << 4", "16"),
        ("1 << 63", "9223372036854775808"),
        ("2 << 63", "MISSING"),
        ("1 << 64", "MISSING"),
        ("-16 >> 2", "-4"),
        ("1 >> -1", "MISSING"),
        ("1.5 << 1", "MISSING"),
        ("-(-9223372036854775808)", "9223372036854775808"),
        ("-(1.5)", "-1.5"),
        ("-('a')", "MISSING"),
        ("-(null)", "null"),
        ("1 + null", "null"),
        ("1 + nowhere", "MISSING"),
        ("null + nowhere", "MISSING"),
        ("1 + 'a'", "MISSING"),
        ("'a' || 'b' || 'c'", "\"abc\""),
        ("'a' || 1", "MISSING"),
        ("'a' || null", "null"),
        ("'a' || nowhere", "MISSING"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn arrays_and_objects() {
    let document = r#"{"a":1,"key":"k","n":null}"#;
    for (expression, expected) in [
        ("[a, a + 1, 'x']", r#"[1,2,"x"]"#),
        ("[a, nowhere]", "[1,null]"),
        ("{'a': a, 'b': nowhere, 'c': n}", r#"{"a":1,"c":null}"#),
        ("{key: a}", r#"{"k":1}"#),
        ("{a: a}", "MISSING"),
        ("{nowhere: a}", "MISSING"),
    ] {
        check_on(document, expression, expected);
    }
}

#[test]
fn case() {
    let document = r#"{"a":2,"n":null}"#;
    for (expression, expected) in [
        ("CASE WHEN a = 1 THEN 'one' WHEN a = 2 THEN 'two' ELSE 'many' END", "\"two\""),
        ("CASE WHEN a > 5 THEN 'many' ELSE 'few' END", "\"few\""),
        ("CASE WHEN n THEN 1 WHEN nowhere THEN 2 END", "null"),
        ("CASE a WHEN 1 THEN 'one' WHEN 2.0 THEN 'two' END", "\"two\""),
        ("CASE n WHEN null THEN 1 ELSE 2 END", "2"),
        ("CASE WHEN true THEN nowhere END", "MISSING"),
    ] {
        check_on(document, expression, expected);
    }
}

#[test]
fn casts() {
    for (expression, expected) in [
        ("CAST('42' AS INTEGER)", "42"),
        ("CAST('-7' AS INTEGER)", "-7"),
        ("CAST('18446744073709551615' AS INTEGER)", "18446744073709551615"),
        ("CAST('4.2' AS INTEGER)", "MISSING"),
        ("CAST('x' AS INTEGER)", "MISSING"),
        ("CAST(-2.9 AS INTEGER)", "-2"),
        ("CAST(1e300 AS INTEGER)", "MISSING"),
        ("CAST(true AS INTEGER)", "1"),
        ("CAST(1 AS FLOAT)", "1.0"),
        ("CAST('1.5' AS FLOAT)", "1.5"),
        ("CAST('1e400' AS FLOAT)", "MISSING"),
        ("CAST('nan' AS FLOAT)", "MISSING"),
        ("CAST(1 AS STRING)", "\"1\""),
        ("CAST(1.0 AS STRING)", "\"1.0\""),
        ("CAST(true AS STRING)", "\"true\""),
        ("CAST([1, 'a'] AS STRING)", r#""[1,\"a\"]""#),
        ("CAST('TRUE' AS BOOLEAN)", "true"),
        ("CAST('yes' AS BOOLEAN)", "MISSING"),
        ("CAST(0 AS BOOLEAN)", "false"),
        ("CAST(0.5 AS BOOLEAN)", "true"),
        ("CAST([1] AS ARRAY)", "[1]"),
        ("CAST(1 AS ARRAY)", "MISSING"),
        ("CAST({'a': 1} AS OBJECT)", r#"{"a":1}"#),
        ("CAST('{}' AS OBJECT)", "MISSING"),
        ("CAST(null AS INTEGER)", "null"),
        ("CAST(nowhere AS INTEGER)", "MISSING"),
    ] {
        check(expression, expected);
    }
}

#[test]
fn quantifiers() {
    let document = r#"{"lines":[{"n":1,"ok":true},{"n":2,"ok":false}],"empty":[],"n":9,"none":null,
        "deep":{"a":[1,{"b":7}]}}"#;
    for (expression, expected) in [
        ("ANY line IN lines SATISFIES line.n = 2 END", "true"),
        ("ANY line IN lines SATISFIES line.n = 3 END", "false"),
        ("EVERY line IN lines SATISFIES line.n > 0 END", "true"),
        ("EVERY line IN lines SATISFIES line.ok END", "false"),
        ("ANY x IN empty SATISFIES true END", "false"),
        ("EVERY x IN empty SATISFIES false END", "true"),
        ("ANY AND EVERY x IN empty SATISFIES true END", "false"),
        ("ANY AND EVERY line IN lines SATISFIES line.n < 9 END", "true"),
        ("ANY x IN none SATISFIES true END", "null"),
        ("ANY x IN nowhere SATISFIES true END", "MISSING"),
        ("ANY x IN n SATISFIES true END", "MISSING"),
        ("ANY x IN lines SATISFIES x.n = n END", "false"),
        ("ANY n IN lines SATISFIES n.n = 2 END", "true"),
        ("ANY x IN lines SATISFIES x.nothing = 1 END", "false"),
        ("EVERY x IN lines SATISFIES x.nothing = 1 END", "false"),
        ("ANY i: x IN lines SATISFIES i = 1 AND x.n = 2 END", "true"),
        ("ANY k: v IN deep SATISFIES k = 'a' END", "true"),
        ("ANY x WITHIN deep SATISFIES x = 7 END", "true"),
        ("ANY x IN deep SATISFIES x = 7 END", "false"),
        ("ANY x IN lines SATISFIES (ANY y IN [x.n] SATISFIES y = 2 AND x.n = 2 END) END", "true"),
    ] {
        check_on(document, expression, expected);
    }
}

#[test]
fn arrays_made_of_lists() {
    let document = r#"{"lines":[{"n":1},{"n":2},{"m":3}],"deep":[1,[2,[3]]],"o":{"p":1,"q":2},"none":null}"#;
    for (expression, expected) in [
        ("ARRAY line.n * 10 FOR line IN lines END", "[10,20]"),
        ("ARRAY line.n FOR line IN lines WHEN line.n > 1 END", "[2]"),
        ("ARRAY i FOR i: line IN lines END", "[0,1,2]"),
        ("ARRAY k FOR k: v IN o WHEN v = 2 END", r#"["q"]"#),
        ("ARRAY x FOR x WITHIN deep WHEN is_number(x) END", "[1,2,3]"),
        ("ARRAY x FOR x IN none END", "null"),
        ("ARRAY x FOR x IN nowhere END", "MISSING"),
        ("ARRAY x FOR x IN 7 END", "MISSING"),
        ("ARRAY (ARRAY y FOR y IN [x, 1] END) FOR x IN [5, 6] END", "[[5,1],[6,1]]"),
        ("OBJECT k : v * 10 FOR k: v IN o WHEN v = 2 END", r#"{"q":20}"#),
        ("OBJECT CAST(i AS STRING) : line.n FOR i: line IN lines END", r#"{"0":1,"1":2}"#),
        ("OBJECT 'n' || CAST(x AS STRING): x FOR x WITHIN deep WHEN is_number(x) END", r#"{"n1":1,"n2":2,"n3":3}"#),
        ("OBJECT 'same': x FOR x IN [1, 2] END", r#"{"same":2}"#),
        ("OBJECT x: 1 FOR x IN ['a', 2] END", "MISSING"),
        ("OBJECT x.gone: 1 FOR x IN ['a'] END", "MISSING"),
        ("OBJECT x: x FOR x IN [] END", "{}"),
        ("OBJECT x: x FOR x IN none END", "null"),
        ("OBJECT x: x FOR x IN nowhere END", "MISSING"),
        ("OBJECT k: (OBJECT l: v FOR l: w IN {'z': 1} END) FOR k: v IN {'a': 5} END", r#"{"a":{"z":5}}"#),
    ] {
        check_on(document, expression, expected);
    }
}

#[test]
fn what_a_kept_condition_may_not_ask() {
    let kept = |what: &str| format!("{what} cannot stand in a condition that is kept: it must mean the same for ever");
    check_error("a = :x", &kept("the parameter :x"));
    check_error("a = clock()", &kept("`clock`"));
    check_error("a = request_info()", &kept("`request_info`"));
    let aggregate = "`count` cannot stand here: aggregates are for the projection, HAVING and ORDER BY, and not inside \
        one another";
    check_error("count(*) > 1", aggregate);
    check_error("regexp_like(a, '(')", "regexp_like: the regular expression is malformed (unclosed group)");
    check_error("regexp_like(a, 'a', 'q')", "regexp_like: the flags are c, i, m, s and x");
    let many: Vec<_> = (0..17).map(|n| format!("regexp_like(a, '{n}')")).collect();
    check_error(&many.join(" OR "), "regexp_like: a statement can have at most 16 regular expressions");
}

/// Chains are as long as a statement may be.
#[test]
fn long_chains() {
    for (operator, length) in [("OR", 1000), ("AND", 1000), ("XOR", 200)] {
        let chain: Vec<_> = (0..length).map(|n| format!("a = {n}")).collect();
        let filter = crate::support::filter(&chain.join(&format!(" {operator} ")));
        assert!(filter.steps_max().is_some(), "{operator}");
    }
    let sum = vec!["1"; 200].join(" + ");
    check(&sum, "200");
    check_on(r#"{"a":1}"#, &sum.replace('1', "a"), "200");
}

/// However deep the parser takes them, on a thread's usual stack.
#[test]
fn deep_expressions() {
    let fields = crate::support::fields(r#"{"a":true}"#);
    for (before, after) in [
        ("(", ")"),
        ("NOT (", ")"),
        ("1 + (", ")"),
        ("a AND (a OR (", "))"),
        ("lower(", ")"),
        ("coalesce(", ", 1)"),
        ("[", "]"),
        ("{'k': ", "}"),
        ("CASE WHEN a THEN ", " END"),
        ("CASE a WHEN ", " THEN 1 END"),
        ("CAST(", " AS STRING)"),
        ("ANY x IN [1] SATISFIES ", " END"),
        ("ANY x IN ", " SATISFIES true END"),
        ("ARRAY ", " FOR x IN [1] END"),
        ("a IN (1, ", ")"),
        ("(", ") LIKE a"),
    ] {
        let of = |depth: usize| [&before.repeat(depth), "a", &after.repeat(depth)].concat();
        let deepest = (1..300).take_while(|depth| query::dql::condition(&of(*depth)).is_ok()).last().unwrap();
        assert!(deepest >= 16, "{before}: {deepest}");
        let _ = crate::support::holds(&of(deepest), &fields);
    }
}
