//! What conditions say of themselves: ids, demands, required values, fields.

use document::DocumentId;
use query::{Demand, Place, Test};

use crate::support::filter;

fn shown(demand: &Demand<'_>) -> String {
    let place = match demand.place {
        Place::Field(path) => path.to_string(),
        Place::Id => "_id".to_owned(),
    };
    let json = |value: &document::Value| {
        let mut json = Vec::new();
        value.write_json(&mut json);
        String::from_utf8(json).expect("JSON is UTF-8")
    };
    let test = match &demand.test {
        Test::OneOf(values) => format!("={}", values.iter().map(|value| json(value)).collect::<Vec<_>>().join("|")),
        Test::Missing => " missing".to_owned(),
        Test::Range { lower, upper } => format!(" {:?}..{:?}", lower.map(json), upper.map(json)),
        Test::Prefix(prefix) => format!("^{prefix}"),
    };
    place + &test
}

#[track_caller]
fn check(condition: &str, expected: &str, is_all: bool) {
    let filter = filter(condition);
    let alternatives = filter.alternatives();
    let alternatives = alternatives.iter().map(|demands| demands.iter().map(shown).collect::<Vec<_>>().join(" & "));
    assert_eq!(alternatives.collect::<Vec<_>>().join(" or "), expected, "{condition}");
    assert_eq!(filter.is_its_demands(), is_all, "{condition}");
}

#[test]
fn what_documents_must_meet() {
    check("a = 1", "a=1", true);
    check("1 = a.b[0]", "a.b[0]=1", true);
    check("a = [1]", "a=[1]", true);
    check("a IN (2, 1, null)", "a=1|2", true);
    check("a", "a=true", true);
    check("a IS NULL", "a=null", true);
    check("a IS MISSING", "a missing", true);
    check("a IS MISSING OR a IS NULL OR a = false", "a missing or a=null or a=false", true);
    check("a > 1 AND a <= 'x'", r#"a Excluded("1")..Unbounded & a Unbounded..Included("\"x\"")"#, true);
    check("a BETWEEN 1 AND 3", r#"a Included("1")..Included("3")"#, true);
    check("a BETWEEN 1 AND 'x'", "", true);
    check("a = null", "", true);
    check("a = 1 AND false", "", true);
    check("a LIKE 'ab%'", "a^ab", true);
    check("a LIKE 'ab%c'", "a^ab", false);
    check("a LIKE 'ab_'", "a^ab", false);
    check("a LIKE 'ab'", "a=\"ab\"", true);
    check("a LIKE '%b'", "", false);
    check("a ILIKE 'ab%'", "", false);
    check("starts_with(a, 'ab')", "a^ab", true);
    check("_id = 'a' AND b > 1", r#"_id="a" & b Excluded("1")..Unbounded"#, true);
    check("_id LIKE 'a%'", "_id^a", true);
    check("_id.x = 1", "", false);
    for condition in ["a != 1", "NOT a", "a = b", "1 IN a", "a < [1]", "a XOR b", "lower(a) = 'x'", "a NOT IN (1)"] {
        check(condition, "", false);
    }
    check("a = 1 AND lower(b) = 'x'", "a=1", false);
    check("a = 1 OR lower(b) = 'x'", "a=1 or ", false);
    check("true", "", true);
    assert!(filter("true").is_always());
    assert!(filter("1 < 2 OR a = 1").alternatives().iter().any(Vec::is_empty));
}

#[test]
fn ids() {
    let ids = |condition: &str| {
        let ids = filter(condition).ids();
        ids.map(|ids| ids.iter().map(DocumentId::as_json).collect::<Vec<_>>().join(" "))
    };
    for (condition, expected) in [
        ("_id = 'a'", Some("\"a\"")),
        ("'a' = _id AND b = 1", Some("\"a\"")),
        ("_id = 1.0", Some("1")),
        ("_id = 1.5", Some("")),
        ("_id IN ('b', 'a', 7, null, true)", Some("\"a\" \"b\" 7")),
        ("_id = 'a' OR _id IN ('b')", Some("\"a\" \"b\"")),
        ("_id IN ('a', 'b') AND _id IN ('b', 'c')", Some("\"b\"")),
        ("_id = 'a' OR b = 1", None),
        ("NOT _id = 'a'", None),
        ("_id > 'a'", None),
        ("_id = {'s': 'x'}", Some(r#"{"s":"x"}"#)),
        ("_id = {'s': 1}", Some(r#"{"s":1.0} {"s":1}"#)),
        ("_id = {'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5}", None),
        ("_id = null", Some("")),
        ("false", Some("")),
    ] {
        let mut found = ids(condition);
        if let Some(found) = &mut found {
            let mut sorted: Vec<_> = found.split(' ').collect();
            sorted.sort_unstable();
            *found = sorted.join(" ");
        }
        let expected = expected.map(|expected| {
            let mut sorted: Vec<_> = expected.split(' ').collect();
            sorted.sort_unstable();
            sorted.join(" ")
        });
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn required_values_and_fields() {
    let required = |condition: &str| {
        let filter = filter(condition);
        let required = filter.required_values().into_iter().map(|(path, values)| (path.to_string(), values.len()));
        required.collect::<Vec<_>>()
    };
    let one = |path: &str, values| vec![(path.to_owned(), values)];
    assert_eq!(required("a.b = 1 AND c > 2"), one("a.b", 1));
    assert_eq!(required("a = 1 OR a IN ('x', 2)"), one("a", 3));
    assert_eq!(required("a IS NULL"), one("a", 1));
    assert_eq!(required("a = 1 OR b = 2"), vec![]);
    assert_eq!(required("a = [1]"), vec![]);
    assert_eq!(filter("a.b = 1 AND ANY x IN c SATISFIES x.n = d END AND _id = 'x'").field_names(), vec!["a", "c", "d"]);
    assert!(filter("_id = 'a' OR _id.b = 1").is_id_only());
    assert!(!filter("_id = 'a' OR b = 1").is_id_only());
}
