//! Random documents and statements against a model of a few lines: filter, sort, slice, group.

use std::cmp::Ordering;
use std::fmt::Write;

use document::{DocumentId, Map, Value};
use proptest::prelude::*;
use query::dql::compare;

use crate::statements::{Documents, run, select};

const FIELDS: [&str; 3] = ["a", "b", "c"];

type Fields = [Option<Value>; 3];

/// A statement, as the model understands it.
#[derive(Debug, Clone)]
struct Plan {
    distinct: bool,
    columns: Vec<usize>,
    /// A field and what it must be less than, equal to or greater than.
    condition: Option<(usize, Ordering, Value)>,
    /// Each a field, and whether the greatest comes first.
    order: Vec<(usize, bool)>,
    /// Whether the order is written so that it has to be computed.
    is_computed: bool,
    limit: Option<usize>,
    offset: Option<usize>,
}

impl Plan {
    fn tail(&self, text: &mut String) {
        for (clause, count) in [("LIMIT", self.limit), ("OFFSET", self.offset)] {
            if let Some(count) = count {
                write!(text, " {clause} {count}").unwrap();
            }
        }
    }

    fn condition(&self, text: &mut String) {
        if let Some((field, ordering, value)) = &self.condition {
            let operator = match ordering {
                Ordering::Less => "<",
                Ordering::Equal => "=",
                Ordering::Greater => ">",
            };
            write!(text, " WHERE {} {operator} {}", FIELDS[*field], shown(value)).unwrap();
        }
    }

    fn text(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|column| FIELDS[*column]).collect();
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        let mut text = format!("SELECT {distinct}{} FROM t", columns.join(", "));
        self.condition(&mut text);
        for (index, (field, descending)) in self.order.iter().enumerate() {
            let (before, name) = (if index == 0 { " ORDER BY" } else { "," }, FIELDS[*field]);
            let key = if self.is_computed { format!("CASE WHEN true THEN {name} END") } else { name.to_owned() };
            write!(text, "{before} {key}{}", if *descending { " DESC" } else { "" }).unwrap();
        }
        self.tail(&mut text);
        text
    }

    fn matches(&self, fields: &Fields) -> bool {
        let Some((field, ordering, value)) = &self.condition else { return true };
        let found = fields[*field].as_ref();
        let are_numbers = number(found).is_some() && number(Some(value)).is_some();
        let are_strings = matches!((found, value), (Some(Value::String(_)), Value::String(_)));
        (are_numbers || are_strings) && compare(found, Some(value)) == *ordering
    }

    fn cut<T>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(self.offset.unwrap_or(0)).take(self.limit.unwrap_or(usize::MAX)).collect()
    }

    fn rows(&self, documents: &[Fields]) -> Vec<String> {
        let mut found: Vec<&Fields> = documents.iter().filter(|fields| self.matches(fields)).collect();
        if self.distinct {
            let mut once: Vec<&Fields> = Vec::new();
            for fields in found {
                let is_like = |other: &&Fields| {
                    self.columns.iter().all(|at| compare(other[*at].as_ref(), fields[*at].as_ref()).is_eq())
                };
                if !once.iter().any(is_like) {
                    once.push(fields);
                }
            }
            found = once;
        }
        found.sort_by(|a, b| {
            let by_key = |(field, descending): &(usize, bool)| {
                let ordering = compare(a[*field].as_ref(), b[*field].as_ref());
                if *descending { ordering.reverse() } else { ordering }
            };
            self.order.iter().map(by_key).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
        });
        let row = |fields: &Fields| row(self.columns.iter().map(|at| (FIELDS[*at], fields[*at].clone())));
        self.cut(found).into_iter().map(row).collect()
    }

    fn grouped_text(&self) -> String {
        let mut text = "SELECT a, COUNT(*) AS n, COUNT(b) AS k, COUNT(DISTINCT b) AS d, SUM(c) AS s, MIN(b) AS l, \
                        MAX(b) AS g, MEDIAN(c) AS m FROM t"
            .to_owned();
        self.condition(&mut text);
        text.push_str(" GROUP BY a HAVING COUNT(*) > 1");
        self.tail(&mut text);
        text
    }

    fn groups(&self, documents: &[Fields]) -> Vec<String> {
        let mut groups: Vec<Vec<&Fields>> = Vec::new();
        for fields in documents.iter().filter(|fields| self.matches(fields)) {
            match groups.iter_mut().find(|group| compare(group[0][0].as_ref(), fields[0].as_ref()).is_eq()) {
                Some(group) => group.push(fields),
                None => groups.push(vec![fields]),
            }
        }
        groups.sort_by(|x, y| compare(x[0][0].as_ref(), y[0][0].as_ref()));
        groups.retain(|group| group.len() > 1);
        let row = |group: Vec<&Fields>| {
            let known = group.iter().filter_map(|fields| fields[1].as_ref()).filter(|value| **value != Value::Null);
            let mut known: Vec<&Value> = known.collect();
            known.sort_by(|x, y| compare(Some(x), Some(y)));
            let counted: Vec<&Value> = known.iter().copied().filter(|value| **value != Value::Bool(false)).collect();
            let mut distinct = counted.clone();
            distinct.dedup_by(|x, y| compare(Some(x), Some(y)).is_eq());
            let mut numbers: Vec<f64> = group.iter().filter_map(|fields| number(fields[2].as_ref())).collect();
            let sum = (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>());
            numbers.sort_by(f64::total_cmp);
            let middle = numbers.len() / 2;
            let median = match numbers.len() {
                0 => None,
                odd if odd % 2 == 1 => Some(numbers[middle]),
                _ => Some((numbers[middle - 1] + numbers[middle]) / 2.0),
            };
            row([
                ("a", group[0][0].clone()),
                ("n", count(group.len())),
                ("k", count(counted.len())),
                ("d", count(distinct.len())),
                ("s", sum.map(Value::Float)),
                ("l", known.first().map(|value| (*value).clone())),
                ("g", greatest(&known)),
                ("m", median.map(Value::Float)),
            ]
            .into_iter())
        };
        self.cut(groups.into_iter().map(row).collect())
    }
}

fn count(count: usize) -> Option<Value> {
    Some(Value::Int(i64::try_from(count).unwrap()))
}

/// The first of several that are equal, as they came.
fn greatest(sorted: &[&Value]) -> Option<Value> {
    let last = sorted.last()?;
    sorted.iter().find(|value| compare(Some(value), Some(last)).is_eq()).map(|value| (*value).clone())
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value {
        Some(Value::Int(integer)) => Some(*integer as f64),
        Some(Value::Float(float)) => Some(*float),
        _ => None,
    }
}

fn row<'n>(fields: impl Iterator<Item = (&'n str, Option<Value>)>) -> String {
    let fields = fields.filter_map(|(name, value)| Some(format!("\"{name}\":{}", shown(&value?))));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn shown(value: &Value) -> String {
    let mut out = Vec::new();
    value.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

/// Numbers without their kind: the model adds up floats only.
fn without_kind(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().map(|row| row.replace(".0,", ",").replace(".0}", "}")).collect()
}

fn value() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(Value::Null)),
        any::<bool>().prop_map(|flag| Some(Value::Bool(flag))),
        (-2_i64..3).prop_map(|integer| Some(Value::Int(integer))),
        (-4_i8..5).prop_map(|half| Some(Value::Float(f64::from(half) / 2.0 + 0.0))),
        "[ab]{0,2}".prop_map(|text| Some(Value::String(text))),
        prop::collection::vec(0_i64..2, 0..3)
            .prop_map(|all| Some(Value::Array(all.into_iter().map(Value::Int).collect()))),
        (0_i64..2).prop_map(|inside| Some(Value::Map(Map::from_fields(vec![("x".into(), Value::Int(inside))])))),
    ]
}

fn documents(count_max: usize) -> impl Strategy<Value = Vec<Fields>> {
    prop::collection::vec([value(), value(), value()], 0..count_max)
}

fn plan() -> impl Strategy<Value = Plan> {
    let columns = prop::sample::subsequence(vec![0_usize, 1, 2], 1..=3);
    let constant = prop_oneof![(-2_i64..3).prop_map(Value::Int), "[ab]{0,2}".prop_map(Value::String)];
    let ordering = prop::sample::select(vec![Ordering::Less, Ordering::Equal, Ordering::Greater]);
    let condition = prop::option::of((0_usize..3, ordering, constant));
    let order = prop::collection::vec((0_usize..3, any::<bool>()), 0..3);
    let cut = || prop::option::of(0_usize..12);
    (any::<bool>(), columns, condition, order, any::<bool>(), cut(), cut()).prop_map(
        |(distinct, columns, condition, order, is_computed, limit, offset)| Plan {
            distinct,
            columns,
            condition,
            order,
            is_computed,
            limit,
            offset,
        },
    )
}

fn stored(documents: &[Fields]) -> Documents {
    let store = |(n, fields): (usize, &Fields)| {
        let id = DocumentId::from_value(&Value::String(format!("{n:02}"))).unwrap();
        let fields = FIELDS.iter().zip(fields).filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
        (id, Map::from_fields(fields.collect()))
    };
    documents.iter().enumerate().map(store).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn rows_are_those_of_the_model(plan in plan(), documents in documents(20)) {
        let text = plan.text();
        let select = select(&text, "{}").unwrap();
        prop_assert_eq!(run(&select, &stored(&documents)), plan.rows(&documents), "{}", text);
    }

    #[test]
    fn groups_are_those_of_the_model(plan in plan(), documents in documents(40)) {
        let text = plan.grouped_text();
        let select = select(&text, "{}").unwrap();
        let rows = without_kind(run(&select, &stored(&documents)));
        prop_assert_eq!(rows, without_kind(plan.groups(&documents)), "{}", text);
    }
}
