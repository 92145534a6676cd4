//! How two values compare: one definition for `==`, for `<` and its like, and for sorting.
//!
//! Kinds are null, boolean, number, text, array and object; integers and floats are one kind, compared exactly. Two
//! texts that are both ISO-8601 date-times ([`Instant`] says which) compare as points in time. Recursion is as deep
//! as the values, which `document` bounds.

use std::cmp::Ordering;

use document::{Map, Value};

use crate::budget::{Budget, TEXT_STEPS, TooExpensive, VALUE_STEPS};
use crate::instant::Instant;

/// Total order used by `sort`: null and missing, then booleans (false first), numbers (compared exactly), ISO-8601
/// date-times (by point in time), other strings (by UTF-8 bytes), arrays (element by element), maps (by fields in the
/// order of their names).
///
/// Date-times come before other strings, not among them: ordering them by time against each other but by bytes
/// against other strings would be no order (`T10+05:00` < `T06Z` < `T08` < `T10+05:00`), and sorting with it may
/// panic.
pub fn compare_for_sort(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    compare_freely(a.unwrap_or(&Value::Null), b.unwrap_or(&Value::Null))
}

/// As [`compare_for_sort`], whatever it costs.
pub(crate) fn compare_freely(a: &Value, b: &Value) -> Ordering {
    compare(a, b, &mut Budget::unlimited()).expect("more steps than values have bytes")
}

/// Whether `==` holds; exactly where [`compare_for_sort`] finds no difference.
pub(crate) fn equal(a: &Value, b: &Value, budget: &mut Budget) -> Result<bool, TooExpensive> {
    compare(a, b, budget).map(Ordering::is_eq)
}

/// The order that `<`, `<=`, `>` and `>=` see: numbers, strings and booleans each among themselves; anything else has
/// none.
pub(crate) fn order(a: &Value, b: &Value, budget: &mut Budget) -> Result<Option<Ordering>, TooExpensive> {
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => {
            charge_texts(a, b, budget)?;
            Some(match (Instant::parse(a), Instant::parse(b)) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => a.cmp(b),
            })
        }
        _ => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => Some(compare_numbers(a, b)),
            _ => None,
        },
    })
}

/// As [`compare_for_sort`]. A text costs the bytes of the shorter, an array or object what its elements and names cost.
pub(crate) fn compare(a: &Value, b: &Value, budget: &mut Budget) -> Result<Ordering, TooExpensive> {
    budget.charge(VALUE_STEPS)?;
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => {
            charge_texts(a, b, budget)?;
            compare_texts(a, b)
        }
        (Value::Array(a), Value::Array(b)) => compare_arrays(a, b, budget)?,
        (Value::Map(a), Value::Map(b)) => compare_maps(a, b, budget)?,
        _ => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => compare_numbers(a, b),
            _ => rank(a).cmp(&rank(b)),
        },
    })
}

fn charge_texts(a: &str, b: &str, budget: &mut Budget) -> Result<(), TooExpensive> {
    budget.charge(TEXT_STEPS + a.len().min(b.len()) as u64)
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

fn compare_arrays(a: &[Value], b: &[Value], budget: &mut Budget) -> Result<Ordering, TooExpensive> {
    for (a, b) in a.iter().zip(b) {
        let ordering = compare(a, b, budget)?;
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

fn compare_maps(a: &Map, b: &Map, budget: &mut Budget) -> Result<Ordering, TooExpensive> {
    for ((name_a, a), (name_b, b)) in a.iter().zip(b.iter()) {
        budget.charge(name_a.len().min(name_b.len()) as u64)?;
        let ordering = match name_a.cmp(name_b) {
            Ordering::Equal => compare(a, b, budget)?,
            unequal => unequal,
        };
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// A number of either kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    /// Any 64-bit integer, signed or not.
    Integer(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(integer) => Some(Number::Integer(i128::from(*integer))),
            Value::Uint(integer) => Some(Number::Integer(i128::from(*integer))),
            Value::Float(float) => Some(Number::Float(*float)),
            _ => None,
        }
    }
}

/// Exactly, integers and floats together.
pub(crate) fn compare_numbers(a: Number, b: Number) -> Ordering {
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
        (Number::Integer(a), Number::Float(b)) => compare_integer_with_float(a, b),
        (Number::Float(a), Number::Integer(b)) => compare_integer_with_float(b, a).reverse(),
        (Number::Float(a), Number::Float(b)) => compare_floats(a, b),
    }
}

/// Exact. `float as i128` drops the fraction and saturates far beyond any 64-bit integer, so where the whole parts
/// differ they decide; where they are equal the sign of the fraction does.
fn compare_integer_with_float(integer: i128, float: f64) -> Ordering {
    integer.cmp(&(float as i128)).then_with(|| compare_floats(0.0, float.fract()))
}

/// `-0.0` equals `0.0`. Values hold no NaN; if one did, it would still have a place.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b))
}
