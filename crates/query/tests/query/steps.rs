//! What evaluating costs. These are fixtures of language version 1: a cost may fall, never rise, or a write that was
//! taken once would be refused when it is replayed.

use document::{Map, Value};
use query::{Budget, Filter, Query, Reach, TooExpensive, limits::DOCUMENT_STEPS_MAX};

use crate::support::{document_of, filter, map};

fn steps(filter: &Filter, document: &str) -> Result<u64, TooExpensive> {
    let (id, fields) = document_of(document);
    let mut budget = Budget::new(u64::MAX);
    filter.matches(&id, &fields, &mut budget).map(|_| budget.spent())
}

#[track_caller]
fn check(query: &str, document: &str, expect: u64) {
    assert_eq!(steps(&filter(query), document), Ok(expect), "{query} on {document}");
}

#[test]
fn what_conditions_cost() {
    check("true", "{}", 8);
    check("age >= 18", r#"{"age":31}"#, 12);
    check("a.b[0] == 1", "{}", 24);
    check("_id == 'x'", "{}", 8);
    check("_id == 'x' && v == 3", r#"{"v":3}"#, 32);
    check("!(a == 1 || b == 1)", r#"{"b":1}"#, 48);
    check("a == 1 || b == 1", r#"{"a":1,"b":1}"#, 24);
    check("name == 'Susan'", r#"{"name":"Susanne"}"#, 37);
    check("name < 'Susan'", r#"{"name":"Max"}"#, 31);
    check("a == b", r#"{"a":{"k":[1,"xy"]},"b":{"k":[1,"xyz"]}}"#, 51);
    check("contains(tags, 7)", r#"{"tags":[5,6,7,8]}"#, 24);
    check("contains(['a', 'b', 'c'], tag)", r#"{"tag":"c"}"#, 54);
    check("starts_with(a, 'xy')", r#"{"a":"xyzzy"}"#, 14);
    check("ends_with(a, 'xy')", r#"{"a":"y"}"#, 13);
    check("regex(a, '^[A-Z]')", r#"{"a":"Lord"}"#, 37);
    check("regex(a, '^[A-Z]')", r#"{"a":5}"#, 12);
    check("_id.k == 1", r#"{"_id":{"k":1}}"#, 48);
    check("_id == owner", r#"{"owner":"xy"}"#, 36);
    check("contains(friends, _id)", r#"{"friends":[{"k":[1,2]},"x"]}"#, 100);
}

/// `{"text": …}`.
fn text(text: &str) -> Map {
    Map::from_fields(vec![("text".into(), Value::String(text.into()))])
}

fn of_a_text(query: &str, letters: &str) -> Result<bool, TooExpensive> {
    let (id, _) = document_of("{}");
    filter(query).matches(&id, &text(letters), &mut Budget::new(u64::MAX))
}

const TOO_MUCH_FOR_A_DOCUMENT: TooExpensive = TooExpensive { steps_max: DOCUMENT_STEPS_MAX, reach: Reach::Document };

#[test]
fn what_would_run_for_seconds_is_not_begun() {
    let hundred_kilobytes = "a".repeat(100_000);
    // This one is refused already for its compiled size.
    assert!(Query::parse("regex(text, 'a{0,900}.{900}b')").is_err());
    let hostile = "_id == 'x' && !regex(text, 'a{0,500}.{200}b')";
    assert_eq!(of_a_text(hostile, &hundred_kilobytes), Err(TOO_MUCH_FOR_A_DOCUMENT));
    // Each would do; a dozen do not.
    let one = "regex(text, '[ac]*a[ac]{10}b')";
    assert_eq!(of_a_text(one, &hundred_kilobytes), Ok(false));
    let dozen = [one; 12].join(" || ");
    assert_eq!(of_a_text(&dozen, &hundred_kilobytes), Err(TOO_MUCH_FOR_A_DOCUMENT));
    let both_texts = ["text == text"; 400].join(" && ");
    assert_eq!(of_a_text(&both_texts, &hundred_kilobytes), Err(TOO_MUCH_FOR_A_DOCUMENT));
    let many_elements = format!(r#"{{"tags":[0{}]}}"#, ",0".repeat(1_000_000));
    let no_element = |times| filter(&vec!["contains(tags, 1)"; times].join(" || "));
    assert_eq!(steps(&no_element(8), &many_elements), Ok(8 * (12 + 4 * 1_000_001) + 8));
    assert_eq!(steps(&no_element(9), &many_elements), Err(TOO_MUCH_FOR_A_DOCUMENT));
    let as_ids = filter(&["_id == tags"; 3].join(" || "));
    assert_eq!(steps(&as_ids, &many_elements), Err(TOO_MUCH_FOR_A_DOCUMENT));
}

#[test]
fn modest_expressions_search_long_texts() {
    assert_eq!(of_a_text("regex(text, '^[A-Z][a-z]+ [0-9]+$')", &"x".repeat(1_000_000)), Ok(false));
    assert_eq!(of_a_text("regex(text, 'b+')", &"x".repeat(5_000_000)), Ok(false));
    assert_eq!(of_a_text(r"regex(text, '(?i)\\bsusan\\b')", &"x".repeat(1_000_000)), Ok(false));
}

#[test]
fn a_budget_is_for_all_documents_together() {
    let adults = filter("age >= 18");
    let (id, fields) = document_of(r#"{"age":31}"#);
    let mut budget = Budget::new(12 * 1000 + 11);
    for _ in 0..1000 {
        assert_eq!(adults.matches(&id, &fields, &mut budget), Ok(true));
    }
    let refused = adults.matches(&id, &fields, &mut budget).unwrap_err();
    assert_eq!(refused, TooExpensive { steps_max: 12_011, reach: Reach::All });
    assert!(refused.to_string().starts_with("too expensive: the query and all its documents would take more than"));
}

/// A text and an expression that both stand in the query, or its arguments.
#[test]
fn binding_does_not_search_long_texts() {
    let args = Map::from_fields(vec![("text".into(), Value::String("a".repeat(2_000_000)))]);
    let bound = Query::parse("regex($args.text, '[ac]*a[ac]{2000}b')").unwrap().bind(&args).unwrap();
    assert!(bound.made_steps() < 2_000_000, "{}", bound.made_steps());
    let (id, fields) = document_of("{}");
    assert_eq!(bound.matches(&id, &fields, &mut Budget::new(u64::MAX)), Err(TOO_MUCH_FOR_A_DOCUMENT));
}

#[test]
fn what_making_a_filter_costs() {
    for (query, expect) in [
        ("_id == 'x'", 88),
        ("age >= 18", 80),
        ("regex(a, '^[A-Z]')", 1_204),
        ("contains([1, 2, 3], a)", 376),
        ("1 == 1", 68),
    ] {
        assert_eq!(filter(query).made_steps(), expect, "{query}");
    }
    let thousand = Map::from_fields(vec![("ids".into(), Value::Array(vec![Value::Int(1); 1000]))]);
    assert_eq!(Query::parse("contains($args.ids, a)").unwrap().bind(&thousand).unwrap().made_steps(), 64_184);
}

#[test]
fn a_bound_that_no_document_crosses() {
    for (query, expect) in [
        ("true", Some(8)),
        ("age >= 18", Some(16)),
        ("_id == 'x' && name == 'Susan'", Some(53)),
        ("a == b", None),
        ("regex(a, 'x')", None),
        ("contains(tags, 1)", None),
        ("contains([1, 2], a) || !starts_with(a, 'xy')", Some(70)),
        ("starts_with(a, b)", None),
        ("_id == owner", None),
    ] {
        assert_eq!(filter(query).steps_max(), expect, "{query}");
    }
    assert_eq!(Query::parse("a == $args.x").unwrap().bind(&map(r#"{"x":[1,"ab"]}"#)).unwrap().steps_max(), Some(42));
}
