//! `abs`, `ceil`, `floor`.

use document::Value;

use super::Arguments;
use crate::compare::Number;
use crate::dql::arithmetic::integer;
use crate::dql::function::Function;

/// Integers stay integers, floats floats.
pub(crate) fn call(function: Function, arguments: &Arguments<'_>) -> Option<Value> {
    match (Number::of(arguments.value(0)?)?, function) {
        (Number::Integer(number), Function::Abs) => integer(number.abs()),
        (Number::Integer(number), _) => integer(number),
        (Number::Float(number), Function::Abs) => Some(Value::Float(number.abs())),
        (Number::Float(number), Function::Ceil) => Some(Value::Float(number.ceil())),
        (Number::Float(number), _) => Some(Value::Float(number.floor())),
    }
}
