//! Every function with exact results.

use std::collections::BTreeSet;

use crate::support::{check, check_on};

const TABLE: &[(&str, &str)] = &[
    ("abs(-3)", "3"),
    ("abs(-9223372036854775808)", "9223372036854775808"),
    ("abs(-2.5)", "2.5"),
    ("abs('a')", "MISSING"),
    ("abs(null)", "MISSING"),
    ("ceil(1.2)", "2.0"),
    ("ceil(-3)", "-3"),
    ("ceil(true)", "MISSING"),
    ("floor(-1.2)", "-2.0"),
    ("floor(18446744073709551615)", "18446744073709551615"),
    ("floor('1')", "MISSING"),
    ("concat('a', 'b', 'c')", "\"abc\""),
    ("concat('a', 1)", "MISSING"),
    ("contains('plover', 'lov')", "true"),
    ("contains('plover', 'x')", "false"),
    ("contains('plover', 1)", "MISSING"),
    ("starts_with('plover', 'pl')", "true"),
    ("starts_with('plover', 'lo')", "false"),
    ("starts_with(1, '1')", "MISSING"),
    ("ends_with('plover', 'er')", "true"),
    ("ends_with('plover', 'ov')", "false"),
    ("ends_with('plover', null)", "MISSING"),
    ("byte_length('größe')", "7"),
    ("byte_length(5)", "MISSING"),
    ("char_length('größe')", "5"),
    ("character_length('')", "0"),
    ("char_length([1])", "MISSING"),
    ("lower('ÄB')", "\"äb\""),
    ("lower(1)", "MISSING"),
    ("upper('straße')", "\"STRASSE\""),
    ("upper(nowhere)", "MISSING"),
    ("substr('größe', 1)", "\"röße\""),
    ("substr('größe', 1, 2)", "\"rö\""),
    ("substr('größe', -2)", "\"ße\""),
    ("substr('größe', -9, 2)", "\"gr\""),
    ("substr('größe', 9)", "\"\""),
    ("substr('größe', 0, -1)", "MISSING"),
    ("substr('größe', 'a')", "MISSING"),
    ("substr('größe', 1.0, 1)", "\"r\""),
    ("pos('größe', 'ß')", "3"),
    ("pos('größe', 'x')", "-1"),
    ("POSITION('r' IN 'größe')", "1"),
    ("pos(1, 'x')", "MISSING"),
    ("split('a,b,,c', ',')", r#"["a","b","","c"]"#),
    ("split('aß', '')", r#"["a","ß"]"#),
    ("split('', ',')", r#"[""]"#),
    ("split('a', 1)", "MISSING"),
    ("joinstr(', ', ['a', 'b'])", "\"a, b\""),
    ("joinstr(['a', 'b'], '-')", "\"a-b\""),
    ("joinstr('-', [])", "\"\""),
    ("joinstr('-', ['a', 1])", "MISSING"),
    ("ltrim('  a ')", "\"a \""),
    ("ltrim('xxaxx', 'x')", "\"axx\""),
    ("ltrim(1)", "MISSING"),
    ("rtrim(' a\t')", "\" a\""),
    ("rtrim('xyayx', 'xy')", "\"xya\""),
    ("rtrim('a', 1)", "MISSING"),
    ("`trim`(' a ')", "\"a\""),
    ("TRIM(BOTH 'x' FROM 'xax')", "\"a\""),
    ("TRIM(LEADING 'x' FROM 'xax')", "\"ax\""),
    ("`trim`(null)", "MISSING"),
    ("lpad('7', 3, '0')", "\"007\""),
    ("lpad('7', 4, 'ab')", "\"aba7\""),
    ("lpad('plover', 3)", "\"plo\""),
    ("lpad('7', -1)", "MISSING"),
    ("lpad(7, 3)", "MISSING"),
    ("rpad('a', 3)", "\"a  \""),
    ("rpad('a', 4, 'xy')", "\"axyx\""),
    ("rpad('a', 4, '')", "\"a\""),
    ("rpad('a', 2000000)", "MISSING"),
    ("rpad('a', 'b')", "MISSING"),
    ("repeat('ab', 3)", "\"ababab\""),
    ("repeat('ab', 0)", "\"\""),
    ("repeat('ab', -1)", "MISSING"),
    ("repeat('ab', 9223372036854775807)", "MISSING"),
    ("regexp_like('Gull-7', '^[a-z]+-[0-9]$', 'i')", "true"),
    ("regexp_like('Gull-7', '^[a-z]+-[0-9]$')", "false"),
    ("regexp_like('a\nb', '^b$', 'm')", "true"),
    ("regexp_like(7, '7')", "MISSING"),
    ("type(true)", "\"boolean\""),
    ("type('')", "\"string\""),
    ("type(1)", "\"integer\""),
    ("type(1.0)", "\"float\""),
    ("type({'a': 1})", "\"object\""),
    ("type([])", "\"array\""),
    ("type(null)", "\"null\""),
    ("type(nowhere)", "\"missing\""),
    ("is_number(1.5)", "true"),
    ("is_number('1')", "false"),
    ("is_number(nowhere)", "MISSING"),
    ("is_string('1')", "true"),
    ("is_string(null)", "null"),
    ("is_number(null)", "null"),
    ("is_boolean(null)", "null"),
    ("json_type(1.5)", "\"number\""),
    ("json_type([])", "\"array\""),
    ("json_type(nowhere)", "\"null\""),
    ("is_boolean(false)", "true"),
    ("is_boolean(0)", "false"),
    ("serialize_json({'b': 1.0, 'a': ['x']})", r#""{\"a\":[\"x\"],\"b\":1.0}""#),
    ("serialize_json(nowhere)", "MISSING"),
    ("deserialize_json('{\"a\": [1, 2.0]}')", r#"{"a":[1,2.0]}"#),
    ("deserialize_json('{')", "MISSING"),
    ("deserialize_json(1)", "MISSING"),
    ("coalesce(nowhere, null, 1, 2)", "1"),
    ("coalesce(nowhere, null)", "null"),
    ("coalesce(nowhere)", "MISSING"),
    ("ifmissing(nowhere, null, 1)", "null"),
    ("ifmissing(nowhere, 2)", "2"),
    ("ifnull(null, 1)", "1"),
    ("ifnull(nowhere, 1)", "MISSING"),
    ("ifmissingornull(nowhere, null, 3)", "3"),
    ("nvl(null, 4)", "4"),
    ("nvl(5, 4)", "5"),
    ("nullif(1, 1.0)", "null"),
    ("nullif(1, 2)", "1"),
    ("nullif(1, 'a')", "1"),
    ("missingif(1, 1)", "MISSING"),
    ("missingif(1, 2)", "1"),
    ("decode(2, 1, 'one', 2, 'two')", "\"two\""),
    ("decode(3, 1, 'one', 2, 'two', 'many')", "\"many\""),
    ("decode(3, 1, 'one')", "null"),
    ("decode(null, null, 'none')", "\"none\""),
    ("ismissing(nowhere)", "true"),
    ("ismissing(null)", "false"),
    ("isnull(null)", "true"),
    ("isnull(nowhere)", "false"),
    ("ismissingornull(null)", "true"),
    ("ismissingornull(1)", "false"),
    ("array_contains([1, 'a'], 1.0)", "true"),
    ("array_contains([1, [2]], [2])", "true"),
    ("array_contains([1], 2)", "false"),
    ("array_contains('a', 'a')", "MISSING"),
    ("array_contains([1], nowhere)", "MISSING"),
    ("array_contains_null([1, null])", "true"),
    ("array_contains_null([])", "false"),
    ("array_contains_null({'a': null})", "MISSING"),
    ("array_length([1, 2])", "2"),
    ("array_length('ab')", "MISSING"),
    ("object_length({'a': 1, 'b': 2})", "2"),
    ("object_length([1])", "MISSING"),
    ("object_keys({'b': 1, 'a': 2})", r#"["a","b"]"#),
    ("object_keys(1)", "MISSING"),
    ("object_values({'b': 1, 'a': 2})", "[2,1]"),
    ("object_values(null)", "MISSING"),
    ("object_set({'a': 1}, 'b', 2)", r#"{"a":1,"b":2}"#),
    ("object_set({'a': 1}, 'a', 2)", "MISSING"),
    ("object_set({'a': 1}, 'a', 2, true)", r#"{"a":2}"#),
    ("object_set({'a': 1}, 'b', nowhere)", "MISSING"),
    ("object_set(1, 'b', 2)", "MISSING"),
    ("object_unset({'a': 1}, 'a')", "{}"),
    ("object_unset({'a': 1}, 'b')", "MISSING"),
    ("object_unset({'a': 1}, 'b', true)", r#"{"a":1}"#),
    ("object_unset([1], 'a')", "MISSING"),
    ("object_rename({'a': 1, 'b': 2}, 'a', 'c')", r#"{"b":2,"c":1}"#),
    ("object_rename({'a': 1, 'b': 2}, 'a', 'b')", "MISSING"),
    ("object_concat({'a': 1}, {'a': 3, 'b': 2})", r#"{"a":3,"b":2}"#),
    ("object_concat({'a': 1}, 2)", "MISSING"),
    ("object_size({})", "2"),
    ("object_size({'a': [1, null], 'é': 'x\\n'})", "25"),
    ("object_size([1])", "MISSING"),
    ("date_add('2024-01-31T10:00:00.250+02:00', 'month', 1)", "\"2024-02-29T10:00:00.250+02:00\""),
    ("date_add(0, 'Days', 1)", "86400000"),
    ("date_add('2024-01-31', 'fortnight', 1)", "MISSING"),
    ("date_add('31.1.2024', 'day', 1)", "MISSING"),
    ("date_add('9999-12-31', 'year', 1)", "MISSING"),
    ("date_sub('2024-03-31T00:00:00Z', 'month', 1)", "\"2024-02-29T00:00:00+00:00\""),
    ("date_sub(1000, 'second', 1)", "0"),
    ("date_sub(true, 'second', 1)", "MISSING"),
    ("date_diff('2024-03-01T00:00:00Z', '2024-02-01T00:00:00Z', 'day')", "29"),
    ("date_diff('2024-03-20T00:00:00Z', '2024-03-15T10:30:45Z', 'day')", "4"),
    ("date_diff(0, '1970-01-01T01:00:00Z', 'minute')", "-60"),
    ("date_diff('2024-03-20', 1.5, 'day')", "MISSING"),
    ("date_part('2024-12-29T23:59:58.007Z', 'weekday')", "7"),
    ("date_part('2024-12-30', 'week')", "1"),
    ("date_part('2024-12-30', 'iso_year')", "2025"),
    ("date_part('2024-12-30', 'quarter')", "4"),
    ("date_part('2024-12-30T01:00:00+05:00', 'hour')", "1"),
    ("date_part('2024-12-30', 'soul')", "MISSING"),
    (
        "date_range('2024-03-01', '2024-03-03T12:00:00Z', 'day', 1)",
        "[\"2024-03-01T00:00:00+00:00\",\"2024-03-02T00:00:00+00:00\",\"2024-03-03T00:00:00+00:00\"]",
    ),
    ("date_range(0, 2000, 'second')", "[0,1000]"),
    ("date_range(2000, 0, 'second', -1)", "[2000,1000]"),
    ("date_range(0, 2000, 'second', -1)", "[]"),
    ("array_length(date_range('2024-01-31', '2025-01-31', 'month', 1))", "12"),
    ("date_range(0, 2000, 'second', 0)", "MISSING"),
    ("date_range('0000-01-01', '9999-12-31', 'millisecond', 1)", "MISSING"),
    ("date_range(0, 'x', 'day', 1)", "MISSING"),
    ("date_trunc('2024-05-17T10:30:45.5Z', 'month')", "\"2024-05-01T00:00:00+00:00\""),
    ("date_trunc('2024-05-17T10:30:45.5+02:00', 'week')", "\"2024-05-13T00:00:00+02:00\""),
    ("date_trunc(86400001, 'day')", "86400000"),
    ("date_trunc('x', 'day')", "MISSING"),
    ("tz_offset('2026-03-15T10:30:45+09:00')", "540"),
    ("tz_offset('2026-03-15T10:30:45-03:30')", "-210"),
    ("tz_offset('2026-03-15')", "0"),
    ("tz_offset(1000)", "0"),
    ("tz_offset('Nowhere/East')", "MISSING"),
    ("tz_offset(null)", "MISSING"),
    (
        "date_format('2024-02-29T09:05:06.007+01:30', '%a %d %b %Y %H:%M:%S.%f %z %j %%')",
        "\"Thu 29 Feb 2024 09:05:06.007 +01:30 060 %\"",
    ),
    ("date_format('2024-02-29', 'YYYY-MM-DD')", "\"2024-02-29\""),
    ("date_format(0, '%A, %B')", "\"Thursday, January\""),
    ("date_format(0, '%q')", "MISSING"),
    ("date_format(0, 1)", "MISSING"),
    ("date_cast('29/02/2024', '%d/%m/%Y')", "1709164800000"),
    ("date_cast('30/02/2024', '%d/%m/%Y')", "MISSING"),
    ("date_cast(0, 'string')", "\"1970-01-01T00:00:00+00:00\""),
    ("date_cast('1970-01-01T00:00:01Z', 'integer')", "1000"),
    ("date_cast(true, 'integer')", "MISSING"),
];

#[test]
fn exact_results() {
    for (expression, expected) in TABLE {
        check(expression, expected);
    }
}

/// `clock` and `request_info` may not stand in a condition that is kept.
#[test]
fn every_function_is_in_the_table() {
    let tried: BTreeSet<&str> = TABLE
        .iter()
        .filter_map(|(expression, _)| expression.split_once('('))
        .map(|(name, _)| name.trim_matches('`'))
        .collect();
    let known = query::dql::functions().map(|(name, ..)| name);
    let untried: Vec<_> = known.filter(|name| !tried.contains(name)).collect();
    assert_eq!(untried, ["clock", "request_info"]);
}

/// Where an argument is a field, nothing is decided beforehand.
#[test]
fn patterns_of_documents() {
    let document = r#"{"text":"gull","good":"^g","bad":"(","n":1}"#;
    check_on(document, "regexp_like(text, good)", "true");
    check_on(document, "regexp_like(text, 'G', text)", "MISSING");
    check_on(document, "regexp_like(text, bad)", "MISSING");
    check_on(document, "regexp_like(text, n)", "MISSING");
}

#[test]
fn what_is_made_is_bounded() {
    let long = format!(r#"{{"long":"{}"}}"#, "x".repeat(600_000));
    check_on(&long, "byte_length(long)", "600000");
    for too_long in [
        "long || long",
        "concat(long, long)",
        "repeat(long, 2)",
        "joinstr(long, ['a', 'b', 'c'])",
        "split(long, 'x')",
        "serialize_json([long, 'x']) || long",
    ] {
        check_on(&long, too_long, "MISSING");
    }
    // Of arrays and objects there is room for what a document may be.
    check_on(&long, "array_length([long, long, long])", "3");
    let thirty = (0..30).map(|n| format!("'k{n}': long")).collect::<Vec<_>>().join(", ");
    for too_large in [
        format!("[{}]", ["long"; 30].join(", ")),
        format!("{{{thirty}}}"),
        format!("object_set({{{thirty}}}, 'b', long)"),
        "ARRAY long FOR x IN [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30] END"
            .to_owned(),
    ] {
        check_on(&long, &too_large, "MISSING");
    }
}
