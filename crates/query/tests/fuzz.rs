//! Statements that nobody would write: mutated texts, random arguments and documents. None panics,
//! every error has its place in the text, and no evaluation takes more than it was granted.
//!
//! `cargo xtask fuzz` tries as many as one has time for; `FUZZ_CASES` says how many.

use std::iter::repeat_with;

use document::{Document, DocumentId, Map, SiteId, Stamp, Value, WriteRules};
use query::dql::{Bound, Constants, Documents, Select, Statement, SyntaxError};
use query::{Budget, Filter, Query};

/// How many are tried, where nothing else is said.
const CASES: u64 = 20_000;

/// What one statement is granted.
const STEPS: u64 = 4_000_000;

const SEEDS: &[&str] = &[
    "SELECT * FROM shelf",
    "SELECT title, pages + 1 AS more, author.name FROM shelf s WHERE s.pages >= :least AND NOT lent ORDER BY pages DESC LIMIT 3 OFFSET :skip",
    "SELECT DISTINCT kind FROM shelf WHERE title LIKE '%a_b%' ESCAPE '!' OR title ILIKE :text",
    "SELECT kind, COUNT(*) AS count, SUM(DISTINCT pages), AVG(pages), MIN(title), MAX(tags), MEDIAN(pages) FROM shelf GROUP BY kind HAVING COUNT(pages) > 1 ORDER BY count",
    "SELECT CASE kind WHEN 1 THEN 'a' WHEN :least THEN 'b' ELSE kind END, CAST(pages AS STRING) FROM shelf USE IDS 'a', 2",
    "SELECT ANY i: t IN tags SATISFIES t = 'x' AND i > 0 END, ARRAY upper(t) FOR t WITHIN author WHEN is_string(t) END FROM shelf",
    "SELECT substr(title, 1, 3) || lpad(kind, 9, '-'), split(title, ' ')[0], repeat(title, pages), regexp_like(title, '^(a|b)+$', 'i') FROM shelf",
    "SELECT date_add(at, 'month', pages), date_trunc(at, 'week'), date_format(at, '%Y-%m-%d %H:%M:%S'), date_diff(at, clock(), 'day') FROM shelf",
    "SELECT pages BETWEEN 1 AND 5, pages NOT IN (1, 2.0, :least), kind IN :list, 1 << pages, -pages % 7, 5 / pages, `odd name`.x FROM default:shelf",
    "SELECT object_set(author, title, tags), object_concat(author, {'a': [1, {'b': null}]}), serialize_json(author), deserialize_json(title), *, MISSING tags FROM shelf",
    "INSERT INTO shelf DOCUMENTS (:document), ({'_id': 'q', 'a': {'b': [1, 2, 'x']}}) ON ID CONFLICT DO UPDATE_LOCAL_DIFF RETURNING _id",
    "INSERT INTO COLLECTION shelf (author MAP(name REGISTER), n COUNTER, cover ATTACHMENT) INITIAL VALUES (:list)",
    "INSERT INTO shelf SELECT title AS _id, pages FROM shelf WHERE pages IS NOT MISSING",
    "UPDATE shelf SET pages = pages - 1, author.name = lower(author.name), tags = :list UNSET kind, author.old WHERE pages > 0 LIMIT 10 RETURNING *",
    "UPDATE COLLECTION shelf (n COUNTER, author MAP) APPLY n INCREMENT BY pages SET author -> (name = :text, born -> tombstone()), kind -> default() WHERE _id = 'a'",
    "DELETE FROM shelf WHERE title IS NULL OR starts_with(title, :text) RETURNING title",
    "CREATE INDEX IF NOT EXISTS by_kind ON shelf (kind, author.name DESC)",
    "EXPLAIN SELECT /* why */ * FROM shelf -- because\nWHERE kind = 'x';",
    "/*+ {\"#index\": \"by_kind\"} */ SELECT COUNT(*) FROM shelf USE INDEX ''",
];

/// Pieces that are put anywhere.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "`",
    "\\",
    ",",
    ".",
    ":",
    ";",
    "--",
    "/*",
    "*/",
    "*",
    "=",
    "->",
    "||",
    "<<",
    "%",
    "_",
    "\n",
    " NOT ",
    " AND ",
    " OR ",
    " IS MISSING ",
    " LIKE '%_%_%_%_%'",
    " BETWEEN ",
    " IN ",
    " CASE ",
    " END ",
    " ANY x IN ",
    " GROUP BY ",
    "9223372036854775808",
    "-1",
    "1e308",
    "0xFFFFFFFFFFFFFFFF",
    "1e999",
    "\\ud800",
    "\\u0000",
    "\u{0}",
    "é",
    "😀",
    "null",
    "true",
    "count(",
    "_id",
    "repeat('x', 1000000)",
    ":text",
    ":list",
    ":document",
];

/// Xorshift: cases come again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn text(&mut self) -> String {
        let mut text: Vec<char> = self.one_of(SEEDS).chars().collect();
        for _ in 0..self.below(6) {
            let at = self.below(text.len() + 1);
            match self.below(5) {
                0 => drop(text.splice(at..at, self.one_of(PIECES).chars())),
                1 => text.truncate(at.max(1)),
                2 => drop(text.drain(at..(at + self.below(9)).min(text.len()))),
                3 => {
                    let other: Vec<char> = self.one_of(SEEDS).chars().collect();
                    let from = self.below(other.len());
                    drop(text.splice(at..at, other[from..(from + 40).min(other.len())].iter().copied()));
                }
                _ => {
                    let part: Vec<char> = text[at..(at + self.below(30)).min(text.len())].to_vec();
                    let times = 1 + self.below(200);
                    let repeated: Vec<char> = repeat_with(|| part.clone()).take(times).flatten().collect();
                    drop(text.splice(at..at, repeated));
                }
            }
        }
        text.into_iter().collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 7 } else { 9 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => Value::Int(self.one_of(&[0, 1, -1, 7, i64::MAX, i64::MIN])),
            3 => Value::Uint(u64::MAX - self.below(3) as u64),
            4 => Value::Float(self.one_of(&[0.0, -0.0, 0.5, 1e300, -2.0, 1e-300])),
            5 => Value::String(
                self.one_of(&["", "a", "Ab c", "2024-02-29T10:00:00Z", "%_\\", "{\"x\":1}", "[1", "é😀"]).to_owned(),
            ),
            6 => Value::String("ab".repeat(self.below(300))),
            7 => Value::Array(repeat_with(|| self.value(depth - 1)).take(3).collect()),
            _ => Value::Map(self.map(depth - 1)),
        }
    }

    fn map(&mut self, depth: usize) -> Map {
        const NAMES: [&str; 9] = ["title", "pages", "kind", "author", "tags", "name", "at", "n", "odd name"];
        let names: Vec<&str> = (0..self.below(7)).map(|_| self.one_of(&NAMES)).collect();
        Map::from_fields(names.into_iter().map(|name| (name.to_owned(), self.value(depth))).collect())
    }
}

#[test]
fn no_statement_breaks_anything() {
    let cases = std::env::var("FUZZ_CASES").map_or(CASES, |cases| cases.parse().expect("FUZZ_CASES is a number"));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0_u64;
    for _ in 0..cases {
        let text = random.text();
        taken += u64::from(tried(&text, &mut random));
    }
    assert!(taken * 20 > cases, "of {cases} only {taken} were statements: the mutations are too wild");
}

/// Whether it was a statement.
fn tried(text: &str, random: &mut Random) -> bool {
    // What is a condition of either language, or none, is found out without a panic too.
    drop(Query::parse(text));
    if let Err(query::dql::ConditionError::Syntax(error)) = query::dql::condition(text) {
        assert_has_place(text, &error);
    }
    let statement = match Statement::parse(text) {
        Ok(statement) => statement,
        Err(error) => {
            assert_has_place(text, &error);
            return false;
        }
    };
    let mut args = Map::from_fields(vec![
        ("least".into(), Value::Int(3)),
        ("skip".into(), Value::Int(0)),
        ("text".into(), random.value(0)),
        ("list".into(), Value::Array(vec![random.value(1), random.value(2)])),
        ("document".into(), Value::Map(random.map(3))),
    ]);
    if random.below(8) == 0 {
        args = random.map(2);
    }
    let constants = Constants {
        now_ms: 1_709_201_472_000,
        strict: random.below(2) == 0,
        request_info: Map::new(),
        zone_offset: None,
    };
    let Ok(bound) = statement.bind(&args, &constants) else { return true };
    run(&bound, random);
    true
}

fn assert_has_place(text: &str, SyntaxError { line, column, message }: &SyntaxError) {
    let lines: Vec<&str> = text.split('\n').collect();
    let found = line.checked_sub(1).and_then(|at| lines.get(at));
    let length = found.map(|line| line.chars().count());
    assert!(length.is_some_and(|length| (1..=length + 1).contains(column)), "{text:?}: {message} at {line}:{column}");
}

fn run(bound: &Bound, random: &mut Random) {
    match bound {
        Bound::Select(select) => run_select(select, random),
        Bound::Explain(explained) => run(explained, random),
        Bound::Insert(insert) => {
            if let Documents::Select(select) = &insert.documents {
                run_select(select, random);
            }
            drop(insert.document_of_row(random.map(2)));
        }
        Bound::Update(update) => {
            run_select(update.selection(), random);
            let stamp = |n: u64| Stamp { time: n << 16, site: SiteId(7) };
            let mut document = Document::new();
            document.upsert(&random.map(3), &[], stamp(1), WriteRules::NEWEST);
            let mut budget = Budget::new(STEPS);
            if let Ok(commands) = update.decide(&id(), &document, &mut budget) {
                drop(document.update(&commands, stamp(2), WriteRules::NEWEST));
            }
        }
        Bound::Delete(delete) => run_select(&delete.selection, random),
        Bound::CreateIndex(_) | Bound::DropIndex(_) | Bound::Show(_) => {}
    }
}

fn id() -> DocumentId {
    DocumentId::from_value(&Value::String("a".into())).expect("a text is an id")
}

fn run_select(select: &Select, random: &mut Random) {
    let filter: &Filter = select.filter();
    let (ids, alternatives) = (filter.ids(), filter.alternatives());
    let mut budget = Budget::new(STEPS);
    let (paged, mut made) = (select.sort().is_some() && random.below(2) == 0, Vec::new());
    let mut rows = select.rows(paged);
    for _ in 0..4 {
        let fields = random.map(3);
        let Ok(matches) = filter.matches(&id(), &fields, &mut budget) else { return };
        assert!(!matches || ids.as_ref().is_none_or(|ids| ids.contains(&id())));
        assert!(!matches || !alternatives.is_empty());
        if matches && !rows.push(&id(), &fields, &mut budget, &mut made).unwrap_or(false) {
            break;
        }
    }
    if let Ok(rest) = rows.finish(&mut budget) {
        made.extend(rest);
    }
    for row in made {
        let mut json = Vec::new();
        row.write_json(&mut json);
        Value::from_json(&json).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&json)));
    }
}
