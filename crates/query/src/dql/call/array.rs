//! `array_contains`, `array_contains_null`, `array_length`.

use document::Value;

use super::Arguments;
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};
use crate::dql::compare::compare_within;
use crate::dql::function::Function;

pub(crate) fn call(
    function: Function,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    let Some(elements) = arguments.array(0) else { return Ok(None) };
    Ok(match function {
        Function::ArrayLength => i64::try_from(elements.len()).ok().map(Value::Int),
        Function::ArrayContainsNull => {
            budget.charge(VALUE_STEPS * elements.len() as u64)?;
            Some(Value::Bool(elements.contains(&Value::Null)))
        }
        _ => match arguments.value(1) {
            Some(sought) => Some(Value::Bool(contains(elements, sought, budget)?)),
            None => None,
        },
    })
}

/// Equality is deep, and null is found.
fn contains(elements: &[Value], sought: &Value, budget: &mut Budget) -> Result<bool, TooExpensive> {
    for element in elements {
        if compare_within(Some(element), Some(sought), budget)?.is_eq() {
            return Ok(true);
        }
    }
    Ok(false)
}
