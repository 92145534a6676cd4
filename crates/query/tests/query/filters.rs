//! What a filter knows about itself, and how values sort.

use std::cmp::Ordering;

use crate::support::{filter, map};
use document::Value;
use query::{Filter, Query, compare_for_sort};

/// `ids` are their JSON, separated by spaces; `None` where any id can match.
#[track_caller]
fn check_ids(query: &str, ids: Option<&str>) {
    check_ids_with_args(query, "{}", ids);
}

#[track_caller]
fn check_ids_with_args(query: &str, args: &str, expect: Option<&str>) {
    let filter = Query::parse(query).unwrap().bind(&map(args)).unwrap();
    let ids = filter.ids().map(|ids| ids.iter().map(|id| id.as_json().to_string()).collect::<Vec<_>>().join(" "));
    assert_eq!(ids.as_deref(), expect, "{query}");
}

#[test]
fn ids_are_pinned_by_equality() {
    check_ids("_id == 'a'", Some(r#""a""#));
    check_ids("'a' == _id", Some(r#""a""#));
    check_ids("_id == 7", Some("7"));
    check_ids("_id == 7.0", Some("7"));
    check_ids("_id == 18446744073709551615", Some("18446744073709551615"));
    check_ids("_id == 'b' || _id == 'a' || 'b' == _id", Some(r#""a" "b""#));
    check_ids("contains(['b', 'a', 3, null, 2.5], _id)", Some(r#""a" "b" 3"#));
    check_ids("!(_id != 'a')", Some(r#""a""#));
    check_ids("!(_id != 'a' && _id != 'b')", Some(r#""a" "b""#));
    check_ids_with_args("_id == $args.id", r#"{"id":{"b":1,"a":2}}"#, Some(r#"{"a":2,"b":1}"#));
    check_ids_with_args("contains($args.ids, _id)", r#"{"ids":["x","y"]}"#, Some(r#""x" "y""#));
}

#[test]
fn one_side_of_and_is_enough() {
    check_ids("_id == 'a' && age > 5", Some(r#""a""#));
    check_ids("age > 5 && _id == 'a'", Some(r#""a""#));
    check_ids("(_id == 'a' || _id == 'b') && contains(['b', 'c'], _id)", Some(r#""b""#));
    check_ids("(_id == 'a' && x == 1) || (_id == 'b' && x == 2)", Some(r#""a" "b""#));
    check_ids("!(_id != 'a' || x == 1)", Some(r#""a""#));
}

#[test]
fn what_cannot_match_has_no_ids() {
    check_ids("false", Some(""));
    check_ids("_id == 'a' && _id == 'b'", Some(""));
    check_ids("_id == null", Some(""));
    check_ids("_id == true", Some(""));
    check_ids("_id == 1.5", Some(""));
    check_ids("_id == ''", Some(""));
    check_ids("contains([], _id)", Some(""));
    check_ids("age > 5 && 1 == 2", Some(""));
}

/// `expect` is each field with its values, separated by spaces.
#[track_caller]
fn check_required_values(query: &str, expect: &str) {
    let filter = Query::parse(query).unwrap().bind(&map("{}")).unwrap();
    let json = |value: &Value| {
        let mut json = Vec::new();
        value.write_json(&mut json);
        String::from_utf8(json).unwrap()
    };
    let required = filter.required_values().into_iter().map(|(path, values)| {
        let values: Vec<_> = values.into_iter().map(json).collect();
        format!("{path}={}", values.join("|"))
    });
    assert_eq!(required.collect::<Vec<_>>().join(" "), expect, "{query}");
}

#[test]
fn fields_that_equality_binds_are_required() {
    check_required_values("age == 7", "age=7");
    check_required_values("7.5 == address.zip[0]", "address.zip[0]=7.5");
    check_required_values("a == null && b > 5 && c == [1, 'x']", "a=null c=[1,\"x\"]");
    check_required_values("contains([3, 1, 2.0], a)", "a=1|2.0|3");
    check_required_values("contains([], a)", "a=");
    check_required_values("a == 1 || a == 2 && b == 3", "a=1|2");
    check_required_values("(a == 1 && b == 1 || b == 2 && a == 2) && c == 3", "a=1|2 b=1|2 c=3");
}

#[test]
fn what_does_not_bind_a_field_requires_nothing() {
    for query in ["a != 1", "a == b", "a > 1", "!(a == 1)", "a == 1 || b == 1", "contains(a, 1)", "_id == 1", "true"] {
        check_required_values(query, "");
    }
    check_required_values("_id.site == 1", "");
}

#[test]
fn anything_else_pins_nothing() {
    check_ids("true", None);
    check_ids("age > 5", None);
    check_ids("_id == 'a' || age > 5", None);
    check_ids("!(_id == 'a')", None);
    check_ids("_id != 'a'", None);
    check_ids("_id > 'a'", None);
    check_ids("_id.sub == 'a'", None);
    check_ids("_id == owner", None);
    check_ids("contains(owners, _id)", None);
    check_ids("starts_with(_id, 'a')", None);
}

#[track_caller]
fn check_is_id_only(query: &str, expect: bool) {
    assert_eq!(filter(query).is_id_only(), expect, "{query}");
}

#[test]
fn a_filter_knows_whether_it_reads_fields() {
    check_is_id_only("true", true);
    check_is_id_only("_id == 'a'", true);
    check_is_id_only("_id.site == 'x' && !(_id.no < 3)", true);
    check_is_id_only("starts_with(_id, 'a') || regex(_id, 'b')", true);
    check_is_id_only("contains(['a'], _id.x) && _id == _id", true);
    check_is_id_only("_id == 'a' && age > 5", false);
    check_is_id_only("_id == owner", false);
    check_is_id_only("contains(owners, _id)", false);
    check_is_id_only("!(!(a == 1))", false);
    check_is_id_only("true || a == 1", true);
}

#[track_caller]
fn check_is_always(query: &str, expect: bool) {
    assert_eq!(filter(query).is_always(), expect, "{query}");
}

#[test]
fn a_filter_knows_whether_it_matches_everything() {
    check_is_always("true", true);
    check_is_always("(true && !false) || a == 1", true);
    check_is_always("1 < 2", true);
    check_is_always("false", false);
    check_is_always("a == a", false);
    check_is_always("_id != null", true);
}

#[test]
fn a_filter_is_shared_between_threads() {
    fn assert_shared<T: Send + Sync + Clone + 'static>() {}
    assert_shared::<Filter>();
    assert_shared::<Query>();
}

/// From least to greatest; what stands in one line with ` = ` is equal.
const SORTED: &str = r#"
null
false
true
-9223372036854775808
-1.5
-1 = -1.0
0 = -0.0 = 0.0
9007199254740992 = 9007199254740992.0
9007199254740993
9223372036854775807
9223372036854775808 = 9223372036854775808.0
18446744073709551615
1e300
"2023-12-01" = "2023-12-01T00:00:00Z" = "2023-12-01T02:00:00+02:00"
"2023-12-01T10:00:00+05:00"
"2023-12-01T06:00:00Z"
"2024-01-01T00:00:00.000000001Z"
""
"2023-12-01T08"
"B"
"a"
"é"
[]
[null]
[1] = [1.0]
[1, 2]
[2]
["a"]
{}
{"a":1} = {"a":1.0}
{"a":1,"b":1}
{"a":2}
{"b":0}
"#;

#[test]
fn values_sort_by_kind_and_then_by_value() {
    let mut lines = Vec::new();
    for line in SORTED.trim().lines() {
        lines.push(line.split(" = ").map(|json| Value::from_json(json.as_bytes()).unwrap()).collect::<Vec<_>>());
    }
    for (at_a, a) in lines.iter().enumerate() {
        for (at_b, b) in lines.iter().enumerate() {
            for (a, b) in a.iter().flat_map(|a| b.iter().map(move |b| (a, b))) {
                assert_eq!(compare_for_sort(Some(a), Some(b)), at_a.cmp(&at_b), "{a:?} and {b:?}");
            }
        }
    }
    assert_eq!(compare_for_sort(None, Some(&Value::Null)), Ordering::Equal);
    assert_eq!(compare_for_sort(None, Some(&Value::Bool(false))), Ordering::Less);
}
