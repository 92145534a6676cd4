//! Objects made of lists: OBJECT … FOR.
//!
//! As in an object that is written out, a key that is no string makes it all MISSING, a value that
//! is MISSING is left out, and of two entries of one key the later stays.
//! Not here: lists that make arrays (`list`).

use std::borrow::Cow;

use document::{Map, Value};

use super::{Elements, Environment, Evaluated, Made, Node, SORTED_FIELD_STEPS, Truth, Variable, unless_null};
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};

/// What each element is made into.
pub(super) struct Entries<'n> {
    pub(super) key: &'n Node,
    pub(super) value: &'n Node,
    pub(super) condition: Option<&'n Node>,
}

/// What was made so far.
struct Object {
    made: Made,
    fields: Vec<(String, Value)>,
}

impl Entries<'_> {
    /// The object that they are of `elements`.
    pub(super) fn of<'e>(
        &self,
        elements: &Elements,
        environment: &Environment<'e>,
        budget: &mut Budget,
    ) -> Result<Evaluated<'e>, TooExpensive> {
        let list = elements.list.value(environment, budget)?;
        let Some(list @ (Value::Array(_) | Value::Map(_))) = list.as_deref() else {
            return Ok(unless_null(list.as_deref()).value());
        };
        let mut object = Object { made: Made::new(), fields: Vec::new() };
        let is_object = self.collect(elements, list, environment, &mut object, budget)?;
        Ok(is_object.then(|| Cow::Owned(Value::Map(Map::from_fields(object.fields)))))
    }

    /// Adds the entries of all in `list`. `false`: it comes to no object.
    fn collect(
        &self,
        elements: &Elements,
        list: &Value,
        environment: &Environment<'_>,
        object: &mut Object,
        budget: &mut Budget,
    ) -> Result<bool, TooExpensive> {
        match list {
            Value::Array(array) => {
                for (index, element) in array.iter().enumerate() {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    if !self.collect_one(elements, &index, element, environment, object, budget)? {
                        return Ok(false);
                    }
                }
            }
            Value::Map(map) => {
                for (name, element) in map.iter() {
                    budget.charge(name.len() as u64)?;
                    let name = if elements.has_index { Value::String(name.to_owned()) } else { Value::Null };
                    if !self.collect_one(elements, &name, element, environment, object, budget)? {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn collect_one(
        &self,
        elements: &Elements,
        index: &Value,
        element: &Value,
        environment: &Environment<'_>,
        object: &mut Object,
        budget: &mut Budget,
    ) -> Result<bool, TooExpensive> {
        budget.charge(VALUE_STEPS)?;
        let index = Variable { value: index, outer: environment.variable };
        let outer = if elements.has_index { Some(&index) } else { environment.variable };
        let variable = Variable { value: element, outer };
        let inner = Environment { scope: environment.scope, variable: Some(&variable) };
        if !self.add(&inner, object, budget)? {
            return Ok(false);
        }
        if elements.within { self.collect(elements, element, environment, object, budget) } else { Ok(true) }
    }

    /// Adds the entry that the variables make, if there is one.
    fn add(&self, inner: &Environment<'_>, object: &mut Object, budget: &mut Budget) -> Result<bool, TooExpensive> {
        if let Some(condition) = self.condition
            && condition.truth(inner, budget)? != Truth::True
        {
            return Ok(true);
        }
        budget.charge(SORTED_FIELD_STEPS)?;
        let Some(key) = self.key.value(inner, budget)? else { return Ok(false) };
        if !matches!(&*key, Value::String(_)) || !object.made.takes(&key, budget)? {
            return Ok(false);
        }
        let Some(value) = self.value.value(inner, budget)? else { return Ok(true) };
        if !object.made.takes(&value, budget)? {
            return Ok(false);
        }
        if let Value::String(key) = key.into_owned() {
            object.fields.push((key, value.into_owned()));
        }
        Ok(true)
    }
}
