//! The law: what is found by a plan is what a look at all documents finds, filtered, sorted and cut, in one piece and
//! page by page, by one plan or by another for each page; and what is counted is as many. In either language, and of
//! what is granted.
//!
//! `FIND_CASES` says how many random collections are tried (120 if not given), each with 30 queries.

use std::{collections::BTreeMap, sync::Arc};

use document::{DocumentId, Map, Value};
use find::{
    Cursor, Fingerprint, IndexUse, Plan, Query, SortKey, plan, plan_count, plan_documents_ids, plan_ids, plan_in_place,
};
use proptest::{prelude::*, test_runner::TestRunner};
use query::{Budget, Filter, IdRules, Language, compare_for_sort, dql};
use store::Snapshot;

use crate::support::{Counting, World, name, path, read};

const PATHS: [&str; 4] = ["a", "b", "c.d", "c"];

/// What may stand at a field of a collection: an index can give an order only where that is of few kinds.
#[derive(Debug, Clone, Copy)]
enum Palette {
    Numbers,
    NumbersAndNulls,
    Texts,
    Times,
    Any,
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number() -> BoxedStrategy<Value> {
    let exact = 1_i64 << 53;
    let edges = vec![
        Value::Int(exact - 1),
        Value::Int(exact),
        Value::Int(exact + 1),
        Value::Float(exact as f64),
        Value::Float(-0.0),
        Value::Float(0.0),
        Value::Float(1.0),
        Value::Float(1.5),
        Value::Uint(u64::MAX),
    ];
    prop_oneof![3 => (-1_i64..3).prop_map(Value::Int), 1 => prop::sample::select(edges)].boxed()
}

fn plain_text() -> BoxedStrategy<Value> {
    let few = vec![text(""), text("a"), text("a\0b"), text("ab"), text("b"), text("2024"), text("é")];
    prop_oneof![
        20 => prop::sample::select(few),
        1 => (0..3_usize).prop_map(|n| Value::String(format!("{}{n}", "a".repeat(1_500)))),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Value> {
    (1..4_u8, 0..2_u8).prop_map(|(day, hour)| text(&format!("2024-02-0{day}T1{hour}:00:00Z"))).boxed()
}

fn any_time() -> BoxedStrategy<Value> {
    let few = ["2024-02-01", "2024-02-01T10:00:00+02:00", "2024-02-01T08:00:00.5Z", "2024-02-02T00:00:00.0Z"];
    prop_oneof![1 => time(), 1 => prop::sample::select(few.to_vec()).prop_map(text)].boxed()
}

fn any_value() -> BoxedStrategy<Value> {
    prop_oneof![
        2 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::Bool),
        4 => number(),
        3 => plain_text(),
        3 => any_time(),
        1 => prop::collection::vec(number(), 0..2).prop_map(Value::Array),
        1 => number().prop_map(|d| Value::Map(Map::from_fields(vec![("d".to_owned(), d)]))),
    ]
    .boxed()
}

fn value(palette: Palette) -> BoxedStrategy<Option<Value>> {
    match palette {
        Palette::Numbers => prop_oneof![6 => number(), 1 => any::<bool>().prop_map(Value::Bool)].prop_map(Some).boxed(),
        Palette::NumbersAndNulls => {
            prop_oneof![4 => number().prop_map(Some), 1 => Just(Some(Value::Null)), 1 => Just(None)].boxed()
        }
        Palette::Texts => prop_oneof![5 => plain_text(), 1 => number()].prop_map(Some).boxed(),
        Palette::Times => prop_oneof![8 => time().prop_map(Some), 1 => Just(None)].boxed(),
        Palette::Any => prop_oneof![9 => any_value().prop_map(Some), 1 => Just(None)].boxed(),
    }
}

fn id() -> BoxedStrategy<DocumentId> {
    let few = ["a", "ab", "B", "b\"c", "\\", "\n", "2024-02-01", "2024-02-01T00:00Z", "z", "Z1", "é"];
    let texts = prop::sample::select(few.to_vec()).prop_map(text);
    let value = prop_oneof![
        3 => texts,
        2 => (0..30_i64).prop_map(|n| Value::String(format!("k{n}"))),
        2 => (-3_i64..12).prop_map(Value::Int),
        1 => (0..3_i64).prop_map(|n| Value::Map(Map::from_fields(vec![("x".to_owned(), Value::Int(n))]))),
    ];
    value.prop_map(|value| DocumentId::from_value(&value).unwrap()).boxed()
}

#[derive(Debug, Clone)]
struct Collection {
    /// Before and behind the indexes are made; `None` removes.
    documents: Vec<(DocumentId, Option<Map>)>,
    indexed_at: usize,
    indexes: Vec<Vec<(usize, bool)>>,
    asked: Vec<Asked>,
}

#[derive(Debug, Clone)]
struct Asked {
    query: String,
    args: Map,
    dql: String,
    sort: Vec<(usize, bool)>,
    offset: usize,
    limit: Option<usize>,
    page: usize,
    /// Rules of which any grants; `None`: all is granted.
    granted: Option<Vec<&'static str>>,
}

fn fields(palettes: [Palette; 3]) -> BoxedStrategy<Map> {
    let [a, b, d] = palettes.map(value);
    (a, b, d, prop::option::weighted(0.05, any_value()))
        .prop_map(|(a, b, d, c)| {
            let nested = d.map(|d| Value::Map(Map::from_fields(vec![("d".to_owned(), d)])));
            let fields = [("a", a), ("b", b), ("c", c.or(nested)), ("filler", Some(Value::Int(7)))];
            let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Map::from_fields(fields.collect())
        })
        .boxed()
}

fn leaf() -> BoxedStrategy<String> {
    let field = || prop::sample::select(PATHS[..3].to_vec());
    let argument = || prop::sample::select(vec!["x", "y", "t"]);
    let sign = prop::sample::select(vec!["<", "<=", ">", ">="]);
    prop_oneof![
        6 => (field(), argument()).prop_map(|(field, x)| format!("{field} == $args.{x}")),
        5 => (field(), sign.clone(), argument()).prop_map(|(field, sign, x)| format!("{field} {sign} $args.{x}")),
        2 => (field(), argument(), argument()).prop_map(|(f, x, y)| format!("({f} > $args.{x} && {f} <= $args.{y})")),
        2 => field().prop_map(|field| format!("contains($args.z, {field})")),
        1 => field().prop_map(|field| format!("starts_with({field}, 'a')")),
        1 => field().prop_map(|field| format!("{field} == null")),
        1 => (field(), argument()).prop_map(|(field, x)| format!("{field} != $args.{x}")),
        1 => (sign, prop::sample::select(vec!["'k1'", "'B'", "5", "'2024-02-01'"]))
            .prop_map(|(sign, id)| format!("_id {sign} {id}")),
        1 => Just("starts_with(_id, 'k')".to_owned()),
        1 => Just("contains(['k1', 'a', 3, 'k7'], _id)".to_owned()),
        1 => Just("ends_with(b, 'b')".to_owned()),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<String> {
    let joined = |leaves: Vec<String>| leaves.join(" && ");
    prop_oneof![
        1 => Just("true".to_owned()),
        4 => leaf(),
        4 => prop::collection::vec(leaf(), 2..4).prop_map(joined),
        2 => prop::collection::vec(prop::collection::vec(leaf(), 1..3).prop_map(joined), 2..4)
            .prop_map(|parts| parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" || ")),
        1 => leaf().prop_map(|leaf| format!("!({leaf})")),
    ]
    .boxed()
}

fn json(value: &Value) -> String {
    let mut json = Vec::new();
    value.write_json(&mut json);
    String::from_utf8(json).unwrap()
}

fn leaf_of_dql(palettes: [Palette; 3]) -> BoxedStrategy<String> {
    let field = || prop::sample::select(PATHS[..3].to_vec());
    let constant = move || {
        let value = prop_oneof![2 => value(palettes[0]), 2 => value(palettes[1]), 1 => any_value().prop_map(Some)];
        value.prop_map(|value| json(&value.unwrap_or(Value::Null)))
    };
    let sign = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let is_what = prop::sample::select(vec!["IS NULL", "IS MISSING", "IS NOT NULL", "IS NOT MISSING"]);
    let list = prop::collection::vec(constant(), 1..4).prop_map(|all| all.join(", "));
    prop_oneof![
        6 => (field(), constant()).prop_map(|(field, x)| format!("{field} = {x}")),
        5 => (field(), sign.clone(), constant()).prop_map(|(field, sign, x)| format!("{field} {sign} {x}")),
        2 => (field(), constant(), constant()).prop_map(|(f, x, y)| format!("{f} BETWEEN {x} AND {y}")),
        2 => (field(), list).prop_map(|(field, list)| format!("{field} IN ({list})")),
        1 => field().prop_map(|field| format!("starts_with({field}, 'a')")),
        1 => (field(), prop::sample::select(vec!["a%", "a_", "2024%", "%b"]))
            .prop_map(|(field, pattern)| format!("{field} LIKE '{pattern}'")),
        2 => (field(), is_what).prop_map(|(field, what)| format!("{field} {what}")),
        1 => (field(), constant()).prop_map(|(field, x)| format!("{field} != {x}")),
        1 => (sign, prop::sample::select(vec!["'k1'", "'B'", "5", "'2024-02-01'"]))
            .prop_map(|(sign, id)| format!("_id {sign} {id}")),
        1 => Just("_id LIKE 'k%'".to_owned()),
        1 => Just("_id IN ('k1', 'a', 3, 'k7')".to_owned()),
    ]
    .boxed()
}

fn condition_of_dql(palettes: [Palette; 3]) -> BoxedStrategy<String> {
    let leaf = || leaf_of_dql(palettes);
    let joined = |leaves: Vec<String>| leaves.join(" AND ");
    prop_oneof![
        1 => Just("true".to_owned()),
        4 => leaf(),
        4 => prop::collection::vec(leaf(), 2..4).prop_map(joined),
        2 => prop::collection::vec(prop::collection::vec(leaf(), 1..3).prop_map(joined), 2..4)
            .prop_map(|parts| parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" OR ")),
        1 => leaf().prop_map(|leaf| format!("NOT ({leaf})")),
    ]
    .boxed()
}

fn asked(palettes: [Palette; 3]) -> BoxedStrategy<Asked> {
    let constant = || prop_oneof![2 => value(palettes[0]), 2 => value(palettes[1]), 1 => any_value().prop_map(Some)];
    let constant = move || constant().prop_map(|value| value.unwrap_or(Value::Null));
    let args = (constant(), constant(), any_time(), prop::collection::vec(constant(), 0..4));
    let key = (0..5_usize, any::<bool>());
    let sort = prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(key.clone(), 1), 2 => prop::collection::vec(key, 2..4)];
    (
        (condition(), condition_of_dql(palettes)),
        args,
        sort,
        0..4_usize,
        prop::option::weighted(0.8, 0..9_usize),
        1..5_usize,
        granted(),
    )
        .prop_map(|((query, dql), (x, y, t, z), sort, offset, limit, page, granted)| {
            let args = [("x", x), ("y", y), ("t", t), ("z", Value::Array(z))];
            let args = Map::from_fields(args.map(|(name, value)| (name.to_owned(), value)).to_vec());
            Asked { query, args, dql, sort, offset: offset.saturating_sub(1), limit, page, granted }
        })
        .boxed()
}

fn granted() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    let rules = [
        "_id == 'a'",
        "_id == 'k3'",
        "_id == 3",
        "starts_with(_id, 'k1')",
        "starts_with(_id, 'b\"')",
        "_id.x == 'y'",
        "_id < 5",
        "_id.x > 0",
    ];
    let some = prop::collection::vec(prop::sample::select(rules.to_vec()), 0..4);
    let whole_ids = prop::collection::vec(prop::sample::select(rules[..3].to_vec()), 1..3);
    let ranges = prop::collection::vec(prop::sample::select(rules[..5].to_vec()), 1..4);
    prop_oneof![5 => Just(None), 1 => ranges.prop_map(Some), 2 => some.prop_map(Some), 1 => whole_ids.prop_map(Some), 1 => Just(Some(vec!["true"]))]
}

fn collection() -> impl Strategy<Value = Collection> {
    use Palette::{Any, Numbers, NumbersAndNulls, Texts, Times};
    let palette = || prop::sample::select(vec![Numbers, NumbersAndNulls, NumbersAndNulls, Texts, Times, Any]);
    (palette(), palette(), palette()).prop_flat_map(|(a, b, d)| {
        let palettes = [a, b, d];
        let document = (id(), prop::option::weighted(0.9, fields(palettes)));
        let keys = prop::sample::subsequence(vec![0, 1, 2], 1..=3).prop_shuffle();
        let index = (keys, prop::collection::vec(any::<bool>(), 3))
            .prop_map(|(keys, down)| keys.into_iter().zip(down).collect::<Vec<_>>());
        (
            prop::collection::vec(document, 0..45),
            0..45_usize,
            prop::collection::vec(index, 1..4),
            prop::collection::vec(asked(palettes), 30),
        )
            .prop_map(|(documents, indexed_at, indexes, asked)| Collection {
                documents,
                indexed_at,
                indexes,
                asked,
            })
    })
}

/// All that matches, in order, by a look at every document.
fn by_looking(snapshot: &Snapshot, query: &Query) -> Vec<DocumentId> {
    let mut found = Vec::new();
    for entry in snapshot.scan(&query.collection) {
        let (id, stored) = entry.unwrap();
        let Some(fields) = stored.document.value() else { continue };
        let rules = query.granted.as_ref();
        if rules.is_none_or(|rules| rules.grants(query.collection.as_str(), &id))
            && query.filter.matches(&id, &fields, &mut Budget::of_a_document()).unwrap()
        {
            found.push((id, fields));
        }
    }
    let of_key = |key: &SortKey, (id, fields): &(DocumentId, Map)| match key.path.to_string().as_str() {
        "_id" => Some(id.to_value()),
        _ => key.path.lookup(fields).cloned(),
    };
    let compare = match query.filter.language() {
        Language::Legacy => compare_for_sort,
        Language::Dql => dql::compare,
    };
    found.sort_by(|a, b| a.0.as_json().cmp(b.0.as_json()));
    for key in query.sort.iter().rev() {
        found.sort_by(|a, b| {
            let ordering = compare(of_key(key, a).as_ref(), of_key(key, b).as_ref());
            if key.descending { ordering.reverse() } else { ordering }
        });
    }
    found.into_iter().map(|(id, _)| id).collect()
}

#[derive(Default)]
struct Seen(BTreeMap<String, usize>);

impl Seen {
    fn note(&mut self, plan: &str) {
        let kinds = ["nothing", "count", "ids", "id ranges", "scan", "index", "by id", "sorted", "backwards", "exact"];
        for kind in kinds.iter().chain(&["then sort", "∪", "covering"]).filter(|kind| plan.contains(**kind)) {
            *self.0.entry((*kind).to_string()).or_default() += 1;
        }
    }
}

fn check(world: &World, collection: &str, asked: &Asked, seen: &mut Seen) -> Result<(), TestCaseError> {
    let filter: Filter = query::Query::parse(&asked.query).unwrap().bind(&asked.args).unwrap();
    let query = query(asked, collection, filter);
    let snapshot = world.snapshot();
    let all = by_looking(&snapshot, &query);
    check_answers(&snapshot, &query, &all, seen)?;
    let fingerprint = Fingerprint::of(&query.collection, &asked.query, &asked.args, &query.sort);
    for whose in 0..3 {
        let mut paged = Query { offset: 0, limit: Some(asked.page), ..query.clone() };
        let mut found = Vec::new();
        for page in 0.. {
            let plan = match whose == 0 || (whose == 2 && page % 2 == 1) {
                true => plan(&snapshot, &paged).unwrap(),
                false => plan_in_place(&paged),
            };
            seen.note(&plan.to_string());
            let (ids, next) = read(&snapshot, &plan, &paged);
            prop_assert!(ids.len() <= asked.page);
            found.extend(ids);
            prop_assert!(found.len() <= all.len(), "{} finds twice: {:?} of {:?}", plan, found, all);
            let Some(next) = next else { break };
            let Some(text) = next.to_text(fingerprint) else { break };
            paged.after = Some(Cursor::from_text(&text, fingerprint, &paged.sort).unwrap());
        }
        prop_assert_eq!(&found, &all, "page by page");
    }
    Ok(())
}

fn check_by_dql(world: &World, collection: &str, asked: &Asked, seen: &mut Seen) -> Result<(), TestCaseError> {
    let filter = dql::condition(&asked.dql);
    prop_assert!(filter.is_ok(), "{}: {:?}", asked.dql, filter);
    let query = query(asked, collection, filter.unwrap());
    let snapshot = world.snapshot();
    let all = by_looking(&snapshot, &query);
    let uses = [IndexUse::None, IndexUse::Named("i1".to_owned()), IndexUse::Named("i0".to_owned()), IndexUse::Any];
    uses.into_iter().try_for_each(|index| check_answers(&snapshot, &Query { index, ..query.clone() }, &all, seen))
}

fn query(asked: &Asked, collection: &str, filter: Filter) -> Query {
    let sort = asked
        .sort
        .iter()
        .map(|(key, descending)| SortKey { path: path(PATHS.get(*key).unwrap_or(&"_id")), descending: *descending });
    let sort: Vec<SortKey> = sort.collect();
    let rules = |rules: &Vec<&str>| {
        let rules = rules.iter().map(|&rule| rule.to_owned()).collect();
        Arc::new(IdRules::compile(false, &[(collection.to_owned(), rules)].into()).unwrap())
    };
    let granted = asked.granted.as_ref().map(rules);
    Query { sort, offset: asked.offset, limit: asked.limit, granted, ..Query::of(name(collection), filter) }
}

/// What is found of `all` that match, in order: as documents, as rows, as ids, and counted.
fn check_answers(snapshot: &Snapshot, query: &Query, all: &[DocumentId], seen: &mut Seen) -> Result<(), TestCaseError> {
    let planned = plan(snapshot, query).unwrap();
    seen.note(&planned.to_string());
    let expected: Vec<_> = all.iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).cloned().collect();
    for plan in [&planned, &plan_in_place(query)] {
        let (found, next) = read(snapshot, plan, query);
        prop_assert_eq!(&found, &expected, "{}", plan);
        let goes_on = query.filter.language() == Language::Legacy;
        prop_assert_eq!(next.is_some(), goes_on && query.limit.is_some_and(|limit| limit > 0 && limit == found.len()));
        for names in [Some(&[][..]), Some(&["b", "filler"]), None] {
            prop_assert_eq!(&rows(snapshot, plan, query, names), &expected, "rows of {:?} by {}", names, plan);
        }
    }
    let id_plan = plan_documents_ids(snapshot, query).unwrap();
    seen.note(&id_plan.to_string());
    for plan in [&planned, &id_plan] {
        let mut ids = Vec::new();
        let mut work = Counting::new(usize::MAX);
        let take = |id, _: &mut Counting| {
            ids.push(id);
            Ok(true)
        };
        find::documents_ids(snapshot, plan, query, &mut work, take).unwrap();
        prop_assert_eq!(&ids, &expected, "ids by {}", plan);
    }

    let mut work = Counting::new(usize::MAX);
    let everything = Query { index: query.index.clone(), ..Query::of(query.collection.clone(), query.filter.clone()) };
    let everything = everything.granted_to(query.granted.clone());
    let count_plan = plan_count(snapshot, &everything).unwrap();
    seen.note(&count_plan.to_string());
    let counted = find::count(snapshot, &count_plan, &everything, &mut work).unwrap();
    prop_assert_eq!(counted, all.len() as u64, "{}", count_plan);
    let id_plan = plan_ids(snapshot, &everything).unwrap();
    let ids = find::ids(snapshot, &id_plan, &everything, &mut work, usize::MAX).unwrap();
    let mut sorted = all.to_vec();
    sorted.sort();
    prop_assert_eq!(&ids, &sorted, "{}", id_plan);
    let mut gathered = rows(snapshot, &id_plan, &everything, Some(&["a"]));
    gathered.sort();
    prop_assert_eq!(gathered, sorted, "{}", id_plan);
    Ok(())
}

/// The ids of rows, each of which has what its document has in these fields.
fn rows(snapshot: &Snapshot, plan: &Plan, query: &Query, names: Option<&[&str]>) -> Vec<DocumentId> {
    let mut ids = Vec::new();
    find::rows(snapshot, plan, query, names, &mut Counting::new(usize::MAX), |id, fields, _| {
        let document = find::by_id(snapshot, &query.collection, id, None).unwrap().unwrap().document().unwrap();
        let whole = document.value().unwrap();
        match names {
            None => assert_eq!(*fields, whole),
            Some(names) => names.iter().for_each(|name| assert_eq!(fields.field(name), whole.field(name))),
        }
        ids.push(id.clone());
        Ok(true)
    })
    .unwrap();
    ids
}

type Check = fn(&World, &str, &Asked, &mut Seen) -> Result<(), TestCaseError>;

fn hold(check: Check) {
    let cases = std::env::var("FIND_CASES").map_or(120, |cases| cases.parse().unwrap());
    let world = World::new();
    let number = std::cell::Cell::new(0);
    let seen = std::cell::RefCell::new(Seen::default());
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let tried = runner.run(&collection(), |tried| {
        number.set(number.get() + 1);
        let collection = format!("c{}", number.get());
        let Collection { documents, indexed_at, indexes, asked } = tried;
        let indexed_at = indexed_at.min(documents.len());
        world.write(&collection, documents[..indexed_at].to_vec());
        for (n, keys) in indexes.iter().enumerate() {
            let keys: Vec<String> =
                keys.iter().map(|(key, down)| format!("{}{}", if *down { "-" } else { "" }, PATHS[*key])).collect();
            world.index(&collection, &format!("i{n}"), &keys.iter().map(String::as_str).collect::<Vec<_>>());
        }
        for (id, value) in &documents[indexed_at..] {
            world.write(&collection, [(id.clone(), value.clone())]);
        }
        let mut seen = seen.borrow_mut();
        asked.iter().try_for_each(|asked| check(&world, &collection, asked, &mut seen))
    });
    tried.unwrap();
    let seen = seen.into_inner().0;
    assert!(seen.len() == 13 && seen.values().all(|times| *times > cases as usize / 4), "too few of some: {seen:?}");
}

#[test]
fn a_plan_finds_what_looking_at_all_documents_finds() {
    hold(check);
}

#[test]
fn a_plan_finds_what_looking_at_all_documents_finds_by_dql() {
    hold(check_by_dql);
}
