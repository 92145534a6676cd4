//! What is said about a text that is no query, and about arguments that do not fit. The messages are in the golden
//! files beside this one (`UPDATE_EXPECT=1` writes them).

use expect_test::{ExpectFile, expect_file};
use query::{Query, limits};

use crate::support::map;

/// A text each; below it, indented, what is said about it.
fn check(texts: &[&str], expect: ExpectFile) {
    let mut golden = String::new();
    for text in texts {
        let error = Query::parse(text).expect_err(text);
        golden += &format!("{}\n    {error}\n", shown(text));
    }
    expect.assert_eq(&golden);
}

/// In one line, long ones shortened.
fn shown(text: &str) -> String {
    let line = text.replace('\n', "\\n").replace('\0', "\\0");
    let start: String = line.chars().take(60).collect();
    if start == line { line } else { start + "…" }
}

#[test]
fn nothing_there() {
    let texts = ["", "  \n"];
    check(&texts, expect_file!["errors/nothing_there.txt"]);
}

#[test]
fn something_is_missing() {
    let texts = [
        "name ==",
        "== 5",
        "a == 1 &&",
        "a == 1 || || b == 1",
        "(a == 1",
        "(a == 1 b",
        "()",
        "a.",
        "a.2",
        "a[",
        "a[-1] == 1",
        "a[b c] == 1",
        "a[`b`] == 1",
        "a[0 == 1",
        "a['b' == 1",
        "a == ['b'",
        "a == ['b' 'c']",
        "a == ['b',]",
        "a == [b, c]",
        "a == [,]",
        "a == [",
    ];
    check(&texts, expect_file!["errors/something_is_missing.txt"]);
}

#[test]
fn something_is_too_much() {
    let texts = ["a == 1)", "a == 1 b == 2", "true true", "a 5", "1 < a < 3", "(a == 1) == true", "(a) == 1"];
    check(&texts, expect_file!["errors/something_is_too_much.txt"]);
}

#[test]
fn only_a_field_can_stand_alone() {
    let texts = [
        "!a == 1",
        "!a.b < 1",
        "!true == a",
        "!null",
        "!'a'",
        "!",
        "$args.flag",
        "!$args.flag",
        "null",
        "'a' && true",
        "active 1",
    ];
    check(&texts, expect_file!["errors/only_a_field_can_stand_alone.txt"]);
}

#[test]
fn forgotten_quotes_where_documents_are_changed() {
    let long = format!("a == {}", "x".repeat(1000));
    let texts = [
        "status != done",
        "status == done.now",
        "a == 1 && !(b >= größe)",
        "'done' == status",
        "contains(tags, novel)",
        "!starts_with(title, Lord)",
        "ends_with(title, Rings)",
        &long,
    ];
    let mut golden = String::new();
    for text in texts {
        Query::parse(text).expect("it compares two fields");
        let error = Query::parse_for_change(text).expect_err(text);
        golden += &format!("{}\n    {error}\n", shown(text));
    }
    expect_file!["errors/forgotten_quotes.txt"].assert_eq(&golden);
    for text in [
        "status != 'done'",
        "a == true || b != null || !c",
        "a == `b` || a < `b`.c",
        "owner == _id && 'x' == _id && contains(friends, _id)",
        "contains(['a', 'b'], type) && starts_with('/a/b', `prefix`)",
        "a == $args.b && regex(a, 'x')",
    ] {
        assert_eq!(Query::parse_for_change(text), Query::parse(text), "{text}");
    }
}

#[test]
fn words_and_operators_of_other_languages() {
    let texts = [
        "a = 1",
        "a === 1",
        "a !== 1",
        "a <> 1",
        "a == 1 & b == 2",
        "a == 1 | b == 2",
        "a == 1 AND b == 2",
        "a == 1 or b == 2",
        "not (a == 1)",
        "a IS NULL",
        "a IN (1, 2)",
        "a LIKE 'x%'",
        "a == ‘x’",
        "a == {}",
        "SELECT * FROM a",
    ];
    check(&texts, expect_file!["errors/words_and_operators_of_other_languages.txt"]);
}

#[test]
fn names() {
    let texts = [
        "first-name == 'x'",
        "item-2 == 1",
        "a - b == 1",
        "`a == 1",
        "2fa == true",
        "a.2fa == true",
        "a#b == 1",
        "$arg.x == 1",
        "a == $args",
        "a == $args[0]",
        "a == $args.",
    ];
    check(&texts, expect_file!["errors/names.txt"]);
}

#[test]
fn functions() {
    let texts = [
        "length(tags) >= 2",
        "a == length(tags)",
        "beginsWith(title, 'x')",
        "contains(['a'])",
        "contains('a', tags)",
        "contains(null, tags)",
        "contains(tags, 'a', 'b')",
        "contains()",
        "starts_with(, 'a')",
        "regex(a)",
        "regex(a, )",
        "contains(tags, 'a') == true",
        "starts_with(a, 5)",
        "starts_with(a, ['x', 'y'])",
        "ends_with(null, 'a')",
        "regex(a, b)",
        "regex(a, '(')",
        "regex(a, '[z-a]')",
        "regex(a, '(?=x)')",
        "regex(a, '((a{1000}){1000}){1000}')",
        "startswith(a, 'x')",
        "endsWith(a)",
    ];
    check(&texts, expect_file!["errors/functions.txt"]);
}

#[test]
fn literals() {
    let texts = [
        "a == 'x",
        "a == \"x'",
        r"a == 'x\'",
        r"a == '\d'",
        r"a == '\",
        r"a == '\u12'",
        r"a == '\ud800'",
        r"a == '\ud800\u0041'",
        r"a == '\udc00'",
        "a == 01",
        "a == 1.",
        "a == .5",
        "a == +5",
        "a == -",
        "a == 1e",
        "a == 1e999",
        "a == 18446744073709551616",
        "a == -9223372036854775809",
        "a == 0x10",
        "a == \u{0}",
    ];
    check(&texts, expect_file!["errors/literals.txt"]);
}

#[test]
fn columns_count_characters() {
    let texts = ["größe == 'é' x", "a ==\n\n", "a == '😀' ! b"];
    check(&texts, expect_file!["errors/columns_count_characters.txt"]);
}

#[test]
fn long_texts() {
    let long = "x".repeat(1000);
    let texts = [
        &format!("a == 1 '{long}'"),
        &format!("a == 1{long}"),
        &format!("{long}({long})"),
        &format!("a == 1 && {long} 1"),
        "a == 1 'two\nlines'",
        &format!("{}a == 1{}", "(".repeat(65), ")".repeat(65)),
        &format!("{}(a == 1)", "!".repeat(64)),
        &format!("a == {}{}", "[".repeat(65), "]".repeat(65)),
        &format!("a == '{}'", "é".repeat(limits::QUERY_BYTES_MAX)),
        &vec!["a == 1"; limits::QUERY_TERMS_MAX + 1].join(" || "),
        &vec!["regex(a, 'x')"; limits::REGEX_COUNT_MAX + 1].join(" || "),
    ];
    check(&texts, expect_file!["errors/long_texts.txt"]);
}

#[test]
fn what_is_at_a_limit_is_a_query() {
    let texts = [
        format!("{}a == 1{}", "(".repeat(64), ")".repeat(64)),
        format!("{}(a == 1)", "!".repeat(63)),
        format!("a == {}{}", "[".repeat(64), "]".repeat(64)),
        format!("a == '{}'", "x".repeat(limits::QUERY_BYTES_MAX - 7)),
        vec!["a == 1"; limits::QUERY_TERMS_MAX].join("||"),
        vec!["regex(a, 'x')"; limits::REGEX_COUNT_MAX].join("||"),
    ];
    for text in texts {
        let query = Query::parse(&text).unwrap();
        assert!(query.bind(&map("{}")).is_ok());
    }
}

#[test]
fn arguments_that_do_not_fit() {
    let cases = [
        ("a == $args.x", "{}"),
        ("a == $args.x.y[3]['z z']", r#"{"x":{"y":[1]}}"#),
        ("false && a == $args.x", "{}"),
        ("contains($args.x, a)", r#"{"x":"a"}"#),
        ("contains($args.x, a)", r#"{"x":null}"#),
        ("starts_with(a, $args.x)", r#"{"x":5}"#),
        ("ends_with($args.x, 'a')", r#"{"x":{}}"#),
        ("regex(a, $args.x)", r#"{"x":true}"#),
        ("regex(a, $args.x)", r#"{"x":"*"}"#),
        ("regex(a, $args.x)", r#"{"x":"((a{1000}){1000}){1000}"}"#),
    ];
    let mut golden = String::new();
    for (text, args) in cases {
        let error = Query::parse(text).unwrap().bind(&map(args)).expect_err(text);
        golden += &format!("{text} with {args}\n    {error}\n");
    }
    expect_file!["errors/arguments.txt"].assert_eq(&golden);
}
