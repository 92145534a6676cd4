//! Laws of conditions, tried on random ones and random documents.

use std::cmp::Ordering;
use std::ops::Bound;

use document::{DocumentId, Map, Path, PathSegment, Value};
use proptest::prelude::*;

use super::Constants;
use super::bind::Binder;
use super::compare::{Kind, compare, order};
use super::condition::Condition;
use super::function::Function;
use super::node::{Node, Scope, Truth};
use super::syntax::{Binary, Binding, CastKind, Expression, InList, Is, Quantifier, Source, Step};
use crate::budget::Budget;
use crate::limits::DOCUMENT_STEPS_MAX;
use crate::{Demand, Filter, Place, Test, compare_for_sort};

const STRINGS: &[&str] = &["", "a", "ab", "abc", "b", "a%", "1", "2023-12-01", "2023-12-01T00:00:00Z", "é😀"];
const NAMES: &[&str] = &["a", "b", "c"];
const PATTERNS: &[&str] = &["a%", "%b", "a_%", "ab", "%", "", "A%", "a\\%%", "%a%b%"];

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => (-2_i64..3).prop_map(Value::Int),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 53]).prop_map(Value::Int),
        1 => prop::sample::select(vec![1_u64 << 63, u64::MAX]).prop_map(Value::Uint),
        3 => (-4_i64..5).prop_map(|half| Value::Float(half as f64 / 2.0)),
        1 => prop::sample::select(vec![-0.0, 1e300, 2_f64.powi(53), 2_f64.powi(63)]).prop_map(Value::Float),
    ]
}

fn string() -> impl Strategy<Value = Value> {
    prop::sample::select(STRINGS).prop_map(|text| Value::String(text.to_owned()))
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 2 => any::<bool>().prop_map(Value::Bool), 3 => number(), 3 => string()]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..3).prop_map(|fields| Value::Map(Map::from_fields(fields))),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES).prop_map(str::to_owned)
}

fn fields() -> impl Strategy<Value = Map> {
    prop::collection::vec((name(), value()), 0..4).prop_map(Map::from_fields)
}

fn id() -> impl Strategy<Value = DocumentId> {
    let object = (name(), number()).prop_map(|(name, number)| Value::Map(Map::from_fields(vec![(name, number)])));
    prop_oneof![
        prop::sample::select(&STRINGS[1..]).prop_map(|text| Value::String(text.to_owned())),
        (-2_i64..3).prop_map(Value::Int),
        object,
    ]
    .prop_map(|value| DocumentId::from_value(&value).expect("an id's kind"))
}

fn path() -> impl Strategy<Value = Expression> {
    let steps = prop_oneof![
        5 => name().prop_map(|name| vec![Step::Field(name)]),
        2 => (name(), name()).prop_map(|(a, b)| vec![Step::Field(a), Step::Field(b)]),
        1 => (name(), 0_usize..2).prop_map(|(a, at)| vec![Step::Field(a), Step::Index(at)]),
        2 => Just(vec![Step::Field("_id".to_owned())]),
        1 => name().prop_map(|name| vec![Step::Field("_id".to_owned()), Step::Field(name)]),
        1 => name().prop_map(|name| vec![Step::Field("boats".to_owned()), Step::Field(name)]),
        1 => Just(vec![Step::Field("x".to_owned())]),
    ];
    steps.prop_map(Expression::Path)
}

/// Null, booleans, numbers and strings; arrays and objects of them.
fn literal() -> impl Strategy<Value = Expression> {
    value().prop_map(written)
}

fn written(value: Value) -> Expression {
    let key = |name: String| Expression::Literal(Value::String(name));
    match value {
        Value::Array(elements) => Expression::Array(elements.into_iter().map(written).collect()),
        Value::Map(map) => {
            Expression::Object(map.into_fields().into_iter().map(|(name, value)| (key(name), written(value))).collect())
        }
        scalar => Expression::Literal(scalar),
    }
}

fn comparison() -> impl Strategy<Value = Binary> {
    use Binary::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn binary(operator: Binary, left: Expression, right: Expression) -> Expression {
    Expression::Binary { operator, left: Box::new(left), right: Box::new(right) }
}

/// Tests of places by constants, which indexes answer.
fn leaf() -> impl Strategy<Value = Expression> {
    let text = |text: &str| Box::new(Expression::Literal(Value::String(text.to_owned())));
    prop_oneof![
        4 => (path(), comparison(), literal()).prop_map(|(left, operator, right)| binary(operator, left, right)),
        2 => (literal(), comparison(), path()).prop_map(|(left, operator, right)| binary(operator, left, right)),
        1 => (path(), comparison(), path()).prop_map(|(left, operator, right)| binary(operator, left, right)),
        2 => (path(), literal(), literal(), any::<bool>()).prop_map(|(value, low, high, negated)| {
            Expression::Between { value: Box::new(value), low: Box::new(low), high: Box::new(high), negated }
        }),
        2 => (path(), prop::collection::vec(literal(), 1..4), any::<bool>()).prop_map(|(value, list, negated)| {
            Expression::In { value: Box::new(value), list: InList::Each(list), negated }
        }),
        1 => (literal(), path(), any::<bool>()).prop_map(|(value, array, negated)| {
            Expression::In { value: Box::new(value), list: InList::Array(Box::new(array)), negated }
        }),
        2 => (path(), any::<bool>(), any::<bool>()).prop_map(|(value, is_null, negated)| {
            let what = if is_null { Is::Null } else { Is::Missing };
            Expression::Is { value: Box::new(value), what, negated }
        }),
        2 => (path(), prop::sample::select(PATTERNS), any::<bool>(), any::<bool>()).prop_map(
            move |(value, pattern, any_case, negated)| {
                Expression::Like { value: Box::new(value), pattern: text(pattern), escape: None, any_case, negated }
            }
        ),
        1 => (path(), prop::sample::select(STRINGS)).prop_map(move |(value, prefix)| {
            Expression::Call { function: Function::StartsWith, arguments: vec![value, *text(prefix)] }
        }),
        1 => path(),
        1 => any::<bool>().prop_map(|value| Expression::Literal(Value::Bool(value))),
    ]
}

fn any_function() -> impl Strategy<Value = (Function, usize)> {
    let names: Vec<_> = Function::all().filter(|(name, ..)| !["clock", "tz_offset"].contains(name)).collect();
    (prop::sample::select(names), 0_usize..2).prop_map(|((name, least, most), more)| {
        let (function, ..) = Function::named(name).expect("it is known");
        (function, (least + more).min(most))
    })
}

/// What is computed, of all that can be written.
fn computed() -> impl Strategy<Value = Expression> {
    let operators = {
        use Binary::{Add, Concat, Divide, Multiply, Remainder, ShiftLeft, ShiftRight, Subtract};
        vec![Add, Concat, Divide, Multiply, Remainder, ShiftLeft, ShiftRight, Subtract]
    };
    let casts = {
        use CastKind::{Array, Boolean, Float, Integer, Object, String};
        vec![Array, Boolean, Float, Integer, Object, String]
    };
    prop_oneof![path(), literal(), leaf()].prop_recursive(3, 12, 4, move |inner| {
        prop_oneof![
            3 => (any_function(), prop::collection::vec(inner.clone(), 5)).prop_map(|((function, count), arguments)| {
                Expression::Call { function, arguments: arguments.into_iter().take(count).collect() }
            }),
            3 => (prop::sample::select(operators.clone()), inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| binary(operator, left, right)),
            1 => (comparison(), inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| binary(operator, left, right)),
            1 => inner.clone().prop_map(|inner| Expression::Negate(Box::new(inner))),
            1 => (inner.clone(), prop::sample::select(casts.clone()))
                .prop_map(|(value, kind)| Expression::Cast { value: Box::new(value), kind }),
            1 => (prop::option::of(inner.clone()), inner.clone(), inner.clone(), prop::option::of(inner.clone()))
                .prop_map(|(operand, condition, result, otherwise)| Expression::Case {
                    operand: operand.map(Box::new),
                    branches: vec![(condition, result)],
                    otherwise: otherwise.map(Box::new),
                }),
            1 => (0_usize..3, any::<bool>(), any::<bool>(), inner.clone(), inner.clone()).prop_map(
                |(quantifier, within, has_index, list, condition)| Expression::Quantified {
                    quantifier: [Quantifier::Any, Quantifier::Every, Quantifier::AnyAndEvery][quantifier],
                    binding: binding(within, has_index, list),
                    condition: Box::new(condition),
                }
            ),
            1 => (
                (any::<bool>(), any::<bool>()),
                prop::option::of(inner.clone()),
                inner.clone(),
                inner.clone(),
                prop::option::of(inner),
            )
                .prop_map(|((within, has_index), key, list, element, condition)| Expression::Comprehension {
                    key: key.map(Box::new),
                    element: Box::new(element),
                    binding: binding(within, has_index, list),
                    condition: condition.map(Box::new),
                }),
        ]
    })
}

fn binding(within: bool, has_index: bool, list: Expression) -> Binding {
    Binding { index: has_index.then(|| "a".to_owned()), name: "x".to_owned(), within, list: Box::new(list) }
}

fn joined(of: impl Strategy<Value = Expression> + 'static) -> impl Strategy<Value = Expression> {
    of.prop_recursive(3, 12, 2, |inner| {
        let operator = prop::sample::select(vec![Binary::And, Binary::And, Binary::Or, Binary::Or, Binary::Xor]);
        prop_oneof![
            4 => (operator, inner.clone(), inner.clone()).prop_map(|(operator, a, b)| binary(operator, a, b)),
            1 => inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn source() -> Source {
    Source { name: "boats".to_owned(), definitions: Vec::new(), alias: None, use_ids: None, use_index: None }
}

fn constants() -> Constants {
    Constants { now_ms: 7, strict: false, request_info: Map::new(), zone_offset: None }
}

fn bound(expression: &Expression, folds: bool) -> Node {
    let (args, constants, source) = (Map::new(), constants(), source());
    let binder = Binder::new(&args, &constants, Some(&source));
    let mut binder = if folds { binder } else { binder.without_folding() };
    binder.expression(expression).expect("nothing in it is an error")
}

/// A random pattern may be none.
fn is_bound(expression: &Expression) -> bool {
    let (args, constants, source) = (Map::new(), constants(), source());
    Binder::new(&args, &constants, Some(&source)).expression(expression).is_ok()
}

fn filter(expression: &Expression, ids: Option<Vec<DocumentId>>) -> Filter {
    Filter::of_dql(Condition { root: Some(bound(expression, true)), ids }, 0)
}

fn meets(demand: &Demand<'_>, id: &DocumentId, fields: &Map) -> bool {
    let id = id.to_value();
    let found = match demand.place {
        Place::Field(path) => path.lookup(fields),
        Place::Id => Some(&id),
    };
    match &demand.test {
        Test::Missing => found.is_none(),
        Test::OneOf(values) => values.iter().any(|value| compare(Some(value), found).is_eq()),
        Test::Range { lower, upper } => {
            let lies = |bound: &Bound<&Value>, outside: Ordering| match bound {
                Bound::Unbounded => true,
                Bound::Included(bound) | Bound::Excluded(bound) => found.is_some_and(|found| {
                    assert!(Kind::of(bound).is_scalar());
                    let ordering = compare(Some(found), Some(bound));
                    Kind::of(found) == Kind::of(bound) && ordering != outside
                }),
            };
            let is_at = |bound: &Bound<&Value>| match bound {
                Bound::Excluded(bound) => compare(found, Some(bound)).is_eq(),
                _ => false,
            };
            lies(lower, Ordering::Less) && lies(upper, Ordering::Greater) && !is_at(lower) && !is_at(upper)
        }
        Test::Prefix(prefix) => matches!(found, Some(Value::String(text)) if text.starts_with(prefix)),
    }
}

/// A condition of logic and comparisons, by another way than the crate's.
fn model(expression: &Expression, id: &DocumentId, fields: &Map) -> Option<Value> {
    let truth = |expression: &Expression| match model(expression, id, fields) {
        Some(value @ (Value::Bool(_) | Value::Null)) => Some(value),
        _ => None,
    };
    let boolean = |value: bool| Some(Value::Bool(value));
    match expression {
        Expression::Literal(value) => Some(value.clone()),
        Expression::Array(elements) => {
            Some(Value::Array(elements.iter().map(|one| model(one, id, fields).unwrap_or(Value::Null)).collect()))
        }
        Expression::Object(entries) => {
            let entry = |(key, value): &(Expression, Expression)| match model(key, id, fields) {
                Some(Value::String(key)) => Some((key, model(value, id, fields)?)),
                _ => None,
            };
            Some(Value::Map(Map::from_fields(entries.iter().filter_map(entry).collect())))
        }
        Expression::Path(steps) => {
            let mut whole = fields.clone();
            whole.insert("_id".to_owned(), id.to_value());
            let steps = match steps.as_slice() {
                [Step::Field(first), rest @ ..] if first == "boats" && !rest.is_empty() => rest,
                steps => steps,
            };
            let segment = |step: &Step| match step {
                Step::Field(name) => PathSegment::Field(name.clone()),
                Step::Index(index) => PathSegment::Index(*index),
            };
            Path { segments: steps.iter().map(segment).collect() }.lookup(&whole).cloned()
        }
        Expression::Not(inner) => match truth(inner)? {
            Value::Bool(value) => boolean(!value),
            null => Some(null),
        },
        Expression::Binary { operator: Binary::And, left, right } => match (truth(left), truth(right)) {
            (Some(Value::Bool(false)), _) | (_, Some(Value::Bool(false))) => boolean(false),
            (None, _) | (_, None) => None,
            (Some(Value::Null), _) | (_, Some(Value::Null)) => Some(Value::Null),
            _ => boolean(true),
        },
        Expression::Binary { operator: Binary::Or, left, right } => match (truth(left), truth(right)) {
            (Some(Value::Bool(true)), _) | (_, Some(Value::Bool(true))) => boolean(true),
            (Some(Value::Null), _) | (_, Some(Value::Null)) => Some(Value::Null),
            (None, _) | (_, None) => None,
            _ => boolean(false),
        },
        Expression::Binary { operator: Binary::Xor, left, right } => match (truth(left)?, truth(right)?) {
            (Value::Bool(left), Value::Bool(right)) => boolean(left != right),
            _ => Some(Value::Null),
        },
        Expression::Binary { operator, left, right } => {
            let (left, right) = (model(left, id, fields)?, model(right, id, fields)?);
            if left == Value::Null || right == Value::Null {
                return Some(Value::Null);
            }
            if Kind::of(&left) != Kind::of(&right) {
                return None;
            }
            let ordering = compare(Some(&left), Some(&right));
            boolean(match operator {
                Binary::Equal => ordering.is_eq(),
                Binary::NotEqual => ordering.is_ne(),
                Binary::Less => ordering.is_lt(),
                Binary::LessOrEqual => ordering.is_le(),
                Binary::Greater => ordering.is_gt(),
                Binary::GreaterOrEqual => ordering.is_ge(),
                other => panic!("{other:?} is not modelled"),
            })
        }
        Expression::Between { value, low, high, negated } => {
            let from = binary(Binary::GreaterOrEqual, (**value).clone(), (**low).clone());
            let to = binary(Binary::LessOrEqual, (**value).clone(), (**high).clone());
            let both = binary(Binary::And, from, to);
            model(&if *negated { Expression::Not(Box::new(both)) } else { both }, id, fields)
        }
        Expression::Is { value, what, negated } => {
            let value = model(value, id, fields);
            let holds = if *what == Is::Null { value == Some(Value::Null) } else { value.is_none() };
            boolean(holds != *negated)
        }
        other => panic!("{other:?} is not modelled"),
    }
}

fn modelled() -> impl Strategy<Value = Expression> {
    joined(leaf().prop_filter("what the model knows", |leaf| {
        !matches!(leaf, Expression::In { .. } | Expression::Like { .. } | Expression::Call { .. })
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn logic_and_comparisons_agree_with_the_model(expression in modelled(), id in id(), fields in fields()) {
        let scope = Scope { id: Some(&id), fields: &fields, slots: &[] };
        for folds in [true, false] {
            let node = bound(&expression, folds);
            let value = node.evaluate(&scope, &mut Budget::of_a_document()).unwrap();
            let expected = model(&expression, &id, &fields);
            prop_assert_eq!(value.as_deref(), expected.as_ref());
            let holds = node.holds(&scope, &mut Budget::of_a_document()).unwrap();
            prop_assert_eq!(holds, expected == Some(Value::Bool(true)));
        }
    }

    #[test]
    fn what_is_decided_beforehand_is_what_documents_would_decide(
        expression in joined(computed()).prop_filter("bound", is_bound), id in id(), fields in fields(),
    ) {
        let scope = Scope { id: Some(&id), fields: &fields, slots: &[] };
        let [folded, plain] = [true, false].map(|folds| {
            let node = bound(&expression, folds);
            node.evaluate(&scope, &mut Budget::of_a_document()).unwrap().map(|value| value.into_owned())
        });
        prop_assert_eq!(folded, plain);
    }

    #[test]
    fn what_a_condition_says_of_itself_is_true(
        expression in joined(prop_oneof![4 => leaf(), 1 => computed()]).prop_filter("bound", is_bound),
        ids in prop::option::weighted(0.2, prop::collection::btree_set(id(), 0..4)),
        id in id(), fields in fields(),
    ) {
        let filter = filter(&expression, ids.map(|ids| ids.into_iter().collect()));
        let holds = |fields: &Map| filter.matches(&id, fields, &mut Budget::of_a_document()).unwrap();
        let matches = holds(&fields);
        prop_assert!(!filter.is_always() || matches);
        prop_assert!(!filter.is_id_only() || matches == holds(&Map::new()));
        prop_assert!(!matches || filter.may_match(&id, &fields));
        prop_assert!(!matches || filter.ids().is_none_or(|ids| ids.contains(&id)));
        prop_assert!(filter.ids().is_none_or(|ids| ids.is_sorted()));
        let wanted = filter.field_names();
        let read = fields.iter().filter(|(name, _)| wanted.contains(name));
        let read = Map::from_fields(read.map(|(name, value)| (name.to_owned(), value.clone())).collect());
        prop_assert_eq!(holds(&read), matches);
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
    fn what_it_costs_is_the_same_every_time_and_all_that_is_needed(
        expression in joined(prop_oneof![2 => leaf(), 2 => computed()]).prop_filter("bound", is_bound),
        id in id(), fields in fields(),
    ) {
        let filter = filter(&expression, None);
        let mut budget = Budget::new(DOCUMENT_STEPS_MAX);
        let matches = filter.matches(&id, &fields, &mut budget);
        let steps = budget.spent();
        prop_assert!(filter.steps_max().is_none_or(|most| steps <= most), "{} of {:?}", steps, filter.steps_max());
        let mut exact = Budget::new(steps);
        prop_assert_eq!(filter.matches(&id, &fields, &mut exact), matches);
        prop_assert_eq!(exact.spent(), steps);
        for less in [0, steps / 2, steps - 1] {
            prop_assert!(filter.matches(&id, &fields, &mut Budget::new(less)).is_err());
        }
    }

    #[test]
    fn comparing_is_a_total_order(
        a in prop::option::weighted(0.9, value()), b in prop::option::weighted(0.9, value()), c in value(),
    ) {
        let (a, b, c) = (a.as_ref(), b.as_ref(), Some(&c));
        prop_assert_eq!(compare(a, a), Ordering::Equal);
        prop_assert_eq!(compare(a, b), compare(b, a).reverse());
        let mut sorted = [a, b, c];
        sorted.sort_by(|a, b| compare(*a, *b));
        let [first, second, third] = sorted;
        prop_assert!(compare(first, second).is_le() && compare(second, third).is_le());
        prop_assert!(compare(first, third).is_le());
        let are_equal = compare(first, second).is_eq() && compare(second, third).is_eq();
        prop_assert_eq!(compare(first, third).is_eq(), are_equal);
        // Comparisons see a part of the order.
        match order(a, b, &mut Budget::unlimited()).unwrap() {
            Ok(ordering) => prop_assert_eq!(ordering, compare(a, b)),
            Err(unknown) => prop_assert!(matches!(unknown, Truth::Null | Truth::Missing)),
        }
    }
}
