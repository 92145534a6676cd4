//! Which way is taken for which query.

use find::{IndexUse, Operator, Query, plan, plan_count, plan_documents_ids, plan_ids};

use crate::support::{World, filter, map, name, path, read, sort};
use document::{DocumentId, Value};

fn people() -> World {
    let world = World::new();
    let person = |n: i64| {
        let (city, age) = (["Graz", "Wien", "Linz"][n as usize % 3], n % 60);
        let born = format!("19{:02}-01-01T00:00:00Z", n % 90);
        let fields =
            map(&format!(r#"{{"age":{age},"city":"{city}","born":"{born}","name":"n{n}","flag":{}}}"#, n % 2 == 0));
        (DocumentId::from_value(&Value::Int(n)).unwrap(), Some(fields))
    };
    world.write("people", (0..400).map(person));
    world.index("people", "by-age", &["age"]);
    world.index("people", "by-city-age", &["city", "-age"]);
    world.index("people", "by-born", &["born"]);
    world.index("people", "by-flag", &["flag"]);
    world
}

fn query(text: &str, sorted: &[&str], limit: Option<usize>) -> Query {
    Query { sort: sort(sorted), limit, ..Query::of(name("people"), filter(text)) }
}

#[test]
fn each_query_has_its_way() {
    let world = people();
    let snapshot = world.snapshot();
    let check = |text: &str, sorted: &[&str], limit: Option<usize>, expected: &str| {
        let plan = plan(&snapshot, &query(text, sorted, limit)).unwrap();
        assert_eq!(plan.to_string(), expected, "{text} by {sorted:?}");
    };
    check("_id == 1", &[], None, "ids 1");
    check("_id == 1 && age == 3", &["age"], None, "ids 1, then sort");
    check("false", &[], None, "nothing");
    check("age > 3 && age < 'x'", &[], None, "nothing");
    check("age < null", &[], None, "nothing");
    check("true", &[], None, "scan");
    check("name == 'n3'", &[], None, "scan");
    check("age != 3", &[], None, "scan");
    check("age == 3 || name == 'n3'", &[], None, "scan");
    check("age == 3", &[], None, "index by-age 3, by id, exact");
    check("age == 3 && name == 'n3'", &[], None, "index by-age 3, by id");
    check("age == null", &[], None, "index by-age null ∪ missing, by id, exact");
    check("contains([1, 2], age)", &[], None, "index by-age 1 ∪ 2, by id, exact");
    check("age == 1 || age == 2", &["age"], None, "index by-age 1 ∪ 2, sorted, exact");
    check("flag", &[], None, "index by-flag true, by id, exact");
    check("city == 'Graz'", &[], Some(1000), "index by-city-age \"Graz\", exact, then sort");
    check("city == 'Graz' && age >= 18", &["-age"], None, "index by-city-age \"Graz\" [18, ∞), sorted, exact");
    check("city == 'Graz' && age >= 18", &["age"], None, "index by-city-age \"Graz\" [18, ∞), sorted backwards, exact");
    check("city == 'Graz' && age == 18", &[], None, "index by-city-age \"Graz\" 18, by id, exact");
    check("starts_with(born, '198')", &["name"], None, "index by-born \"198\"…, exact, then sort");
    check("starts_with(city, 'G')", &["name"], None, "scan, then sort"); // a third of all
    // Of few that are wanted of many, by id.
    check("age >= 0", &[], Some(5), "scan");
    check("age >= 59", &[], Some(5), "index by-age [59, ∞), exact, then sort");
    check("age > 10 && age <= 12", &["age"], Some(5), "index by-age (10, 12], sorted, exact");
    check("age < 12", &["name"], None, "index by-age (-∞, 12), exact, then sort");
    // The order alone.
    check("true", &["age"], Some(10), "index by-age all, sorted, exact");
    check("true", &["-age"], Some(10), "index by-age all, sorted backwards, exact");
    check("true", &["-age"], None, "scan, then sort");
    check("name == 'n3'", &["city", "-age"], Some(10), "index by-city-age all, sorted");
    check("true", &["-city", "age"], Some(10), "index by-city-age all, sorted backwards, exact");
    check("true", &["city", "age"], Some(10), "scan, then sort");
    check("true", &["city"], Some(10), "scan, then sort");
    check("true", &["name"], Some(10), "scan, then sort");
    check("true", &["_id"], Some(10), "scan, then sort");
    // Date-times of one form.
    check(
        "born < '1950-01-01T00:00:00Z'",
        &["born"],
        None,
        "index by-born (-∞, \"1950-01-01T00:00:00Z\"), sorted, exact",
    );
    check("born < '1950-01-01'", &[], None, "scan");
    check("born == '1950-01-01'", &[], None, "scan");
    check("born < '1950'", &["born"], None, "index by-born (-∞, \"1950\"), sorted, exact");
    check("_id > 'm'", &[], None, "id ranges 1");
    check("_id > 5", &["age"], None, "id ranges 1, then sort");
    check("_id > 5 && age == 3", &[], None, "index by-age 3, by id");
    let many: Vec<String> = (0..65).map(|n| n.to_string()).collect();
    check(&format!("contains([{}], age)", many.join(", ")), &[], None, "scan");
}

#[test]
fn where_kinds_are_mixed_an_index_gives_no_order() {
    let world = World::new();
    let id = |n: i64| DocumentId::from_value(&Value::Int(n)).unwrap();
    let check = |text: &str, sorted: &[&str], expected: &str| {
        let plan = plan(&world.snapshot(), &query(text, sorted, Some(3))).unwrap();
        assert_eq!(plan.to_string(), expected, "{text} by {sorted:?}");
    };
    world.index("people", "by-k", &["k"]);
    for (n, json) in ["1", "true", "\"a\"", "\"b\""].into_iter().enumerate() {
        world.write("people", [(id(n as i64), Some(map(&format!(r#"{{"k":{json}}}"#))))]);
    }
    check("true", &["k"], "index by-k all, sorted, exact");
    world.write("people", [(id(10), Some(map("{}"))), (id(11), Some(map(r#"{"k":null}"#)))]);
    check("true", &["-k"], "index by-k all, sorted backwards, exact");
    world.write("people", [(id(20), Some(map(r#"{"k":"2024-01-01"}"#)))]);
    check("true", &["k"], "scan, then sort");
    check("k == '2024-01-01'", &[], "index by-k \"2024-01-01\", by id, exact");
    check("k == '2024-01-01T00:00Z'", &[], "scan");
    check("k > 'a'", &["k"], "index by-k (\"a\", ∞), exact, then sort");
    world.write("people", [(id(20), None), (id(21), Some(map(r#"{"k":[1]}"#)))]);
    check("true", &["k"], "scan, then sort");
    world.write("people", [(id(21), Some(map(&format!(r#"{{"k":"{}"}}"#, "x".repeat(2000)))))]);
    check("true", &["k"], "scan, then sort");
    check("k == 'a'", &[], "index by-k \"a\", by id, exact");
    world.write("people", [(id(21), None)]);
    check("true", &["k"], "index by-k all, sorted, exact");
}

#[test]
fn a_page_that_ended_at_a_kind_that_is_gone_goes_on_all_the_same() {
    let world = World::new();
    let id = |n: i64| DocumentId::from_value(&Value::Int(n)).unwrap();
    world.index("people", "by-k", &["k"]);
    let write = |n: i64, json: &str| world.write("people", [(id(n), Some(map(&format!(r#"{{"k":{json}}}"#))))]);
    write(1, "1");
    write(2, "\"a\"");
    let mut query = query("true", &["k"], Some(2));
    let snapshot = world.snapshot();
    query.after = read(&snapshot, &plan(&snapshot, &query).unwrap(), &query).1;
    write(2, "\"2024-01-01\"");
    write(3, "\"2024-01-02\"");
    write(4, "2");
    let snapshot = world.snapshot();
    let planned = plan(&snapshot, &query).unwrap();
    assert_eq!(planned.to_string(), "scan, then sort");
    assert_eq!(read(&snapshot, &planned, &query).0, [], "date-times come before other strings");
    write(5, "[]");
    let snapshot = world.snapshot();
    assert_eq!(read(&snapshot, &plan(&snapshot, &query).unwrap(), &query).0, [id(5)]);
}

#[test]
fn counts_need_no_documents() {
    let world = people();
    let snapshot = world.snapshot();
    let check = |text: &str, expected: &str, count: u64, looked_at: usize| {
        let query = query(text, &[], None);
        let plan = plan_count(&snapshot, &query).unwrap();
        assert_eq!(plan.to_string(), expected, "{text}");
        let mut work = crate::support::Counting::new(usize::MAX);
        assert_eq!(find::count(&snapshot, &plan, &query, &mut work).unwrap(), count, "{text}");
        assert_eq!(work.looked_at, looked_at, "{text}");
    };
    check("true", "count", 400, 0);
    check("age < 10", "index by-age (-∞, 10), covering", 70, 1);
    check("age < 10 && name != 'n3'", "index by-age (-∞, 10)", 69, 70);
    check("_id == 1 || _id == 1000", "ids 2", 1, 2);
    check("name == 'n3'", "scan", 1, 400);
}

#[test]
fn a_long_run_of_equal_values_is_read_in_the_order_of_ids_in_either_direction() {
    let world = World::new();
    let id = |n: i64| DocumentId::from_value(&Value::Int(1000 + n)).unwrap();
    world.write("people", (0..1500).map(|n| (id(n), Some(map(&format!(r#"{{"k":{},"g":"x"}}"#, n % 3))))));
    world.index("people", "by-k", &["-k"]);
    let snapshot = world.snapshot();
    for sorted in [["k"], ["-k"]] {
        let mut query = Query { limit: Some(700), ..query("k != 7", &sorted, None) };
        let mut found = Vec::new();
        while found.len() < 1500 {
            let plan = plan(&snapshot, &query).unwrap();
            let expected = if sorted == ["k"] { "index by-k all, sorted backwards" } else { "index by-k all, sorted" };
            assert_eq!(plan.to_string(), expected);
            let (ids, next) = read(&snapshot, &plan, &query);
            assert!(!ids.is_empty());
            found.extend(ids);
            query.after = next;
        }
        let mut expected: Vec<_> = (0..1500).collect();
        expected.sort_by_key(|n| (if sorted == ["k"] { n % 3 } else { -(n % 3) }, *n));
        assert_eq!(found, expected.into_iter().map(id).collect::<Vec<_>>());
    }
}

#[test]
fn a_plan_tells_its_steps() {
    let world = people();
    let snapshot = world.snapshot();
    let steps = |text: &str, sorted: &[&str], limit| {
        let query = query(text, sorted, limit);
        plan(&snapshot, &query).unwrap().operators(&query)
    };
    let limit = Operator::Limit { offset: 0, limit: Some(3) };
    assert_eq!(
        steps("city == 'Graz' && age > 18", &["age"], Some(3)),
        [
            Operator::IndexScan {
                index: "by-city-age".to_owned(),
                path: vec![path("city").to_string(), path("age").to_string()],
                spans: "\"Graz\" (18, ∞)".to_owned(),
                equal_keys: 1,
                is_exact: true,
                is_in_order: true,
                backwards: true,
                covering: false,
            },
            Operator::Fetch,
            Operator::Filter,
            limit.clone(),
        ]
    );
    let sort = Operator::Sort { path: vec!["name".to_owned(), "_id".to_owned()] };
    assert_eq!(steps("true", &["name"], Some(3)), [Operator::Scan, sort, limit]);
    assert_eq!(steps("_id == 1", &[], None), [Operator::IdScan { ids: Some(1) }, Operator::Filter]);
}

#[test]
fn only_what_is_surely_little_is_small() {
    let world = people();
    let snapshot = world.snapshot();
    let is_small =
        |text: &str, sorted: &[&str], limit| plan(&snapshot, &query(text, sorted, limit)).unwrap().is_small();
    assert!(is_small("_id == 1", &[], None) && is_small("age == 3", &[], None) && is_small("true", &["age"], Some(10)));
    assert!(
        !is_small("true", &[], None) && !is_small("name == 'n1'", &[], Some(1)) && !is_small("_id > 5", &[], Some(1))
    );
}

#[test]
fn an_index_that_is_named_is_taken_if_it_helps() {
    let world = people();
    let snapshot = world.snapshot();
    let check = |index: IndexUse, text: &str, sorted: &[&str], expected: &str| {
        let query = Query { index, ..query(text, sorted, None) };
        assert_eq!(plan(&snapshot, &query).unwrap().to_string(), expected, "{text} by {sorted:?}");
    };
    let named = |name: &str| IndexUse::Named(name.to_owned());
    check(IndexUse::None, "age == 3", &[], "scan");
    check(IndexUse::None, "_id == 3", &[], "ids 1");
    check(named("by-flag"), "age == 3 && flag", &[], "index by-flag true, by id");
    check(named("by-flag"), "age == 3", &[], "index by-age 3, by id, exact");
    check(named("gone"), "age == 3", &[], "index by-age 3, by id, exact");
    check(named("by-age"), "age >= 0", &[], "index by-age [0, ∞), exact, then sort");
    check(named("by-age"), "true", &["age"], "index by-age all, sorted, exact");
    check(IndexUse::Any, "true", &["age"], "scan, then sort");
}

#[test]
fn entries_that_tell_the_ids_need_no_documents() {
    let world = people();
    let snapshot = world.snapshot();
    let check = |query: Query, expected: &str, looked_at: usize| {
        let plan = plan_documents_ids(&snapshot, &query).unwrap();
        assert_eq!(plan.to_string(), expected);
        let (mut work, mut ids) = (crate::support::Counting::new(usize::MAX), Vec::new());
        let take = |id, _: &mut crate::support::Counting| {
            ids.push(id);
            Ok(true)
        };
        find::documents_ids(&snapshot, &plan, &query, &mut work, take).unwrap();
        assert_eq!(work.looked_at, looked_at, "{expected}");
        assert_eq!(ids, read(&snapshot, &find::plan(&snapshot, &query).unwrap(), &query).0, "{expected}");
        plan.operators(&query)
    };
    let operators = check(query("age == 3", &[], None), "index by-age 3, by id, covering", 1);
    assert!(matches!(&operators[..], [Operator::IndexScan { covering: true, .. }]), "{operators:?}");
    check(query("city == 'Graz'", &["-age"], Some(5)), "index by-city-age \"Graz\", sorted, covering", 1);
    check(query("city == 'Graz'", &["age"], None), "index by-city-age \"Graz\", sorted backwards, covering", 1);
    check(query("true", &["age"], None), "index by-age all, sorted, covering", 2);
    check(query("age >= 30", &[], None), "index by-age [30, ∞), covering, then sort", 1);
    check(Query { offset: 3, ..query("age >= 30", &[], Some(7)) }, "index by-age [30, ∞), covering, then sort", 1);
    check(query("age >= 30 && name != 'n31'", &[], None), "scan", 400);
    check(query("city == 'Graz'", &["name"], None), "scan, then sort", 400);
}

#[test]
fn rows_hold_the_fields_that_are_named() {
    let world = people();
    let snapshot = world.snapshot();
    let query = query("age == 3", &[], None);
    let plan = plan_ids(&snapshot, &query).unwrap();
    let mut rows = Vec::new();
    find::rows(&snapshot, &plan, &query, Some(&["city"]), &mut crate::support::Counting::new(9), |id, fields, _| {
        rows.push((id.as_json().to_owned(), fields.field("city").cloned()));
        Ok(rows.len() < 2)
    })
    .unwrap();
    assert_eq!(rows, ["123", "183"].map(|id| (id.to_owned(), Some(Value::String("Graz".to_owned())))));
}

#[test]
fn by_dql_an_index_gives_any_order_of_any_kinds() {
    let world = World::new();
    let id = |n: i64| DocumentId::from_value(&Value::Int(n)).unwrap();
    world.index("people", "by-k", &["k"]);
    world.index("people", "by-g-k", &["g", "-k"]);
    let values = ["null", "1", "\"2024-01-01\"", "\"2024-01-01T00:00Z\"", "\"a\"", "[1]", "{}", "true"];
    for (n, json) in values.into_iter().enumerate() {
        world.write("people", [(id(n as i64), Some(map(&format!(r#"{{"k":{json},"g":null}}"#))))]);
    }
    world.write("people", [(id(10), Some(map("{}")))]);
    let check = |text: &str, sorted: &[&str], expected: &str| {
        let condition = query::dql::condition(text).unwrap();
        let query = Query { sort: sort(sorted), limit: Some(3), ..Query::of(name("people"), condition) };
        let plan = plan(&world.snapshot(), &query).unwrap();
        assert_eq!(plan.to_string(), expected, "{text} by {sorted:?}");
    };
    check("true", &["k"], "index by-k all, sorted, exact");
    check("true", &["-k"], "index by-k all, sorted backwards, exact");
    check("k = '2024-01-01'", &[], "index by-k \"2024-01-01\", by id, exact");
    check("k < '2024-01-01T00:00Z'", &["k"], "index by-k (-∞, \"2024-01-01T00:00Z\"), sorted, exact");
    check("k = [1]", &[], "index by-k [1], by id, exact");
    check("k IS NULL", &[], "index by-k null, by id, exact");
    check("k IS MISSING", &[], "index by-k missing, by id, exact");
    check("k = NULL", &[], "nothing");
    check("k LIKE '2024%'", &["k"], "index by-k \"2024\"…, sorted, exact");
    check("k IN (1, 'a') OR k IS MISSING", &["-k"], "index by-k 1 ∪ \"a\" ∪ missing, sorted backwards, exact");
    check("g IS NULL", &["k"], "index by-g-k null, sorted backwards, exact");
    check("g IS MISSING AND k > 1", &["g", "-k"], "index by-g-k missing (1, ∞), sorted, exact");
    check("_id = 1", &["k"], "ids 1, then sort");
    world.write("people", [(id(11), Some(map(&format!(r#"{{"k":"{}"}}"#, "x".repeat(2000)))))]);
    check("true", &["k"], "scan, then sort");
    check("k = 1", &["k"], "index by-k 1, by id, exact");
}
