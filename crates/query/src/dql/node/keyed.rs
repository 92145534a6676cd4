//! Objects made of lists: OBJECT … FOR.
//!
//! As in an object that is written out, a key that is no string makes it all MISSING, a value that
//! is MISSING is left out, and of two entries of one key the later stays.
//! Not here: lists that make arrays (`list`).

use std::borrow::Cow;

use document::{Map, Value};

use super::list::is_list;
use super::{Elements, Environment, Evaluated, Made, Node, SORTED_FIELD_STEPS, Truth, unless_null};
use crate::budget::{Budget, TooExpensive};

/// What each element is made into.
pub(super) struct Entries<'n> {
    pub(super) key: &'n Node,
    pub(super) value: &'n Node,
    pub(super) condition: Option<&'n Node>,
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
        if !is_list(list.as_deref()) {
            return Ok(unless_null(list.as_deref()).value());
        }
        let (mut made, mut fields) = (Made::new(), Vec::new());
        let is_object = elements.each(list.as_deref(), environment, budget, &mut |inner, budget| {
            self.add(inner, &mut made, &mut fields, budget)
        })?;
        Ok(is_object.then(|| Cow::Owned(Value::Map(Map::from_fields(fields)))))
    }

    /// Adds the entry that the variables make, if there is one. `false`: it comes to no object.
    fn add(
        &self,
        inner: &Environment<'_>,
        made: &mut Made,
        fields: &mut Vec<(String, Value)>,
        budget: &mut Budget,
    ) -> Result<bool, TooExpensive> {
        if let Some(condition) = self.condition
            && condition.truth(inner, budget)? != Truth::True
        {
            return Ok(true);
        }
        budget.charge(SORTED_FIELD_STEPS)?;
        let Some(key) = self.key.value(inner, budget)? else { return Ok(false) };
        if !matches!(&*key, Value::String(_)) || !made.takes(&key, budget)? {
            return Ok(false);
        }
        let Some(value) = self.value.value(inner, budget)? else { return Ok(true) };
        if !made.takes(&value, budget)? {
            return Ok(false);
        }
        if let Value::String(key) = key.into_owned() {
            fields.push((key, value.into_owned()));
        }
        Ok(true)
    }
}
