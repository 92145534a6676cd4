//! How two values compare: one definition for `==`, for `<` and its like, and for sorting.
//!
//! Kinds are null, boolean, number, text, array and object; integers and floats are one kind, compared exactly. Two texts that are both
//! ISO-8601 date-times ([`Instant`] says which) compare as points in time. Recursion is as deep as the values, which `document` bounds.

use std::cmp::Ordering;

use document::{Map, Value};

use crate::instant::Instant;

/// Total order used by `sort`: null and missing, then booleans (false first), numbers (compared exactly), ISO-8601 date-times (by point in
/// time), other strings (by UTF-8 bytes), arrays (element by element), maps (by fields in the order of their names).
///
/// Date-times come before other strings, not among them: ordering them by time against each other but by bytes against other
/// strings would be no order (`T10+05:00` < `T06Z` < `T08` < `T10+05:00`), and sorting with it may panic.
pub fn compare_for_sort(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    compare(a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null))
}

/// Whether `==` holds; exactly where [`compare_for_sort`] finds no difference.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    compare(a, b).is_eq()
}

/// The order that `<`, `<=`, `>` and `>=` see: numbers, strings and booleans each among themselves; anything else has none.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(match (Instant::parse(a), Instant::parse(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.cmp(b),
        }),
        _ => Some(compare_numbers(Number::of(a)?, Number::of(b)?)),
    }
}

/// As [`compare_for_sort`].
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => compare_texts(a, b),
        (Value::Array(a), Value::Array(b)) => compare_arrays(a, b),
        (Value::Map(a), Value::Map(b)) => compare_maps(a, b),
        _ => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => compare_numbers(a, b),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Map(_) => 5,
    }
}

fn compare_texts(a: &str, b: &str) -> Ordering {
    match (Instant::parse(a), Instant::parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

fn compare_arrays(a: &[Value], b: &[Value]) -> Ordering {
    let difference = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|ordering| ordering.is_ne());
    difference.unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn compare_maps(a: &Map, b: &Map) -> Ordering {
    let fields = a.iter().zip(b.iter());
    let difference = fields
        .map(|((name_a, a), (name_b, b))| name_a.cmp(name_b).then_with(|| compare(a, b)))
        .find(|ordering| ordering.is_ne());
    difference.unwrap_or_else(|| a.len().cmp(&b.len()))
}

#[derive(Clone, Copy)]
enum Number {
    /// Any 64-bit integer, signed or not.
    Integer(i128),
    Float(f64),
}

impl Number {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(integer) => Some(Number::Integer(i128::from(*integer))),
            Value::Uint(integer) => Some(Number::Integer(i128::from(*integer))),
            Value::Float(float) => Some(Number::Float(*float)),
            _ => None,
        }
    }
}

fn compare_numbers(a: Number, b: Number) -> Ordering {
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
        (Number::Integer(a), Number::Float(b)) => compare_integer_with_float(a, b),
        (Number::Float(a), Number::Integer(b)) => compare_integer_with_float(b, a).reverse(),
        (Number::Float(a), Number::Float(b)) => compare_floats(a, b),
    }
}

/// Exact. `float as i128` drops the fraction and saturates far beyond any 64-bit integer, so where the whole parts differ they decide;
/// where they are equal the sign of the fraction does.
fn compare_integer_with_float(integer: i128, float: f64) -> Ordering {
    integer.cmp(&(float as i128)).then_with(|| compare_floats(0.0, float.fract()))
}

/// `-0.0` equals `0.0`. Values hold no NaN; if one did, it would still have a place.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}
