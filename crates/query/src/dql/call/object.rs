//! Functions on objects.

use std::borrow::Cow;

use document::{Map, Value};

use super::Arguments;
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};
use crate::dql::function::Function;
use crate::dql::node::{Made, SORTED_FIELD_STEPS};

pub(crate) fn call(
    function: Function,
    arguments: Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Value>, TooExpensive> {
    let Some(object) = arguments.object(0) else { return Ok(None) };
    match function {
        Function::ObjectLength => Ok(i64::try_from(object.len()).ok().map(Value::Int)),
        Function::ObjectKeys => keys(object, budget),
        Function::ObjectValues => values(object, budget),
        Function::ObjectConcat => concatenated(&arguments, budget),
        Function::ObjectSet => set(arguments, budget),
        Function::ObjectUnset => unset(arguments, budget),
        _ => renamed(arguments, budget),
    }
}

fn keys(object: &Map, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let bytes: usize = object.iter().map(|(name, _)| name.len()).sum();
    budget.charge(VALUE_STEPS * object.len() as u64 + bytes as u64)?;
    Ok(Some(Value::Array(object.iter().map(|(name, _)| Value::String(name.to_owned())).collect())))
}

fn values(object: &Map, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let mut made = Made::new();
    let mut values = Vec::with_capacity(object.len());
    for (_, value) in object.iter() {
        if !made.takes(value, budget)? {
            return Ok(None);
        }
        values.push(value.clone());
    }
    Ok(Some(Value::Array(values)))
}

/// Of two fields of one name the later stays.
fn concatenated(arguments: &Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let mut made = Made::new();
    let mut fields = Vec::new();
    for value in arguments.values() {
        let Some(value @ Value::Map(map)) = value else { return Ok(None) };
        budget.charge(SORTED_FIELD_STEPS * map.len() as u64)?;
        if !made.takes(value, budget)? {
            return Ok(None);
        }
        fields.extend(map.iter().map(|(name, value)| (name.to_owned(), value.clone())));
    }
    Ok(Some(Value::Map(Map::from_fields(fields))))
}

/// `object_set(object, key, value, overwrites)`: MISSING if the key is there, unless it overwrites.
fn set(mut arguments: Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (Some(key), Some(_), Some(overwrites)) = (arguments.text(1), arguments.value(2), arguments.flag(3)) else {
        return Ok(None);
    };
    let key = key.to_owned();
    if !overwrites && arguments.object(0).is_some_and(|object| object.field(&key).is_some()) {
        return Ok(None);
    }
    let value = arguments.take(2);
    let mut made = Made::new();
    let (Some(object), Some(value)) = (own(&mut arguments, &mut made, budget)?, value) else { return Ok(None) };
    if !made.takes(&value, budget)? {
        return Ok(None);
    }
    Ok(Some(with(object, |object| {
        object.insert(key, value.into_owned());
    })))
}

/// `object_unset(object, key, is_lenient)`: MISSING if the key is not there, unless it is lenient.
fn unset(mut arguments: Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (Some(key), Some(is_lenient)) = (arguments.text(1), arguments.flag(2)) else { return Ok(None) };
    let key = key.to_owned();
    if !is_lenient && arguments.object(0).is_some_and(|object| object.field(&key).is_none()) {
        return Ok(None);
    }
    let Some(object) = own(&mut arguments, &mut Made::new(), budget)? else { return Ok(None) };
    Ok(Some(with(object, |object| {
        object.remove(&key);
    })))
}

/// `object_rename(object, key, new key)`: MISSING if the key is not there or the new one is.
fn renamed(mut arguments: Arguments<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let (Some(key), Some(new)) = (arguments.text(1), arguments.text(2)) else { return Ok(None) };
    let (key, new) = (key.to_owned(), new.to_owned());
    let is_possible = |object: &Map| object.field(&key).is_some() && (key == new || object.field(&new).is_none());
    if !arguments.object(0).is_some_and(is_possible) {
        return Ok(None);
    }
    let Some(object) = own(&mut arguments, &mut Made::new(), budget)? else { return Ok(None) };
    Ok(Some(with(object, |object| {
        if let Some(value) = object.remove(&key) {
            object.insert(new, value);
        }
    })))
}

/// The object to be changed.
fn own(arguments: &mut Arguments<'_>, made: &mut Made, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let Some(object) = arguments.take(0) else { return Ok(None) };
    Ok(made.takes(&object, budget)?.then(|| Cow::into_owned(object)))
}

fn with(mut object: Value, change: impl FnOnce(&mut Map)) -> Value {
    if let Value::Map(map) = &mut object {
        change(map);
    }
    object
}
