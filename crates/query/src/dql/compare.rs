//! How two values compare: the one total order, and what comparisons say.
//!
//! Invariants: `=` holds exactly where the order finds no difference; strings are compared by their
//! bytes alone. Recursion is as deep as the values.
//! Not here: the legacy language's order, in which null comes first and strings may be dates
//! ([`crate::compare_for_sort`]).

use std::cmp::Ordering;

use document::{Map, Value};

use super::node::Truth;
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};
use crate::compare::{Number, compare_numbers};

/// The order of ORDER BY, MIN, MAX and indexes: false, true, numbers (exactly, integers and floats
/// together), strings by their bytes, arrays, objects, null, missing.
pub fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    compare_within(a, b, &mut Budget::unlimited()).expect("more steps than values have bytes")
}

/// As [`compare`], paid for. A string costs the bytes of the shorter, an array or object what its
/// elements and names cost.
pub(crate) fn compare_within(
    a: Option<&Value>,
    b: Option<&Value>,
    budget: &mut Budget,
) -> Result<Ordering, TooExpensive> {
    match (a, b) {
        (Some(a), Some(b)) => compare_values(a, b, budget),
        _ => Ok(a.is_none().cmp(&b.is_none())),
    }
}

/// What `=`, `<` and their like see: how two values of one kind lie. With MISSING, and between two
/// kinds: [`Truth::Missing`]; with null: [`Truth::Null`].
pub(crate) fn order(
    a: Option<&Value>,
    b: Option<&Value>,
    budget: &mut Budget,
) -> Result<Result<Ordering, Truth>, TooExpensive> {
    Ok(match (a, b) {
        (None, _) | (_, None) => Err(Truth::Missing),
        (Some(Value::Null), _) | (_, Some(Value::Null)) => Err(Truth::Null),
        (Some(a), Some(b)) if Kind::of(a) == Kind::of(b) => Ok(compare_values(a, b, budget)?),
        _ => Err(Truth::Missing),
    })
}

/// A kind of value: what can be compared with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Boolean,
    Number,
    String,
    Array,
    Object,
    Null,
}

impl Kind {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Kind::Boolean,
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => Kind::Number,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Map(_) => Kind::Object,
            Value::Null => Kind::Null,
        }
    }

    /// Whether it is a boolean, a number or a string.
    pub(crate) fn is_scalar(self) -> bool {
        self <= Kind::String
    }
}

fn compare_values(a: &Value, b: &Value, budget: &mut Budget) -> Result<Ordering, TooExpensive> {
    budget.charge(VALUE_STEPS)?;
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => {
            budget.charge(a.len().min(b.len()) as u64)?;
            a.cmp(b)
        }
        (Value::Array(a), Value::Array(b)) => compare_arrays(a, b, budget)?,
        (Value::Map(a), Value::Map(b)) => compare_objects(a, b, budget)?,
        _ => match (Number::of(a), Number::of(b)) {
            (Some(a), Some(b)) => compare_numbers(a, b),
            _ => Kind::of(a).cmp(&Kind::of(b)),
        },
    })
}

fn compare_arrays(a: &[Value], b: &[Value], budget: &mut Budget) -> Result<Ordering, TooExpensive> {
    for (a, b) in a.iter().zip(b) {
        let ordering = compare_values(a, b, budget)?;
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(a.len().cmp(&b.len()))
}

/// Field by field in the order of their names; of two names the lesser comes first.
fn compare_objects(a: &Map, b: &Map, budget: &mut Budget) -> Result<Ordering, TooExpensive> {
    for ((name_a, a), (name_b, b)) in a.iter().zip(b.iter()) {
        budget.charge(name_a.len().min(name_b.len()) as u64)?;
        let ordering = match name_a.cmp(name_b) {
            Ordering::Equal => compare_values(a, b, budget)?,
            unequal => unequal,
        };
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(a.len().cmp(&b.len()))
}
