//! Laws of the parser, tried on random and on hostile texts: it never panics, an error stands
//! within the text, and the work is linear in the tokens.

use proptest::prelude::*;

use super::super::limits::STATEMENT_BYTES_MAX;
use super::super::token::tokenize;
use super::{Parser, parse, parse_condition};

/// How often a token may be looked at, on average.
const LOOKS_PER_TOKEN_MAX: usize = 160;

const STATEMENTS: &[&str] = &[
    "SELECT DISTINCT a, b.c[0] AS d, count(DISTINCT e) f, x.*, MISSING g FROM COLLECTION boats (n MAP (m COUNTER)) x \
     USE IDS 'a', :b USE INDEX '' WHERE a = 1 AND NOT b IN (1, 2) OR c LIKE 'x%' ESCAPE '!' AND d IS NOT MISSING \
     GROUP BY a HAVING count(*) > 1 ORDER BY a DESC, b LIMIT 5 OFFSET :o;",
    "INSERT INTO boats DOCUMENTS ({'a': [1, -2.5, 'é', {}], \"b\": null}), (:d) ON ID CONFLICT DO MERGE RETURNING *",
    "UPDATE boats b APPLY n INCREMENT BY 1, m RESTART SET a -> (b = 1, c -> tombstone()), d = d || 'x' UNSET e.f \
     WHERE ANY i:x IN list SATISFIES x BETWEEN 1 AND i END LIMIT 3 RETURNING _id",
    "DELETE FROM boats WHERE CASE a WHEN 1 THEN true ELSE false END XOR `größe` << 2 > 0xFF /* c */ -- d",
    "CREATE INDEX IF NOT EXISTS i ON boats (a ASC, b.c DESC)",
    "DROP INDEX boats.i",
    "EXPLAIN SELECT trim(LEADING 'x' FROM a), CAST(a AS string), ARRAY x FOR x WITHIN b WHEN x END FROM system:dual",
    "SHOW ALL ILIKE '%a%'",
];

const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "MISSING",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "ANY",
    "EVERY",
    "ARRAY",
    "FOR",
    "SATISFIES",
    "UPDATE",
    "SET",
    "UNSET",
    "APPLY",
    "INSERT",
    "INTO",
    "DOCUMENTS",
    "DELETE",
    "CREATE",
    "INDEX",
    "ON",
    "ID",
    "CONFLICT",
    "ORDER",
    "GROUP",
    "BY",
    "LIMIT",
    "USE",
    "IDS",
    "AS",
    "COLLECTION",
    "MAP",
    "COUNTER",
    "RETURNING",
    "EXPLAIN",
    "CAST",
    "TRIM",
    "COUNT",
    "DISTINCT",
    "a",
    "b",
    "`c`",
    "'x'",
    "1",
    "2.5",
    ":p",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "*",
    "=",
    "<",
    "-",
    "->",
    "||",
    ":",
    ";",
    "::",
    "JOIN",
    "UNION",
    "--",
    "/*",
    "*/",
    "'",
    "`",
    "\\",
    "\n",
    "é",
];

/// Parses as a statement and as a condition; says whether one was.
fn check(text: &str) -> Result<bool, TestCaseError> {
    let outcomes = [parse(text).err(), parse_condition(text).err()];
    for error in outcomes.iter().flatten() {
        let line = text.split('\n').nth(error.line - 1).expect("the line is one of the text");
        prop_assert!((1..=line.chars().count() + 1).contains(&error.column), "{error} in {text:?}");
    }
    prop_assert!(looks(text) <= LOOKS_PER_TOKEN_MAX * tokenize(text).all.len(), "{} looks at {text:?}", looks(text));
    Ok(outcomes.iter().any(Option::is_none))
}

/// How often parsing looks at a token.
fn looks(text: &str) -> usize {
    let Ok(mut parser) = Parser::new(text) else { return 0 };
    let _ = parser.statement();
    let as_statement = parser.looks.get();
    let Ok(mut parser) = Parser::new(text) else { return 0 };
    let _ = parser.expression();
    as_statement.max(parser.looks.get())
}

/// A piece as often as a statement is long, after a beginning.
fn full(beginning: &str, piece: &str) -> String {
    beginning.to_owned() + &piece.repeat((STATEMENT_BYTES_MAX - beginning.len()) / piece.len())
}

#[test]
fn what_is_to_be_changed_is_a_statement() {
    for text in STATEMENTS {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn hostile_texts_of_full_length_end_in_an_error() {
    let pieces = [
        "(",
        "[",
        "{",
        "{'a':",
        "NOT ",
        "- ",
        "-",
        "a.",
        "a[0].",
        "a[",
        "CASE WHEN ",
        "CASE ",
        "/*",
        "`",
        "'",
        "\"",
        "\\",
        "abs(",
        "count(",
        "CAST(",
        "TRIM(BOTH ",
        "POSITION(",
        "ANY x IN ",
        "ARRAY ",
        "a AND ",
        "a OR ",
        "a + ",
        "a = ",
        "a BETWEEN ",
        "a IN (",
        "a -> (",
        "a MAP (",
        ":a,",
        "1,",
        "'',",
        "a,",
        "a ",
        ":",
        "--",
        "0",
        "9",
        "\u{a0}",
        "é",
    ];
    let beginnings = [
        "",
        "SELECT ",
        "SELECT * FROM c WHERE ",
        "SELECT * FROM c (",
        "UPDATE c SET ",
        "UPDATE c SET a = [",
        "UPDATE c UNSET ",
        "INSERT INTO c DOCUMENTS (",
        "CREATE INDEX i ON c (",
        "SELECT * FROM c WHERE a IN (",
        "EXPLAIN ",
    ];
    for (beginning, piece) in beginnings.iter().flat_map(|beginning| pieces.map(|piece| (beginning, piece))) {
        let text = full(beginning, piece);
        // An even number of backticks is a name.
        assert!(piece == "`" || parse(&text).is_err(), "{beginning}{piece}…");
        if let Err(error) = check(&text) {
            panic!("{beginning}{piece}…: {error}");
        }
    }
}

#[test]
fn long_texts_that_are_statements_take_linear_work() {
    let row = |piece: &str, count: usize, between: &str| vec![piece; count].join(between);
    for text in [
        format!("SELECT * FROM c WHERE {}", row("a", 2_000, " AND ")),
        format!("SELECT * FROM c WHERE {}", row("a=1 OR b", 600, " AND ")),
        format!("SELECT * FROM c WHERE a IN ({})", row(":p", 10_000, ",")),
        format!("SELECT * FROM c WHERE a IN ({})", row("'x'", 10_000, ",")),
        format!("SELECT {} FROM c", row("a.b[0] x", 4_000, ",")),
        format!("UPDATE c SET {}", row("a=1", 2_000, ",")),
        format!("UPDATE c SET {}a=1{}", "a->(".repeat(63), ")".repeat(63)),
        format!("SELECT a FROM c WHERE {}a{}", "(".repeat(64), ")".repeat(64)),
        format!("SELECT {} FROM c", row("1", 200, " + ")),
        format!("SELECT * FROM c /*{}*/", "*".repeat(60_000)),
    ] {
        assert!(matches!(check(&text), Ok(true)), "{:?} of {}", parse(&text), &text[..100]);
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_pieces_are_read(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check(&pieces.join(" "))?;
        check(&format!("SELECT * FROM c WHERE {}", pieces.join(" ")))?;
        check(&format!("UPDATE c SET {}", pieces.join("")))?;
    }

    #[test]
    fn changed_statements_are_read(
        text in prop::sample::select(STATEMENTS),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..8, prop::sample::select(PIECES)),
            1..4,
        ),
    ) {
        let mut text = text.to_owned();
        for (at, length, piece) in changes {
            let from = text.floor_char_boundary(at.index(text.len() + 1));
            let to = text.floor_char_boundary((from + length).min(text.len())).max(from);
            text.replace_range(from..to, piece);
        }
        check(&text)?;
    }

    #[test]
    fn cut_statements_are_read(text in prop::sample::select(STATEMENTS), at in any::<prop::sample::Index>()) {
        check(&text[..text.floor_char_boundary(at.index(text.len() + 1))])?;
    }
}
