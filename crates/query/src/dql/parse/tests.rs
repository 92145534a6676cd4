//! Which tree a text makes.

use document::{FieldType, Value};

use super::super::function::Function;
use super::super::syntax::*;
use super::{parse, parse_condition};

/// Both are the same tree.
#[track_caller]
fn same(text: &str, written_out: &str) {
    let tree = |text: &str| parse_condition(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(tree(text), tree(written_out), "{text}");
}

fn select(text: &str) -> Select {
    match parse(text).unwrap_or_else(|error| panic!("{text}: {error}")) {
        Tree::Select(select) => select,
        other => panic!("{other:?}"),
    }
}

fn update(text: &str) -> Update {
    match parse(text).unwrap_or_else(|error| panic!("{text}: {error}")) {
        Tree::Update(update) => update,
        other => panic!("{other:?}"),
    }
}

fn steps(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn path(name: &str) -> Expression {
    Expression::Path(vec![Step::Field(name.to_owned())])
}

fn integer(number: i64) -> Expression {
    Expression::Literal(Value::Int(number))
}

fn value(expression: Expression, name: Option<&str>) -> Item {
    Item::Value { expression, name: name.map(str::to_owned) }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    for (text, written_out) in [
        ("a OR b AND c", "a OR (b AND c)"),
        ("a OR b XOR c AND d", "a OR (b XOR (c AND d))"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("NOT a = b", "NOT (a = b)"),
        ("NOT NOT a IS NULL", "NOT (NOT (a IS NULL))"),
        ("a = 1 IS MISSING", "(a = 1) IS MISSING"),
        ("a = b LIKE c", "(a = b) LIKE c"),
        ("a LIKE b = c", "a LIKE (b = c)"),
        ("a LIKE b || '%' AND c", "(a LIKE (b || '%')) AND c"),
        ("a < b << 1", "a < (b << 1)"),
        ("a << b + 1", "a << (b + 1)"),
        ("a - b - c", "(a - b) - c"),
        ("a || b + c", "(a || b) + c"),
        ("a * b / c % d", "((a * b) / c) % d"),
        ("a + b * c", "a + (b * c)"),
        ("-a * b", "(-a) * b"),
        ("- -a", "-(-a)"),
        ("a BETWEEN 1 + 1 AND 3 AND b", "(a BETWEEN (1 + 1) AND 3) AND b"),
        ("a NOT BETWEEN 1 AND 2 OR b", "(a NOT BETWEEN 1 AND 2) OR b"),
        ("a IN :list AND b", "(a IN :list) AND b"),
        ("a == b", "a = b"),
        ("a <> b", "a != b"),
        ("a IS UNKNOWN", "a IS NULL"),
        ("a -1", "a - 1"),
        ("a AND b AND c AND d", "(a AND b) AND (c AND d)"),
        ("a OR b OR c OR d OR e", "((a OR b) OR c) OR (d OR e)"),
    ] {
        same(text, written_out);
    }
}

#[test]
fn words_are_taken_in_any_case() {
    same(
        "not a in [1] and b like 'x' or case when c then TRUE else Null end",
        "NOT a IN [1] AND b LIKE 'x' OR CASE WHEN c THEN true ELSE null END",
    );
    same("Starts_With(a, 'x') = Any x In y Satisfies x End", "STARTS_WITH(a, 'x') = ANY x IN y SATISFIES x END");
}

#[test]
fn literals_are_read_to_the_bit() {
    let literal = |text: &str| match parse_condition(text).unwrap() {
        Expression::Literal(value) => value,
        other => panic!("{other:?}"),
    };
    assert_eq!(literal("-9223372036854775808"), Value::Int(i64::MIN));
    assert_eq!(literal("9223372036854775807"), Value::Int(i64::MAX));
    assert_eq!(literal("9223372036854775808"), Value::Uint(1 << 63));
    assert_eq!(literal("18446744073709551615"), Value::Uint(u64::MAX));
    assert_eq!(literal("0xFF"), Value::Int(255));
    assert_eq!(literal("- 0x10"), Value::Int(-16));
    assert_eq!(literal("-2.5e-1"), Value::Float(-0.25));
    assert_eq!(literal("1e3"), Value::Float(1000.0));
    assert_eq!(literal(r#"'\u00e9\ud83d\ude00\q"\''"#), Value::String("é😀q\"'".into()));
}

#[test]
fn lists_of_in() {
    let list = |text: &str| match parse_condition(text).unwrap() {
        Expression::In { list, .. } => list,
        other => panic!("{other:?}"),
    };
    let parameter = || Expression::Parameter("p".into());
    assert_eq!(list("x IN (:p)"), InList::Each(vec![parameter()]));
    assert_eq!(list("x NOT IN (1, y)"), InList::Each(vec![integer(1), path("y")]));
    assert_eq!(list("x IN :p"), InList::Array(Box::new(parameter())));
    assert_eq!(list("x IN [1]"), InList::Array(Box::new(Expression::Array(vec![integer(1)]))));
    assert_eq!(list("x IN y"), InList::Array(Box::new(path("y"))));
}

#[test]
fn calls_of_their_own_form() {
    let call = |function, arguments| Expression::Call { function, arguments };
    let string = |text: &str| Expression::Literal(Value::String(text.into()));
    assert_eq!(parse_condition("POSITION('b' IN a)"), Ok(call(Function::Pos, vec![path("a"), string("b")])));
    same("position('b' in a)", "pos(a, 'b')");
    same("TRIM(LEADING 'x' FROM a)", "ltrim(a, 'x')");
    same("TRIM(TRAILING 'x' FROM a)", "rtrim(a, 'x')");
    same("TRIM(BOTH 'x' FROM a)", "`trim`(a, 'x')");
    same("TRIM(a)", "trim(a)");
    same("CAST(a AS integer)", "cast(a, 'INTEGER')");
    assert_eq!(parse_condition("trim(both)"), Ok(call(Function::Trim, vec![path("both")])));
}

#[test]
fn aggregates() {
    let aggregate = |aggregate, distinct, argument: Option<Expression>| {
        Ok(Expression::Aggregate { aggregate, distinct, argument: argument.map(Box::new) })
    };
    assert_eq!(parse_condition("COUNT(*)"), aggregate(Aggregate::Count, false, None));
    assert_eq!(parse_condition("count(DISTINCT a)"), aggregate(Aggregate::Count, true, Some(path("a"))));
    assert_eq!(parse_condition("sum(distinct)"), aggregate(Aggregate::Sum, false, Some(path("distinct"))));
    assert_eq!(parse_condition("Median(a)"), aggregate(Aggregate::Median, false, Some(path("a"))));
}

#[test]
fn bindings() {
    let Ok(Expression::Quantified { quantifier, binding, .. }) =
        parse_condition("ANY AND EVERY i:x WITHIN list SATISFIES x > i END")
    else {
        panic!("it is one");
    };
    assert_eq!(quantifier, Quantifier::AnyAndEvery);
    let list = Box::new(path("list"));
    assert_eq!(binding, Binding { index: Some("i".into()), name: "x".into(), within: true, list });
    let Ok(Expression::Comprehension { element, condition, .. }) = parse_condition("ARRAY x.name FOR x IN list END")
    else {
        panic!("it is one");
    };
    assert_eq!(
        (*element, condition),
        (Expression::Path(vec![Step::Field("x".into()), Step::Field("name".into())]), None)
    );
}

#[test]
fn keywords_are_names_where_no_clause_begins() {
    let select = select(
        "SELECT count, date text, order.group AS from, case, array[0], any, end FROM documents value \
         WHERE limit = 1 AND from = set ORDER BY timestamp DESC, end LIMIT 5 OFFSET :limit",
    );
    assert_eq!(select.source.name, "documents");
    assert_eq!(select.source.alias.as_deref(), Some("value"));
    let names = |item: &Item| match item {
        Item::Value { name, .. } => name.clone(),
        other => panic!("{other:?}"),
    };
    let expected = [None, Some("text"), Some("from"), None, None, None, None].map(|name| name.map(str::to_owned));
    assert_eq!(select.projection.items.iter().map(names).collect::<Vec<_>>(), expected);
    assert_eq!(select.tail.order.iter().map(|key| key.descending).collect::<Vec<_>>(), [true, false]);
    assert_eq!(select.tail.offset, Some(Expression::Parameter("limit".into())));
    let update = update("UPDATE c SET value = 1, date = 2 UNSET text WHERE mode = 'x'");
    assert_eq!(
        update.set.iter().map(|set| set.path.clone()).collect::<Vec<_>>(),
        [steps(&["value"]), steps(&["date"])]
    );
    assert_eq!(update.unset, [steps(&["text"])]);
}

#[test]
fn sources() {
    let source = |text: &str| select(&format!("SELECT * FROM {text}")).source;
    assert_eq!(source("default:boats").name, "boats");
    assert_eq!(source("System:indexes").name, "system:indexes");
    assert_eq!(source("__collections c").name, "system:collections");
    assert_eq!(source("`two words`").name, "two words");
    let used = source("boats AS b USE IDS 'x', :y USE INDEX 'by_name' WHERE a");
    assert_eq!(used.alias.as_deref(), Some("b"));
    assert!(matches!(used.use_ids, Some(UseIds::Each(ids)) if ids.len() == 2));
    assert_eq!(used.use_index.as_deref(), Some("by_name"));
    assert!(matches!(source("boats USE IDS LIST :ids").use_ids, Some(UseIds::List(_))));
    assert_eq!(source(r##"boats USE DIRECTIVES '{"#index": "by_name"}'"##).use_index.as_deref(), Some("by_name"));
    assert_eq!(source(r##"boats USE DIRECTIVES '{"#index": ["a", "b"]}'"##).use_index, None);
    let definitions =
        source("COLLECTION boats (crew MAP (size REGISTER, seen PN_COUNTER), photo ATTACHMENT)").definitions;
    let expected = [
        (steps(&["crew"]), FieldType::Map),
        (steps(&["crew", "size"]), FieldType::Register),
        (steps(&["crew", "seen"]), FieldType::Counter),
        (steps(&["photo"]), FieldType::Attachment),
    ];
    assert_eq!(definitions, expected);
}

#[test]
fn items_of_every_field() {
    let items = |text: &str| select(text).projection.items;
    assert_eq!(items("SELECT * FROM boats"), [Item::All]);
    assert_eq!(items("SELECT boats.*, 1 FROM boats"), [Item::All, value(integer(1), None)]);
    assert_eq!(items("SELECT b.*, boats.* FROM boats b"), [Item::All, Item::All]);
    assert_eq!(items("SELECT crew.* FROM boats"), [Item::AllOf(vec![Step::Field("crew".into())])]);
    let crew = vec![Step::Field("crew".into()), Step::Index(0)];
    assert_eq!(items("SELECT crew[0].*, MISSING crew[0] FROM boats"), [Item::AllOf(crew.clone()), Item::Without(crew)]);
    assert_eq!(
        items("SELECT missing, missing FROM boats"),
        [value(path("missing"), None), value(path("missing"), None)]
    );
    let Ok(Tree::Delete(delete)) = parse("TOMBSTONE FROM boats b WHERE sunk RETURNING b.*, 1 one") else {
        panic!("it is one");
    };
    assert_eq!(delete.returning, Some(Projection { items: vec![Item::All, value(integer(1), Some("one"))] }));
}

#[test]
fn what_is_set_within_is_flattened() {
    let set =
        update("UPDATE boats SET a -> (b = 1, c -> (d = 2, e.f -> tombstone())), g -> default(), `h i`.j = 3").set;
    let expected = [
        (steps(&["a", "b"]), Assigned::Value(integer(1))),
        (steps(&["a", "c", "d"]), Assigned::Value(integer(2))),
        (steps(&["a", "c", "e", "f"]), Assigned::Tombstone),
        (steps(&["g"]), Assigned::Default),
        (steps(&["h i", "j"]), Assigned::Value(integer(3))),
    ];
    assert_eq!(set, expected.map(|(path, value)| Assignment { path, value }));
}

#[test]
fn counters() {
    let update = update(
        "UPDATE COLLECTION boats (n COUNTER) UNSET x SET y = 1 APPLY n INCREMENT BY -1, a.b RESTART WITH 5, c RESTART",
    );
    let changes = [
        (steps(&["n"]), CounterChange::Increment(integer(-1))),
        (steps(&["a", "b"]), CounterChange::Restart(Some(integer(5)))),
        (steps(&["c"]), CounterChange::Restart(None)),
    ];
    assert_eq!(update.apply, changes.map(|(path, change)| Apply { path, change }));
    assert_eq!((update.set.len(), update.unset.len()), (1, 1));
}

#[test]
fn inserts() {
    let insert = |text: &str| match parse(text).unwrap_or_else(|error| panic!("{text}: {error}")) {
        Tree::Insert(insert) => insert,
        other => panic!("{other:?}"),
    };
    let two = insert("INSERT INTO boats DOCUMENTS(:a),(:b) ON ID CONFLICT MERGE RETURNING _id");
    assert!(matches!(two.documents, InsertSource::Documents(documents) if documents.len() == 2));
    assert_eq!((two.conflict, two.initial), (ConflictPolicy::Update, false));
    assert!(insert("INSERT INTO boats INITIAL VALUES ({'a': 1})").initial);
    let copied = insert("INSERT INTO old SELECT * FROM boats WHERE sunk ON ID CONFLICT DO UPDATE_LOCAL_DIFF");
    assert!(matches!(copied.documents, InsertSource::Select(select) if select.source.alias.is_none()));
    assert_eq!(copied.conflict, ConflictPolicy::UpdateLocalDiff);
}

#[test]
fn indexes_are_written_in_two_ways() {
    let create = "CREATE INDEX IF NOT EXISTS by_name ON boats (name, crew.size DESC)";
    let index = CreateIndex {
        name: "by_name".into(),
        collection: "boats".into(),
        keys: vec![(steps(&["name"]), false), (steps(&["crew", "size"]), true)],
        if_not_exists: true,
    };
    assert_eq!(parse(create), Ok(Tree::CreateIndex(index)));
    let fields = "(name ASC, crew.size DESC)";
    assert_eq!(parse(&format!("CREATE INDEX IF NOT EXISTS default:boats.by_name {fields}")), parse(create));
    assert_eq!(parse("DROP INDEX if ON boats"), parse("drop index boats.if"));
}

#[test]
fn shown_and_explained() {
    let like = Like { pattern: "%x%".into(), any_case: true };
    assert_eq!(parse("SHOW ALL ILIKE '%x%'"), Ok(Tree::Show(Show::All { like: Some(like) })));
    assert_eq!(parse("show version;"), Ok(Tree::Show(Show::Name("version".into()))));
    let explained = parse("DELETE FROM boats").map(|tree| Tree::Explain(Box::new(tree)));
    assert_eq!(parse("-- why?\nEXPLAIN /*+ {} */ DELETE FROM boats ; -- done"), explained);
}

#[test]
fn objects_have_fields_as_keys_where_nothing_is_written() {
    let Ok(Expression::Object(fields)) = parse_condition("{'a'::p, b: 1, `c d`.e:[]}") else { panic!("it is one") };
    assert_eq!(fields[0], (Expression::Literal(Value::String("a".into())), Expression::Parameter("p".into())));
    assert_eq!(fields[1], (path("b"), integer(1)));
    assert_eq!(fields.len(), 3);
}

#[test]
fn a_condition_stands_alone() {
    let error = |text: &str| parse_condition(text).expect_err(text).to_string();
    assert_eq!(error(" "), "expected a condition at line 1, column 2");
    assert_eq!(error("a = 1;"), "expected the end of the condition, found `;` at line 1, column 6");
    assert_eq!(error("a = 1\n ORDER BY b"), "expected the end of the condition, found `ORDER` at line 2, column 2");
    assert_eq!(error("a AND"), "expected an expression, found the end of the text at line 1, column 6");
    assert!(parse_condition("/* every */ deleted -- one").is_ok());
}

#[test]
fn a_whole_statement_is_no_condition() {
    let told = "expected a condition alone, as it stands after WHERE, not a whole SELECT";
    assert_eq!(
        parse_condition("SELECT * FROM people WHERE age > 3").map_err(|error| error.message),
        Err(told.to_owned())
    );
    assert!(parse_condition("select > 3").is_ok());
}
