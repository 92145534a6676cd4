//! What binding makes of expressions.

use super::*;
use crate::dql::parse::parse_condition;

fn two_hours(zone: &str, _: i64) -> Option<i32> {
    (zone == "Nowhere/East").then_some(7200)
}

fn constants() -> Constants {
    let request_info = Map::from_fields(vec![("path".to_owned(), Value::String("/x".to_owned()))]);
    Constants { now_ms: 1_709_210_096_007, strict: false, request_info, zone_offset: Some(two_hours) }
}

fn source(alias: Option<&str>) -> Source {
    Source {
        name: "boats".to_owned(),
        definitions: Vec::new(),
        alias: alias.map(str::to_owned),
        use_ids: None,
        use_index: None,
    }
}

fn parsed(text: &str) -> Expression {
    parse_condition(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn args() -> Map {
    Map::from_fields(vec![("n".to_owned(), Value::Int(7)), ("list".to_owned(), Value::Array(vec![Value::Int(7)]))])
}

fn bound(text: &str, source: Option<&Source>) -> Result<Node, String> {
    Binder::new(&args(), &constants(), source).expression(&parsed(text)).map_err(|error| error.message)
}

#[track_caller]
fn check_constant(text: &str, expected: &str) {
    let constants = constants();
    let args = args();
    let mut binder = Binder { allows_zones: true, ..Binder::new(&args, &constants, None) };
    let value = binder.constant(&parsed(text)).map_err(|error| error.message);
    let json = value.map(|value| match value {
        Some(value) => {
            let mut json = Vec::new();
            value.write_json(&mut json);
            String::from_utf8(json).unwrap()
        }
        None => "MISSING".to_owned(),
    });
    assert_eq!(json.unwrap_or_else(|error| error), expected, "{text}");
}

#[test]
fn constants_are_computed() {
    check_constant(":n + 1", "8");
    check_constant(":m + 1", "Parameter m was not provided");
    check_constant("7 IN :list", "true");
    check_constant("7 IN (:list)", "false");
    check_constant("a + 1", "`a` is a field, but there is no document to take it from");
    check_constant("clock()", "\"2024-02-29T12:34:56.007Z\"");
    check_constant("clock('ms')", "1709210096007");
    check_constant("clock('%H:%M')", "\"12:34\"");
    check_constant("clock('%H:%M %z', 'Nowhere/East')", "\"14:34 +02:00\"");
    check_constant("clock('%H', 'Nowhere/West')", "there is no time zone 'Nowhere/West'");
    check_constant("clock(1)", "MISSING");
    check_constant("tz_offset('Nowhere/East', 'TZN')", "120");
    check_constant("tz_offset('Nowhere/West', 'tzn')", "MISSING");
    check_constant("tz_offset('Nowhere/East', 'x')", "MISSING");
    check_constant("tz_offset(1, 'TZN')", "MISSING");
    check_constant("request_info()", "{\"path\":\"/x\"}");
    // More than others are folded with.
    check_constant("byte_length(repeat('x', 1000000))", "1000000");
}

#[test]
fn time_zones_are_for_who_takes_them() {
    let source = source(None);
    let refused = "the time zone 'Nowhere/East' cannot be taken: names of time zones are for SELECT";
    assert_eq!(bound("a = clock('%H', 'Nowhere/East')", Some(&source)), Err(refused.to_owned()));
    let depends = "`clock` takes texts that do not depend on a document";
    assert_eq!(bound("clock(a) = 1", Some(&source)), Err(depends.to_owned()));
    assert_eq!(bound("a = tz_offset('Nowhere/East', 'TZN')", Some(&source)), Err(refused.to_owned()));
    let depends = "`tz_offset` takes a zone's name that does not depend on a document";
    assert_eq!(bound("tz_offset(a, 'TZN') = 1", Some(&source)), Err(depends.to_owned()));
}

#[test]
fn a_path_may_begin_with_the_sources_name() {
    let (plain, alias) = (source(None), source(Some("b")));
    let field = |text: &str| parsed_field(text);
    assert_eq!(bound("boats.colour", Some(&plain)), Ok(field("colour")));
    assert_eq!(bound("boats", Some(&plain)), Ok(field("boats")));
    assert_eq!(bound("boats[0]", Some(&plain)), Ok(field("boats[0]")));
    assert_eq!(bound("boats._id", Some(&plain)), Ok(Node::Id));
    assert_eq!(bound("b.colour", Some(&alias)), Ok(field("colour")));
    assert_eq!(bound("boats.colour", Some(&alias)), Ok(field("boats.colour")));
    let variable = bound("ANY b IN b.crew SATISFIES b.age = 1 END", Some(&alias)).unwrap();
    let Node::Quantified { list, condition, .. } = variable else { panic!("{variable:?}") };
    assert_eq!(*list.list, field("crew"));
    assert_eq!(condition.first_path(), None);
}

fn parsed_field(path: &str) -> Node {
    Node::Field(Path::parse(path).unwrap())
}

#[track_caller]
fn check_grouped(keys: &[&str], text: &str, expected: &str) {
    let (args, constants, source) = (args(), constants(), source(None));
    let mut binder = Binder::new(&args, &constants, Some(&source));
    let mut slots = Slots { keys: keys.iter().map(|key| parsed(key)).collect(), aggregates: Vec::new() };
    let shown = match binder.grouped(&parsed(text), &mut slots) {
        Ok(node) => {
            let names = slots.aggregates.iter().map(|bound| name_of(bound.aggregate));
            format!("{} {:?}", names.collect::<Vec<_>>().join(","), node)
        }
        Err(error) => error.message,
    };
    assert!(shown.starts_with(expected), "{text}: {shown}");
}

#[test]
fn groups() {
    check_grouped(&["colour"], "boats.colour", " Slot(0)");
    check_grouped(&["boats.colour", "lower(name)"], "lower(name)", " Slot(1)");
    check_grouped(&["a + b"], "a + b", " Slot(0)");
    check_grouped(&["a + b"], "a + b + 1", " Calculation { first: Slot(0)");
    check_grouped(&["a AND b"], "a AND b AND true", " All([Slot(0), Constant(");
    check_grouped(&["a"], "count(*)", "count Slot(1)");
    check_grouped(&["a"], "sum(b) / count(*) + sum(boats.b)", "sum,count Calculation { first: Slot(1)");
    check_grouped(&[], "sum(b) > sum(b)", "sum Compare { left: Slot(0)");
    check_grouped(&["a"], "b.c + 1", "`b.c` must stand in GROUP BY or inside an aggregate");
    check_grouped(&["a"], "_id", "`_id` must stand in GROUP BY or inside an aggregate");
    check_grouped(&["a"], "sum(max(b))", "`max` cannot stand here");
    check_grouped(&["a"], "ARRAY sum(x) FOR x IN a END", "`sum` cannot stand inside ANY, EVERY, ARRAY or OBJECT");
    check_grouped(&["a"], "ARRAY x FOR x IN a END", " Comprehension");
    check_grouped(&["max(a)"], "1", "`max` cannot stand here");
}

#[test]
fn what_depends_on_no_document_is_decided() {
    let source = source(None);
    assert_eq!(bound("1 + 2 * 3 = 7", Some(&source)), Ok(Node::Constant(Some(Value::Bool(true)))));
    let Ok(Node::Compare { right, .. }) = bound("a = upper('x') || :n", Some(&source)) else { panic!() };
    assert_eq!(*right, Node::Constant(None));
}

/// Or a statement of 64 KiB would make gigabytes of one argument.
#[test]
fn parameters_are_bounded_wherever_they_stand() {
    let args = Map::from_fields(vec![("long".to_owned(), Value::String("x".repeat(1024 * 1024)))]);
    let (constants, source) = (constants(), source(None));
    let of = |times: usize| {
        let condition = parsed(&vec!["a = :long"; times].join(" OR "));
        Binder::new(&args, &constants, Some(&source)).expression(&condition).map_err(|error| error.message)
    };
    assert!(of(60).is_ok());
    assert_eq!(of(64), Err("the parameters, each wherever it stands, take more than 64 MiB".to_owned()));
}

#[test]
fn constants_of_one_statement_are_paid_for_together() {
    let (args, constants) = (args(), constants());
    let mut binder = Binder::new(&args, &constants, None);
    let long = parsed("byte_length(repeat('x', 1000000))");
    let computed = (0..100).take_while(|_| binder.constant(&long).is_ok()).count();
    assert!((10..50).contains(&computed), "{computed}");
}
