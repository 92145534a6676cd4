//! `type` and its like, CAST, JSON.

use std::borrow::Cow;

use document::Value;

use super::Arguments;
use crate::budget::{Budget, TooExpensive};
use crate::compare::Number;
use crate::dql::arithmetic::{float, truncated};
use crate::dql::function::Function;
use crate::dql::limits::TEXT_BYTES_MAX;
use crate::dql::node::{Evaluated, Truth};
use crate::dql::syntax::CastKind;

/// To read one byte of JSON.
const JSON_BYTE_STEPS: u64 = 8;

pub(crate) fn call(
    function: Function,
    arguments: &Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    let value = arguments.value(0);
    Ok(match function {
        Function::Type => Some(Value::String(kind_name(value).to_owned())),
        Function::JsonType => Some(Value::String(json_kind_name(value).to_owned())),
        Function::IsNumber => is_kind(value, |value| Number::of(value).is_some()),
        Function::IsString => is_kind(value, |value| matches!(value, Value::String(_))),
        Function::IsBoolean => is_kind(value, |value| matches!(value, Value::Bool(_))),
        Function::ObjectSize => match value {
            Some(object @ Value::Map(_)) => i64::try_from(json_bytes(object, budget)?.len()).ok().map(Value::Int),
            _ => None,
        },
        Function::SerializeJson => match value {
            Some(value) => json(value, budget)?.map(Value::String),
            None => None,
        },
        _ => match arguments.text(0) {
            Some(text) if text.len() <= TEXT_BYTES_MAX => {
                budget.charge(JSON_BYTE_STEPS * text.len() as u64)?;
                Value::from_json(text.as_bytes()).ok()
            }
            _ => None,
        },
    })
}

fn kind_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Int(_) | Value::Uint(_)) => "integer",
        Some(Value::Float(_)) => "float",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Map(_)) => "object",
    }
}

/// JSON's own kinds; what is missing is null there.
fn json_kind_name(value: Option<&Value>) -> &'static str {
    match kind_name(value) {
        "integer" | "float" => "number",
        "missing" => "null",
        other => other,
    }
}

/// Null is of no kind: then it is null.
fn is_kind(value: Option<&Value>, test: impl FnOnce(&Value) -> bool) -> Option<Value> {
    match value? {
        Value::Null => Some(Value::Null),
        value => Some(Value::Bool(test(value))),
    }
}

/// `CAST(value AS kind)`: null stays null, and what has no form of that kind is MISSING.
pub(crate) fn cast<'e>(
    value: Evaluated<'e>,
    kind: CastKind,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let Some(value) = value else { return Ok(None) };
    let is_of_kind = match (&*value, kind) {
        (Value::Null, _) => return Ok(Truth::Null.value()),
        (Value::Bool(_), CastKind::Boolean)
        | (Value::String(_), CastKind::String)
        | (Value::Int(_) | Value::Uint(_), CastKind::Integer)
        | (Value::Float(_), CastKind::Float)
        | (Value::Array(_), CastKind::Array)
        | (Value::Map(_), CastKind::Object) => true,
        _ => false,
    };
    if is_of_kind {
        return Ok(Some(value));
    }
    if let Value::String(text) = &*value {
        budget.charge(JSON_BYTE_STEPS * text.len() as u64)?;
    }
    let made = match kind {
        CastKind::Boolean => boolean(&value),
        CastKind::String => json(&value, budget)?.map(Value::String),
        CastKind::Integer => integer(&value),
        CastKind::Float => real(&value),
        CastKind::Array | CastKind::Object => None,
    };
    Ok(made.map(Cow::Owned))
}

fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        other => Number::of(other).map(|number| Value::Bool(float(number) != 0.0)),
    }
}

fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(value) => Some(Value::Int(i64::from(*value))),
        Value::Float(number) => truncated(*number),
        Value::String(text) => match text.parse::<i64>() {
            Ok(number) => Some(Value::Int(number)),
            Err(_) => text.parse().ok().map(Value::Uint),
        },
        _ => None,
    }
}

fn real(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(value) => Some(Value::Float(f64::from(u8::from(*value)))),
        // As JSON writes numbers, so that neither `inf` nor `nan` is one.
        Value::String(text) => match Number::of(&Value::from_json(text.as_bytes()).ok()?) {
            Some(number) if !text.contains(char::is_whitespace) => Some(Value::Float(float(number))),
            _ => None,
        },
        other => Number::of(other).map(|number| Value::Float(float(number))),
    }
}

/// Its canonical JSON, which for a boolean or a number is what CAST makes a string of.
fn json(value: &Value, budget: &mut Budget) -> Result<Option<String>, TooExpensive> {
    let json = json_bytes(value, budget)?;
    Ok(String::from_utf8(json).ok().filter(|json| json.len() <= TEXT_BYTES_MAX))
}

fn json_bytes(value: &Value, budget: &mut Budget) -> Result<Vec<u8>, TooExpensive> {
    charge_json(value, budget)?;
    let mut json = Vec::new();
    value.write_json(&mut json);
    Ok(json)
}

/// The most bytes that its JSON can have.
fn charge_json(value: &Value, budget: &mut Budget) -> Result<(), TooExpensive> {
    const NUMBER_BYTES: u64 = 32;
    const ESCAPED_BYTES: u64 = 6;
    match value {
        Value::String(text) => budget.charge(ESCAPED_BYTES * text.len() as u64 + 3),
        Value::Array(elements) => {
            budget.charge(3)?;
            elements.iter().try_for_each(|element| charge_json(element, budget))
        }
        Value::Map(map) => {
            budget.charge(3)?;
            map.iter().try_for_each(|(name, value)| {
                budget.charge(ESCAPED_BYTES * name.len() as u64 + 4)?;
                charge_json(value, budget)
            })
        }
        _ => budget.charge(NUMBER_BYTES),
    }
}
