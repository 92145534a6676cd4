//! Laws of the language, tried on random queries, documents and texts.

use std::cmp::Ordering;
use std::ops::Bound;

use document::{DocumentId, Map, Path, PathSegment, Value};
use proptest::prelude::*;

use crate::budget::Budget;
use crate::compare::{compare_for_sort, compare_freely as compare};
use crate::id_test::IdTest;
use crate::limits::DOCUMENT_STEPS_MAX;
use crate::pattern::Pattern;
use crate::syntax::{Comparison, Condition, Operand, PatternSource};
use crate::{Demand, Filter, Place, Query, Root, Test};

const STRINGS: &[&str] =
    &["", "a", "ab", "b", "it's", "back\\slash", "two\nlines", "2023-12-01", "2023-12-01T00:00:00Z", "é😀"];
const NAMES: &[&str] = &["a", "b", "c_1", "_id", "first-name", "true", "it's `x`", "größe", "", "contains", "0"];
const EXPRESSIONS: &[&str] = &["a", "^ab?$", "[a-z]+", "\\w'", ""];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(&NAMES[..3]), 1 => prop::sample::select(NAMES)].prop_map(str::to_string)
}

fn segment() -> impl Strategy<Value = PathSegment> {
    prop_oneof![name().prop_map(PathSegment::Field), (0_usize..3).prop_map(PathSegment::Index)]
}

fn path() -> impl Strategy<Value = Path> {
    (name(), prop::collection::vec(segment(), 0..3)).prop_map(|(first, mut segments)| {
        segments.insert(0, PathSegment::Field(first));
        Path { segments }
    })
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-3_i64..4).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        1 => (1_u64 << 63..).prop_map(Value::Uint),
        2 => (-6_i64..7).prop_map(|half| Value::Float(half as f64 / 2.0)),
        1 => any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Value::Float),
        1 => near_integer().prop_map(Value::Float),
    ]
}

/// Floats at and around the edges of exactness.
fn near_integer() -> impl Strategy<Value = f64> {
    let edges = [2_f64.powi(53), 2_f64.powi(63), 2_f64.powi(64), -2_f64.powi(53), -2_f64.powi(63)];
    prop::sample::select(edges.to_vec())
        .prop_flat_map(|edge| prop::sample::select(vec![edge.next_down(), edge, edge.next_up()]))
}

fn scalar() -> impl Strategy<Value = Value> {
    let string = prop::sample::select(STRINGS).prop_map(|text| Value::String(text.to_string()));
    prop_oneof![1 => Just(Value::Null), 1 => any::<bool>().prop_map(Value::Bool), 3 => number(), 3 => string]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..4).prop_map(|fields| Value::Map(Map::from_fields(fields))),
        ]
    })
}

fn fields() -> impl Strategy<Value = Map> {
    prop::collection::vec((name().prop_filter("a field", |name| name != "_id"), value()), 0..5)
        .prop_map(Map::from_fields)
}

fn id() -> impl Strategy<Value = DocumentId> {
    let string = prop::sample::select(&STRINGS[1..]).prop_map(|text| Value::String(text.to_string()));
    let integer = prop_oneof![(-3_i64..4).prop_map(Value::Int), (1_u64 << 63..).prop_map(Value::Uint)];
    let object = (name(), value(), fields()).prop_map(|(name, value, mut fields)| {
        fields.insert(name, value);
        Value::Map(fields)
    });
    prop_oneof![string, integer, object].prop_map(|value| DocumentId::from_value(&value).expect("an id's kind"))
}

/// Arguments `x`, `y` and `z`, of which `z` is an array and `y` a string.
fn args() -> impl Strategy<Value = Map> {
    let string = prop::sample::select(STRINGS).prop_map(|text| Value::String(text.to_string()));
    (value(), string, prop::collection::vec(value(), 0..4))
        .prop_map(|(x, y, z)| Map::from_fields(vec![("x".into(), x), ("y".into(), y), ("z".into(), Value::Array(z))]))
}

fn argument(name: &str) -> Path {
    Path { segments: vec![PathSegment::Field(name.to_string())] }
}

fn array() -> impl Strategy<Value = Operand> {
    let element = prop_oneof![4 => scalar().prop_map(Operand::Literal), 1 => Just(Operand::Argument(argument("x")))];
    let element = element.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Operand::Array));
    prop::collection::vec(element, 0..4).prop_map(Operand::Array)
}

fn operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        4 => path().prop_map(Operand::Field),
        3 => scalar().prop_map(Operand::Literal),
        1 => Just(Operand::Argument(argument("x"))),
        1 => array(),
    ]
}

/// Anything but an array of one string, which is a field there.
fn left_operand() -> impl Strategy<Value = Operand> {
    operand().prop_filter("no field in brackets", |operand| match operand {
        Operand::Array(elements) => !matches!(elements.as_slice(), [Operand::Literal(Value::String(_))]),
        _ => true,
    })
}

fn text_operand() -> impl Strategy<Value = Operand> {
    prop_oneof![
        3 => path().prop_map(Operand::Field),
        2 => prop::sample::select(STRINGS).prop_map(|text| Operand::Literal(Value::String(text.to_string()))),
        1 => Just(Operand::Argument(argument("y"))),
    ]
}

fn array_operand() -> impl Strategy<Value = Operand> {
    prop_oneof![path().prop_map(Operand::Field), array(), Just(Operand::Argument(argument("z")))]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Unequal};
    prop::sample::select(vec![Equal, Unequal, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn term() -> impl Strategy<Value = Condition> {
    prop_oneof![
        1 => any::<bool>().prop_map(Condition::Constant),
        6 => (left_operand(), comparison(), operand())
            .prop_map(|(left, comparison, right)| Condition::Compare { left, comparison, right }),
        2 => (array_operand(), operand()).prop_map(|(array, element)| Condition::Contains { array, element }),
        1 => (text_operand(), text_operand()).prop_map(|(text, prefix)| Condition::StartsWith { text, prefix }),
        1 => (text_operand(), text_operand()).prop_map(|(text, suffix)| Condition::EndsWith { text, suffix }),
        1 => (text_operand(), prop::sample::select(EXPRESSIONS)).prop_map(|(text, source)| {
            let pattern = PatternSource::Literal(Pattern::compile(source).expect("a good expression"));
            Condition::Regex { text, pattern }
        }),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    term().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Any),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

/// The same condition on parts of the id, or all of it, instead of fields.
fn of_id(condition: Condition) -> Condition {
    let operand = |operand: Operand| match operand {
        Operand::Field(mut path) => {
            match path.segments.first() {
                Some(PathSegment::Field(name)) if name == "b" => path.segments.clear(),
                _ => {}
            }
            path.segments.insert(0, PathSegment::Field("_id".to_owned()));
            Operand::Field(path)
        }
        other => other,
    };
    let all = |parts: Vec<Condition>| parts.into_iter().map(of_id).collect();
    match condition {
        Condition::Constant(holds) => Condition::Constant(holds),
        Condition::All(parts) => Condition::All(all(parts)),
        Condition::Any(parts) => Condition::Any(all(parts)),
        Condition::Not(inner) => Condition::Not(Box::new(of_id(*inner))),
        Condition::Compare { left, comparison, right } => {
            Condition::Compare { left: operand(left), comparison, right: operand(right) }
        }
        Condition::Contains { array, element } => {
            Condition::Contains { array: operand(array), element: operand(element) }
        }
        Condition::StartsWith { text, prefix } => {
            Condition::StartsWith { text: operand(text), prefix: operand(prefix) }
        }
        Condition::EndsWith { text, suffix } => Condition::EndsWith { text: operand(text), suffix: operand(suffix) },
        Condition::Regex { text, pattern } => Condition::Regex { text: operand(text), pattern },
    }
}

fn bind(condition: &Condition, args: &Map) -> Filter {
    query(condition.clone()).bind(args).unwrap()
}

fn query(condition: Condition) -> Query {
    Query { condition, text_bytes: 0 }
}

impl Filter {
    fn holds(&self, id: &DocumentId, fields: &Map) -> bool {
        self.matches(id, fields, &mut Budget::of_a_document()).unwrap()
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    crate::compare::equal(a, b, &mut Budget::unlimited()).unwrap()
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    crate::compare::order(a, b, &mut Budget::unlimited()).unwrap()
}

fn meets(demand: &Demand<'_>, id: &DocumentId, fields: &Map) -> bool {
    let id = id.to_value();
    let found = match demand.place {
        Place::Field(path) => path.lookup(fields).unwrap_or(&Value::Null),
        Place::Id => &id,
    };
    match &demand.test {
        Test::Missing => unreachable!("the legacy language has no such test"),
        Test::OneOf(values) => values.iter().any(|value| equal(value, found)),
        Test::Range { lower, upper } => {
            let lies = |bound: &Bound<&Value>, outside: Ordering| match bound {
                Bound::Unbounded => true,
                Bound::Included(bound) => order(found, bound).is_some_and(|ordering| ordering != outside),
                Bound::Excluded(bound) => order(found, bound) == Some(outside.reverse()),
            };
            lies(lower, Ordering::Less) && lies(upper, Ordering::Greater)
        }
        Test::Prefix(prefix) => matches!(found, Value::String(text) if text.starts_with(prefix)),
    }
}

fn not(condition: &Condition) -> Condition {
    Condition::Not(Box::new(condition.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_printed_parses_to_the_same_query(condition in condition(), args in args(), id in id(), fields in fields()) {
        let query = query(condition);
        let printed = query.to_string();
        let parsed = Query::parse(&printed).map_err(|error| TestCaseError::fail(format!("{printed}: {error}")))?;
        prop_assert_eq!(&parsed, &query, "{}", printed);
        let outcomes = [&parsed, &query].map(|query| query.bind(&args).unwrap().holds(&id, &fields));
        prop_assert_eq!(outcomes[0], outcomes[1]);
    }

    #[test]
    fn any_text_parses_or_has_an_error_within_it(text in any::<String>()) {
        check_any_text(&text)?;
    }

    #[test]
    fn any_tokens_parse_or_have_an_error_within_them(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "a", "b", "_id", "$args", ".x", "true", "null", "'s'", "\"t\"", "`q`", "1", "-2.5", "[", "]", "['k']", "[0]", "(", ")", "!", "&&",
            "||", "==", "!=", "<", "<=", ",", ".", "contains(", "regex(", "starts_with(", "\\", "'", "é", "-", "$",
        ]), 0..20),
        separator in prop::sample::select(vec!["", " "]),
    ) {
        check_any_text(&tokens.join(separator))?;
    }

    #[test]
    fn not_is_negation(condition in condition(), args in args(), id in id(), fields in fields()) {
        let (filter, negated) = (bind(&condition, &args), bind(&not(&condition), &args));
        prop_assert_ne!(filter.holds(&id, &fields), negated.holds(&id, &fields));
        let written = Query::parse(&format!("!({})", query(condition))).unwrap().bind(&args).unwrap();
        prop_assert_eq!(written.holds(&id, &fields), negated.holds(&id, &fields));
    }

    #[test]
    fn de_morgan(a in condition(), b in condition(), args in args(), id in id(), fields in fields()) {
        let neither = bind(&not(&Condition::Any(vec![a.clone(), b.clone()])), &args);
        let both_not = bind(&Condition::All(vec![not(&a), not(&b)]), &args);
        prop_assert_eq!(neither.holds(&id, &fields), both_not.holds(&id, &fields));
        prop_assert_eq!(neither.ids(), both_not.ids());
    }

    #[test]
    fn and_or_are_those_of_their_parts(a in condition(), b in condition(), args in args(), id in id(), fields in fields()) {
        let matches = |condition: &Condition| bind(condition, &args).holds(&id, &fields);
        let (holds_a, holds_b) = (matches(&a), matches(&b));
        prop_assert_eq!(matches(&Condition::All(vec![a.clone(), b.clone()])), holds_a && holds_b);
        prop_assert_eq!(matches(&Condition::Any(vec![a, b])), holds_a || holds_b);
    }

    #[test]
    fn what_a_filter_says_of_itself_is_true(condition in condition(), args in args(), id in id(), fields in fields()) {
        let filter = bind(&condition, &args);
        let matches = filter.holds(&id, &fields);
        prop_assert!(!filter.is_always() || matches);
        prop_assert!(!filter.is_id_only() || matches == filter.holds(&id, &Map::new()));
        prop_assert!(!matches || filter.may_match(&id, &fields));
        prop_assert!(!matches || filter.ids().is_none_or(|ids| ids.contains(&id)));
        let wanted = filter.field_names();
        let read = fields.iter().filter(|(name, _)| wanted.contains(name));
        let read = Map::from_fields(read.map(|(name, value)| (name.to_owned(), value.clone())).collect());
        prop_assert_eq!(filter.holds(&id, &read), matches);
        let meets = |demands: &Vec<Demand<'_>>| demands.iter().all(|demand| meets(demand, &id, &fields));
        let meets_all_of_one = filter.alternatives().iter().any(meets);
        prop_assert!(!matches || meets_all_of_one);
        prop_assert!(!meets_all_of_one || matches || !filter.is_its_demands());
        for (path, values) in filter.required_values() {
            let found = path.lookup(&fields);
            prop_assert!(!matches || values.into_iter().any(|value| compare_for_sort(Some(value), found).is_eq()));
        }
    }

    #[test]
    fn a_test_of_ids_says_what_its_filter_does(
        condition in prop_oneof![3 => term(), 1 => condition()], args in args(), ids in prop::collection::vec(id(), 8),
    ) {
        let condition = of_id(condition);
        let filter = bind(&condition, &args);
        let Root::Legacy(root) = &filter.root else { unreachable!("a condition of the legacy language") };
        if let Some(test) = IdTest::of(root) {
            for id in ids {
                let expected = filter.holds(&id, &Map::new());
                prop_assert_eq!(test.holds(id.as_json()), expected, "{} of {}", query(condition.clone()), id.as_json());
            }
        }
    }

    #[test]
    fn what_it_costs_is_the_same_every_time_and_all_that_is_needed(
        condition in condition(), args in args(), id in id(), fields in fields(),
    ) {
        let filter = bind(&condition, &args);
        let mut budget = Budget::new(DOCUMENT_STEPS_MAX);
        let matches = filter.matches(&id, &fields, &mut budget);
        let steps = budget.spent();
        prop_assert!(filter.steps_max().is_none_or(|most| steps <= most), "{} of {:?}", steps, filter.steps_max());
        let mut exact = Budget::new(steps);
        prop_assert_eq!(bind(&condition, &args).matches(&id, &fields, &mut exact), matches);
        prop_assert_eq!(exact.spent(), steps);
        prop_assert!(filter.matches(&id, &fields, &mut Budget::new(steps - 1)).is_err());
    }

    #[test]
    fn ids_are_pinned_and_sorted(ids in prop::collection::vec(id(), 1..5), fields in fields()) {
        let args = Map::from_fields(vec![("z".into(), Value::Array(ids.iter().map(DocumentId::to_value).collect()))]);
        let filter = Query::parse("contains($args.z, _id)").unwrap().bind(&args).unwrap();
        let mut sorted = ids.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(filter.ids(), Some(sorted));
        prop_assert!(ids.iter().all(|id| filter.holds(id, &fields)));
    }

    #[test]
    fn comparing_is_a_total_order(a in value(), b in value(), c in value()) {
        prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        let mut sorted = [&a, &b, &c];
        sorted.sort_by(|a, b| compare(a, b));
        prop_assert!(compare(sorted[0], sorted[1]).is_le() && compare(sorted[1], sorted[2]).is_le());
        prop_assert!(compare(sorted[0], sorted[2]).is_le());
        prop_assert_eq!(compare(sorted[0], sorted[2]).is_eq(), compare(sorted[0], sorted[1]).is_eq() && compare(sorted[1], sorted[2]).is_eq());
    }

    #[test]
    fn order_and_equality_agree(a in value(), b in value()) {
        if let Some(ordering) = order(&a, &b) {
            prop_assert_eq!(ordering.is_eq(), equal(&a, &b));
        }
        prop_assert_eq!(order(&a, &b), order(&b, &a).map(Ordering::reverse));
    }

    #[test]
    fn numbers_compare_as_the_rationals_they_are(a in number(), b in number()) {
        let expected = compare_rationals(&a, &b);
        prop_assert_eq!(compare(&a, &b), expected, "{:?} and {:?}", a, b);
        prop_assert_eq!(order(&a, &b), Some(expected));
    }
}
#[test]
fn a_filter_that_is_its_demands_says_so() {
    let check = |text: &str, expected: bool| {
        let filter = Query::parse(text).unwrap().bind(&Map::new()).unwrap();
        assert_eq!(filter.is_its_demands(), expected, "{text}");
    };
    for text in ["true", "false", "a == 1", "a > 1 && a <= 3", "contains(['x', null], a) || starts_with(b, 'x')"] {
        check(text, true);
    }
    for text in ["a != 1", "!a", "a == b", "a == 1 && ends_with(b, 'x')", "contains(a, 1)", "_id == 'a'", "_id.x == 1"]
    {
        check(text, false);
    }
    let many = |joint: &str| (0..65).map(|n| format!("a == {n}")).collect::<Vec<_>>().join(joint);
    check(&many(" || "), false);
    check(&many(" && "), true);
    let two = "(a == 1 || a == 2)";
    check(&[two; 6].join(" && "), true);
    check(&[two; 7].join(" && "), false);
}

fn check_any_text(text: &str) -> Result<(), TestCaseError> {
    match Query::parse(text) {
        Ok(query) => prop_assert_eq!(Query::parse(&query.to_string()), Ok(query)),
        Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}: {}", text, error),
    }
    Ok(())
}

/// By another way than the crate's: each number is a sign and a magnitude `mantissa * 2^exponent`, compared bit by
/// bit from the top.
fn compare_rationals(a: &Value, b: &Value) -> Ordering {
    let ((negative_a, a), (negative_b, b)) = (bits(a), bits(b));
    match (negative_a && !a.is_empty(), negative_b && !b.is_empty()) {
        (false, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, false) => compare_magnitudes(&a, &b),
        (true, true) => compare_magnitudes(&b, &a),
    }
}

fn compare_magnitudes(a: &[i32], b: &[i32]) -> Ordering {
    a.cmp(b)
}

/// The sign, and the positions of the one bits from the highest down.
fn bits(value: &Value) -> (bool, Vec<i32>) {
    let (negative, mantissa, exponent) = match value {
        Value::Int(integer) => (*integer < 0, integer.unsigned_abs(), 0),
        Value::Uint(integer) => (false, *integer, 0),
        Value::Float(float) => {
            let raw = float.to_bits();
            let (biased, fraction) = ((raw >> 52 & 0x7ff) as i32, raw & ((1 << 52) - 1));
            let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
            (float.is_sign_negative(), mantissa, biased.max(1) - 1075)
        }
        other => panic!("{other:?} is no number"),
    };
    let positions = (0..64).rev().filter(|bit| mantissa >> bit & 1 == 1).map(|bit| bit + exponent).collect();
    (negative, positions)
}
