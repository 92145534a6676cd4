//! Which texts are statements, and what is said about those that are none. The messages are in the
//! golden files beside this one (`UPDATE_EXPECT=1` writes them).

use expect_test::{ExpectFile, expect_file};
use query::dql::{Kind, Statement, limits};

/// A text each; below it, indented, what is said about it.
fn check(texts: &[&str], expect: ExpectFile) {
    let mut golden = String::new();
    for text in texts {
        let error = Statement::parse(text).expect_err(text);
        golden += &format!("{}\n    {error}\n", shown(text));
    }
    expect.assert_eq(&golden);
}

/// In one line, long ones shortened.
fn shown(text: &str) -> String {
    let line = text.replace('\n', "\\n").replace('\0', "\\0");
    let start: String = line.chars().take(100).collect();
    if start == line { line } else { start + "…" }
}

#[track_caller]
fn accepts(kind: Kind, texts: &[&str]) {
    for text in texts {
        let statement = Statement::parse(text).unwrap_or_else(|error| panic!("{text}\n    {error}"));
        assert_eq!(statement.kind(), kind, "{text}");
        assert_eq!(statement.text_bytes(), text.len(), "{text}");
    }
}

#[test]
fn selections() {
    accepts(
        Kind::Select,
        &[
            "SELECT * FROM boats",
            "select * from boats;",
            "SELECT * FROM boats WHERE mast > 21 AND flag = 'blue' ORDER BY built DESC LIMIT 10 OFFSET 20",
            "SELECT name, built, crew.size FROM boats b WHERE b.sunk IS NOT MISSING AND b.sunk IS NOT NULL",
            "SELECT * FROM boats WHERE name LIKE 'S%' OR name NOT ILIKE '_a!%' ESCAPE '!'",
            "SELECT * FROM boats WHERE flag IN ('red', 'blue') AND _id IN :ids AND built NOT IN [1900, 1901]",
            "SELECT flag, COUNT(*) AS count, AVG(built) average FROM boats GROUP BY flag HAVING COUNT(*) > 10",
            "SELECT count(DISTINCT flag), sum(distinct mast), min(built), median(mast) m, mid(mast) FROM boats",
            "SELECT DISTINCT flag FROM boats WHERE sunk AND NOT stolen",
            "SELECT boats.*, MISSING crew.secret FROM boats",
            "SELECT * FROM boats -- of the harbour\nWHERE sunk /* long ago */ = true",
            "--+ {\"#index\": \"by_flag\"}\nSELECT * FROM boats WHERE flag = 'red'",
            "/*+ {\"#index\": \"by_flag\"} */ SELECT * FROM boats WHERE flag = 'red'",
            "SELECT * FROM boats USE IDS 'b-1', 'b-2'",
            "SELECT * FROM boats USE IDS {'harbour': 1, 'berth': :berth} WHERE sunk",
            "SELECT * FROM boats USE IDS LIST :ids LIMIT :most",
            "SELECT * FROM boats USE INDEX '' WHERE flag = 'red'",
            "SELECT * FROM boats USE DIRECTIVES '{\"#index\": [\"by_flag\", \"by_mast\"]}' WHERE flag = 'red'",
            "SELECT * FROM COLLECTION boats (crew MAP, photo ATTACHMENT) WHERE crew.size = 2",
            "SELECT * FROM `big boats` WHERE `größte länge` = 1 AND `a``b`.`c` = 2",
            "SELECT `trim`(name), TRIM(name), TRIM(BOTH 'x' FROM name), POSITION('x' IN name) FROM system:dual",
            "SELECT ARRAY m * 2 FOR m IN [1, 2, 3] WHEN m > 1 END AS doubled FROM system:dual",
            "SELECT OBJECT m.name : m.height FOR m IN masts WHEN m.height > 1 END AS heights, object name FROM boats",
            "SELECT CASE object WHEN (1) THEN 2 END FROM boats ORDER BY object LIMIT :most",
            "SELECT OBJECT lower(m): 1 FOR i: m IN masts END, object.x FROM boats WHERE object = 1",
            "SELECT ANY m IN masts SATISFIES m.top = 0 END a, EVERY i:m IN masts SATISFIES i < 3 END all FROM boats",
            "SELECT CASE flag WHEN 'red' THEN 1 ELSE 2 END, CASE WHEN sunk THEN 1 END FROM boats",
            "SELECT CAST(built AS STRING), cast(built, 'float') FROM boats",
            "SELECT {'name': name, kind: built}, [name, 1], 5 / 2, 'a' || 'b' || name, 1 << 4 FROM boats",
            "SELECT a one, c.a two FROM c",
            "SELECT count, date FROM documents WHERE value = 1 ORDER BY timestamp DESC",
            "SELECT year, id, text, day, collection, counter, mode, system, `from` FROM collections",
            "SELECT * FROM order WHERE group = 1 ORDER BY order",
            "SELECT `from` FROM messages WHERE from = 'x' AND from.name = 'y'",
            "SELECT * FROM boats set WHERE set.a = 1",
            "SELECT * FROM boats left WHERE left.a = 1",
            "SELECT any LIKE :p, any IN :p, any AND :p IN list, any NOT IN list, every IN list FROM boats",
            "SELECT object AND a.b, object o, object LIKE :p, array NOT IN :p, case IS NULL FROM boats",
            "SELECT missing LIKE 'x', missing IS NULL AS missing, distinct FROM boats",
            "SELECT a AS from FROM boats WHERE(a = 1)AND(b IN(1))OR NOT(c)LIMIT(5)",
            "SELECT type([]), type({}), type(nothing), coalesce(a, b, 'none') FROM system:dual",
        ],
    );
}

#[test]
fn mutations() {
    accepts(
        Kind::Insert,
        &[
            "INSERT INTO boats DOCUMENTS (:boat)",
            "INSERT INTO boats DOCUMENTS(:one),(:two) ON ID CONFLICT DO UPDATE",
            "INSERT INTO boats VALUES ({'_id': 'b', 'crew': {'size': 2}}) ON ID CONFLICT NOTHING",
            "INSERT INTO COLLECTION boats (photo ATTACHMENT) DOCUMENTS (:boat) ON ID CONFLICT DO FAIL",
            "INSERT INTO boats INITIAL DOCUMENTS (deserialize_json(:text)) RETURNING *",
            "INSERT INTO old_boats SELECT * FROM boats WHERE sunk ON ID CONFLICT DO UPDATE_LOCAL_DIFF",
        ],
    );
    accepts(
        Kind::Update,
        &[
            "UPDATE boats SET mast = 31 WHERE name = 'Gull'",
            "UPDATE boats SET mast = mast - 1, flag = 'red' UNSET crew.size, owner WHERE sunk LIMIT 5",
            "UPDATE boats (photo ATTACHMENT) SET photo = :token WHERE _id = 'b'",
            "UPDATE COLLECTION boats (seen PN_COUNTER) APPLY seen INCREMENT BY 1 SET flag = 'red' WHERE _id = 'b'",
            "UPDATE COLLECTION boats (crew MAP) SET crew -> (size = 2, cook = 'Ann') WHERE flag = 'red'",
            "UPDATE boats SET flag -> default(), owner -> tombstone() RETURNING _id, flag",
            "UPDATE boats APPLY seen RESTART, n RESTART WITH 5, m PN_INCREMENT BY :by",
            "UPDATE boats AS b USE IDS 'x' UNSET flag SET mast = 1 WHERE b.sunk ORDER BY built LIMIT 1 OFFSET 2",
            "UPDATE c SET value = 1, date = 2 UNSET text WHERE mode = 'x'",
        ],
    );
    accepts(
        Kind::Delete,
        &[
            "DELETE FROM boats",
            "TOMBSTONE FROM boats WHERE sunk",
            "DELETE FROM boats AS b WHERE b.sunk",
            "DELETE FROM boats USE IDS 'a' RETURNING COUNT(*) AS deleted",
            "DELETE FROM boats WHERE built < '1900' ORDER BY built LIMIT 100",
        ],
    );
}

#[test]
fn statements_of_other_kinds() {
    let create =
        ["CREATE INDEX by_flag ON boats(flag, built DESC)", "CREATE INDEX IF NOT EXISTS boats.by_flag (crew.size)"];
    accepts(Kind::CreateIndex, &create);
    accepts(Kind::DropIndex, &["DROP INDEX by_flag ON boats", "DROP INDEX IF EXISTS boats.by_flag"]);
    accepts(Kind::Explain, &["EXPLAIN SELECT * FROM boats", "explain DELETE FROM boats"]);
    accepts(Kind::Show, &["SHOW ALL", "SHOW ALL LIKE '%ttl%'", "SHOW strict_mode"]);
}

#[test]
fn nothing_there() {
    check(&["", "  \n", "-- nothing", "/* nothing */\n ", ";"], expect_file!["errors/nothing_there.txt"]);
}

#[test]
fn more_than_one_statement() {
    let texts = [
        "SELECT * FROM a; SELECT * FROM b",
        "SELECT * FROM a;;",
        "DELETE FROM a; --x\n/* y */ b",
        "SELECT * FROM a WHERE b = 1 c",
        "EXPLAIN EXPLAIN SELECT * FROM a",
        "INSERT INTO a DOCUMENTS (:b) RETURNING * WHERE c",
        "SHOW a b",
        "harbour",
        "5",
    ];
    check(&texts, expect_file!["errors/more_than_one_statement.txt"]);
}

#[test]
fn what_is_not_in_this_version() {
    let texts = [
        "SELECT a.x FROM a JOIN b ON a.x = b.x",
        "SELECT * FROM a x LEFT JOIN b y ON x.c = y.c",
        "SELECT * FROM a INNER JOIN b ON c",
        "SELECT * FROM a RIGHT OUTER JOIN b ON c",
        "SELECT * FROM a FULL OUTER JOIN b ON c",
        "SELECT * FROM a CROSS JOIN b",
        "SELECT * FROM a, b",
        "SELECT * FROM a WHERE b IN (SELECT c FROM d)",
        "SELECT (SELECT * FROM b) FROM a",
        "SELECT * FROM (SELECT * FROM b)",
        "SELECT * FROM a WHERE EXISTS (SELECT * FROM b)",
        "SELECT * FROM a UNION SELECT * FROM b",
        "SELECT * FROM a WHERE b EXCEPT ALL SELECT * FROM b",
        "WITH a AS (SELECT * FROM b) SELECT * FROM a",
        "SELECT b::string FROM a",
        "SELECT * FROM a WHERE b = '1'::integer",
        "SELECT * FROM a ORDER BY b DESC NULLS LAST",
        "BEGIN",
        "COMMIT;",
        "ADVISE SELECT * FROM a",
        "PROFILE SELECT * FROM a",
        "SYNC CONTEXT (PEERS WHERE a = 'b') SELECT * FROM c",
        "SELECT * FROM a WHERE b SIMILAR TO 'c%'",
        "SELECT b NOT SIMILAR TO 'c%' FROM a",
        "EVICT FROM a WHERE b",
        "EXPLAIN EVICT FROM a",
        "ALTER SYSTEM SET b = 1",
        "ALTER TABLE b",
    ];
    check(&texts, expect_file!["errors/what_is_not_in_this_version.txt"]);
}

#[test]
fn selections_that_are_none() {
    let texts = [
        "SELECT",
        "SELECT FROM a",
        "SELECT 1",
        "SELECT b, FROM a",
        "SELECT b c d FROM a",
        "SELECT b AS FROM a",
        "SELECT *, b FROM a",
        "SELECT b, * FROM a",
        "SELECT * b FROM a",
        "SELECT b.*.c FROM a",
        "SELECT b + c.* FROM a",
        "SELECT from FROM a",
        "SELECT * FROM",
        "SELECT * FROM WHERE b = 1",
        "SELECT * FROM collection",
        "SELECT * FROM collection WHERE b = 1",
        "SELECT * FROM 'a'",
        "SELECT * FROM other:a",
        "SELECT * FROM `system`:a",
        "SELECT * FROM a AS",
        "SELECT * FROM a b c",
        "SELECT * FROM a WHERE",
        "SELECT * FROM a WHERE ORDER BY b",
        "SELECT * FROM a WHERE b = 1 OR",
        "SELECT * FROM a GROUP b",
        "SELECT * FROM a GROUP BY",
        "SELECT * FROM a ORDER BY b,",
        "SELECT * FROM a ORDER BY b LIMIT",
        "SELECT * FROM a LIMIT 5, 10",
        "SELECT * FROM a OFFSET 5 LIMIT 10",
        "SELECT * FROM a LIMIT 5 WHERE b",
        "SELECT * FROM a USE IDS ('b', 'c')",
        "SELECT * FROM a USE IDS 'b' USE IDS 'c'",
        "SELECT * FROM a USE INDEX b",
        "SELECT * FROM a USE KEYS 'b'",
        "SELECT * FROM a WHERE b = :c SHOW DELETED",
        "SELECT * FROM a RETURNING *",
        "SELECT 1 + 1;",
        "SELECT * FROM people WERE age = 31",
        "SELECT * FROM people ODER BY age",
        "SELECT name FORM people",
        "SELECT * FROM people (n NONSENSE)",
        "SELECT OBJECT k.l v FOR k IN b END FROM a",
    ];
    check(&texts, expect_file!["errors/selections.txt"]);
}

#[test]
fn mutations_that_are_none() {
    let texts = [
        "INSERT boats DOCUMENTS (:b)",
        "INSERT INTO boats",
        "INSERT INTO boats INTIAL DOCUMENTS (:b)",
        "INSERT INTO boats (name, mast) VALUES ('Gull', 2)",
        "INSERT INTO boats VALUES ('Gull', 2)",
        "INSERT INTO boats DOCUMENTS :b",
        "INSERT INTO boats DOCUMENTS ()",
        "INSERT INTO boats DOCUMENTS ({name: 'Gull'})",
        "INSERT INTO boats INITIAL DOCUMENTS (:b) ON ID CONFLICT DO UPDATE",
        "INSERT INTO boats INITIAL SELECT * FROM old",
        "INSERT INTO boats DOCUMENTS (:b) ON CONFLICT DO NOTHING",
        "INSERT INTO boats DOCUMENTS (:b) ON ID CONFLICT DO REPLACE",
        "INSERT INTO boats b DOCUMENTS (:b)",
        "UPDATE boats",
        "UPDATE boats WHERE sunk",
        "UPDATE boats SET",
        "UPDATE boats SET mast",
        "UPDATE boats SET mast == 1",
        "UPDATE boats SET mast = ",
        "UPDATE boats SET mast = 1, WHERE sunk",
        "UPDATE boats SET crew[0] = 1",
        "UPDATE boats SET crew[:k] = 1",
        "UPDATE boats SET 'mast' = 1",
        "UPDATE boats SET crew = {cook: 'Ann'}",
        "UPDATE boats SET crew -> cook = 'Ann'",
        "UPDATE boats SET crew -> (cook = 'Ann'",
        "UPDATE boats SET crew -> ()",
        "UPDATE boats SET crew -> tombstone(1)",
        "UPDATE boats SET a = 1 SET b = 2",
        "UPDATE boats SET a = 1 UNSET b UNSET c",
        "UPDATE boats UNSET b[0]",
        "UPDATE boats APPLY n",
        "UPDATE boats APPLY n INCREMENT 1",
        "UPDATE boats APPLY n RESTART WITH",
        "UPDATE boats SET a = 1 RETURNING * WHERE b",
        "UPDATE COLLECTION boats (n INTEGER) SET a = 1",
        "UPDATE COLLECTION boats (a.n COUNTER) SET a = 1",
        "UPDATE COLLECTION boats () SET a = 1",
        "UPDATE COLLECTION boats (a MAP (b) SET a = 1",
        "DELETE boats",
        "DELETE FROM boats SET a = 1",
        "DELETE FROM boats sunk",
        "DELETE FROM boats b LIMIT 1",
        "DELETE * FROM boats",
        "CREATE boats",
        "CREATE INDEX by_flag boats (flag)",
        "CREATE INDEX ON boats (flag)",
        "CREATE INDEX by_flag ON boats",
        "CREATE INDEX by_flag ON boats ()",
        "CREATE INDEX by_flag ON boats (masts[0])",
        "CREATE INDEX by_flag ON boats (lower(flag))",
        "CREATE INDEX IF NOT by_flag ON boats (flag)",
        "DROP INDEX by_flag",
        "DROP INDEX IF EXISTS ON boats",
        "SHOW",
        "SHOW ALL LIKE ttl",
    ];
    check(&texts, expect_file!["errors/mutations.txt"]);
}

/// Where a condition stands.
fn after_where(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| format!("DELETE FROM a WHERE {text}")).collect()
}

#[test]
fn expressions_that_are_none() {
    let texts = after_where(&[
        "a = ",
        "= 1",
        "a = = 1",
        "a === 1",
        "a < b < c",
        "a = NOT b",
        "a NOT b",
        "a IS",
        "a IS TRUE",
        "a IS NULL IS NULL",
        "a LIKE 'x' LIKE 'y'",
        "a LIKE 'x' ESCAPE 'yz'",
        "a LIKE 'x' ESCAPE ''",
        "a LIKE 'x' ESCAPE 5",
        "a BETWEEN 1",
        "a BETWEEN 1 OR 2",
        "a IN ()",
        "a IN (1, 2",
        "a IN (1, )",
        "a IN",
        "(a",
        "(a = 1 b)",
        "()",
        "a)",
        "[1",
        "[1,]",
        "[1 2]",
        "{'a' 1}",
        "{'a': 1",
        "{'a': 1,}",
        "{1: 1}",
        "{a: 1}",
        "+1",
        "a + ",
        "a . ",
        "a.0 = 1",
        "a.'b' = 1",
        "a['b'] = 1",
        "a[b] = 1",
        "a[-1] = 1",
        "a[:b] = 1",
        "a[0 = 1",
        "a = :",
        "a = : b",
        "a = :1",
        "a = ?",
        "a = $1",
        "a && b",
        "a | b",
        "!a",
        "CASE a END",
        "CASE WHEN a THEN 1",
        "CASE WHEN a 1 END",
        "CASE WHEN a THEN 1 ELSE 2 WHEN b THEN 3 END",
        "CAST(a)",
        "CAST(a AS date)",
        "CAST(a, string)",
        "CAST(a AS 'string')",
        "POSITION('a')",
        "TRIM(BOTH 'a')",
        "ANY x IN a END",
        "ANY x IN a SATISFIES x",
        "EVERY i: IN a SATISFIES x END",
        "ARRAY x FOR y END",
        "ARRAY x IN a END",
        "a = 1 AND OR b = 2",
        "a = 1 AND",
    ]);
    check(&texts.iter().map(String::as_str).collect::<Vec<_>>(), expect_file!["errors/expressions.txt"]);
}

#[test]
fn calls_that_are_none() {
    let texts = after_where(&[
        "start_with(a, 'x')",
        "harbour(a)",
        "LENGTH(a) > 1",
        "now() > b",
        "if(b, c, d)",
        "size(b) > 1",
        "`Lowr`(a) = 'x'",
        "abs()",
        "abs(1, 2)",
        "substr(a)",
        "concat()",
        "decode(a, b)",
        "contains(a, 'b'",
        "contains(a 'b')",
        "contains(, a)",
        "count()",
        "count(a, b)",
        "count(DISTINCT *)",
        "count(*, a)",
        "sum(*)",
        "min(DISTINCT a)",
        "lower(DISTINCT a)",
    ]);
    check(&texts.iter().map(String::as_str).collect::<Vec<_>>(), expect_file!["errors/calls.txt"]);
}

#[test]
fn tokens_that_are_none() {
    let texts = after_where(&[
        "a = 'x",
        "a = \"x'",
        r"a = 'x\'",
        r"a = 'x\",
        "a = 'it''s'",
        "a = \"say \"\"x\"\"\"",
        r"a = '\u12'",
        r"a = '\ud800'",
        r"a = '\ud800\u0041'",
        r"a = '\udc00'",
        "`a = 1",
        "`a``",
        "a = 01",
        "a = 1.",
        "a = .5",
        "a = 1e",
        "a = 1e400",
        "a = 18446744073709551616",
        "a = -9223372036854775809",
        "a = 0x",
        "a = 0x10000000000000000",
        "a = 0xfg",
        "a = 2fa",
        "größe = 1",
        "a = ‘x’",
        "a = \0",
        "a # b",
        "a = 1 /* b",
        "a = 1 \u{1f600}",
    ]);
    check(&texts.iter().map(String::as_str).collect::<Vec<_>>(), expect_file!["errors/tokens.txt"]);
}

#[test]
fn lines_and_columns_count_characters() {
    let texts = [
        "SELECT *\nFROM a\n  WHERE b = 'größe' c\nLIMIT 1",
        "SELECT `größe`, '😀' FROM a\r\nWHERE b =\r\n",
        "/* a\nb */ SELECT -- c\n * FROM d WHERE",
        "SELECT 'a\nb' FROM c d e",
    ];
    check(&texts, expect_file!["errors/lines_and_columns.txt"]);
}

#[test]
fn limits_that_are_crossed() {
    let select = |what: &str| format!("SELECT {what} FROM a");
    let repeated = |piece: &str, count: usize| vec![piece; count].join(", ");
    let texts = [
        select(&format!("'{}'", "é".repeat(limits::STATEMENT_BYTES_MAX / 2))),
        select(&format!("{}b{}", "(".repeat(65), ")".repeat(65))),
        select(&format!("{}b", "NOT ".repeat(65))),
        select(&format!("{}b", "- ".repeat(65))),
        select(&format!("{}{}", "[".repeat(65), "]".repeat(65))),
        select(&format!("{}1{}", "{'b':".repeat(65), "}".repeat(65))),
        select(&format!("{}b{}", "abs(".repeat(65), ")".repeat(65))),
        select(&format!("{}b{}", "CASE WHEN ".repeat(65), " THEN 1 END".repeat(65))),
        select(&vec!["b"; 258].join(" + ")),
        select(&format!("b{}", ".b".repeat(64))),
        select(&repeated("b", limits::TERMS_MAX + 1)),
        select(&format!("b IN ({})", repeated("1", limits::LIST_MAX + 1))),
        select(&format!("[{}]", repeated(":b", limits::LIST_MAX + 1))),
        format!("UPDATE a SET {}b = 1{}", "b -> (".repeat(65), ")".repeat(65)),
        format!("UPDATE a SET {}b.c = 1{}", "b -> (".repeat(63), ")".repeat(63)),
        format!("UPDATE a SET {} -> ({})", "b".repeat(50_000), repeated("c = 1", 1000)),
        format!("SELECT * FROM COLLECTION a {} (b REGISTER){}", "(b MAP ".repeat(65), ")".repeat(65)),
    ];
    check(&texts.each_ref().map(String::as_str), expect_file!["errors/limits.txt"]);
}

#[test]
fn what_is_at_a_limit_is_a_statement() {
    let select = |what: &str| format!("SELECT {what} FROM a");
    let repeated = |piece: &str, count: usize| vec![piece; count].join(",");
    for text in [
        select(&format!("'{}'", "b".repeat(limits::STATEMENT_BYTES_MAX - 16))),
        select(&format!("{}b{}", "(".repeat(64), ")".repeat(64))),
        select(&format!("{}{}", "[".repeat(64), "]".repeat(64))),
        select(&vec!["b"; 257].join(" + ")),
        select(&format!("b{}", ".b".repeat(63))),
        select(&repeated("b", limits::TERMS_MAX)),
        select(&vec!["b"; limits::TERMS_MAX / 2].join(" OR ")),
        select(&format!("b IN ({})", repeated("-1", limits::LIST_MAX))),
        format!("UPDATE a SET {}b = 1{}", "b -> (".repeat(63), ")".repeat(63)),
    ] {
        if let Err(error) = Statement::parse(&text) {
            panic!("{}: {error}", shown(&text));
        }
    }
}
