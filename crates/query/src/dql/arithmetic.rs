//! What operators do with numbers, and `||` with strings.
//!
//! Invariants: of two integers the result is an integer, exactly, or MISSING where it has no 64
//! bits; with a float it is a float, or MISSING where it is not finite. With MISSING, and of other
//! kinds, it is MISSING; with null it is null.

use std::borrow::Cow;

use document::Value;

use super::limits::TEXT_BYTES_MAX;
use super::node::{Evaluated, Truth};
use crate::budget::{Budget, TooExpensive};
use crate::compare::Number;

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    ShiftLeft,
    ShiftRight,
    Concat,
}

impl Operator {
    pub(crate) fn apply<'e>(
        self,
        left: Evaluated<'e>,
        right: Evaluated<'e>,
        budget: &mut Budget,
    ) -> Result<Evaluated<'e>, TooExpensive> {
        let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
        if [&left, &right].into_iter().any(|side| matches!(**side, Value::Null)) {
            return Ok(Truth::Null.value());
        }
        if self == Operator::Concat {
            return concatenated(left, &right, budget);
        }
        let (Some(left), Some(right)) = (Number::of(&left), Number::of(&right)) else { return Ok(None) };
        let number = match (left, right) {
            (Number::Integer(left), Number::Integer(right)) => self.of_integers(left, right).and_then(integer),
            (left, right) => self.of_floats(float(left), float(right)).and_then(finite),
        };
        Ok(number.map(Cow::Owned))
    }

    fn of_integers(self, left: i128, right: i128) -> Option<i128> {
        match self {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Divide => left.checked_div(right),
            Operator::Remainder => left.checked_rem(right),
            Operator::ShiftLeft => left.checked_mul(1 << bits(right)?),
            Operator::ShiftRight => Some(left >> bits(right)?),
            Operator::Concat => None,
        }
    }

    fn of_floats(self, left: f64, right: f64) -> Option<f64> {
        match self {
            Operator::Add => Some(left + right),
            Operator::Subtract => Some(left - right),
            Operator::Multiply => Some(left * right),
            Operator::Divide => Some(left / right),
            Operator::Remainder => Some(left % right),
            Operator::ShiftLeft | Operator::ShiftRight | Operator::Concat => None,
        }
    }
}

/// `-value`.
pub(crate) fn negate(value: Option<&Value>) -> Option<Value> {
    match value? {
        Value::Null => Some(Value::Null),
        other => match Number::of(other)? {
            Number::Integer(number) => integer(-number),
            Number::Float(number) => Some(Value::Float(-number)),
        },
    }
}

/// An integer of 64 bits, signed or not.
pub(crate) fn integer(number: i128) -> Option<Value> {
    i64::try_from(number).map(Value::Int).or_else(|_| u64::try_from(number).map(Value::Uint)).ok()
}

pub(crate) fn finite(number: f64) -> Option<Value> {
    number.is_finite().then_some(Value::Float(number))
}

/// The nearest float.
pub(crate) fn float(number: Number) -> f64 {
    match number {
        Number::Integer(number) => number as f64,
        Number::Float(number) => number,
    }
}

/// How far a shift goes: 0 to 63.
fn bits(number: i128) -> Option<u32> {
    u32::try_from(number).ok().filter(|bits| *bits < 64)
}

fn concatenated<'e>(left: Cow<'e, Value>, right: &Value, budget: &mut Budget) -> Result<Evaluated<'e>, TooExpensive> {
    let (Value::String(head), Value::String(tail)) = (&*left, right) else { return Ok(None) };
    let bytes = head.len() + tail.len();
    if bytes > TEXT_BYTES_MAX {
        return Ok(None);
    }
    budget.charge(bytes as u64)?;
    Ok(Some(Cow::Owned(Value::String([head.as_str(), tail].concat()))))
}

/// The integer that a number is, a float without a fraction too.
pub(crate) fn whole(number: Number) -> Option<Value> {
    match number {
        Number::Integer(number) => integer(number),
        Number::Float(number) if number.fract() == 0.0 => truncated(number),
        Number::Float(_) => None,
    }
}

/// The integer of 64 bits that is left of a float without its fraction.
pub(crate) fn truncated(number: f64) -> Option<Value> {
    // Saturates far beyond 64 bits, where it is none.
    integer(number as i128)
}
