//! Lists: IN, ANY and EVERY, ARRAY.

use std::borrow::Cow;
use std::cmp::Ordering;

use document::Value;

use super::{Elements, Environment, Evaluated, Made, Node, Truth, Variable, unless_null};
use crate::budget::{Budget, TooExpensive, VALUE_STEPS};
use crate::dql::compare::compare_within;
use crate::dql::syntax::Quantifier;

/// What IN says where the element was not found so far.
pub(super) struct Unfound<'v> {
    element: Option<&'v Value>,
    is_empty: bool,
    has_null: bool,
    has_missing: bool,
}

impl<'v> Unfound<'v> {
    pub(super) fn new(element: Option<&'v Value>) -> Self {
        Self { element, is_empty: true, has_null: false, has_missing: false }
    }

    /// Whether `one` is the element.
    pub(super) fn finds(&mut self, one: Option<&Value>, budget: &mut Budget) -> Result<bool, TooExpensive> {
        self.is_empty = false;
        match (one, self.element) {
            (None, _) => self.has_missing = true,
            (Some(Value::Null), _) => self.has_null = true,
            (_, None | Some(Value::Null)) => {}
            (one, element) => return Ok(compare_within(one, element, budget)?.is_eq()),
        }
        budget.charge(VALUE_STEPS)?;
        Ok(false)
    }

    pub(super) fn truth(&self) -> Truth {
        match self.element {
            None => Truth::Missing,
            _ if self.is_empty => Truth::False,
            Some(Value::Null) => Truth::Null,
            Some(_) if self.has_null => Truth::Null,
            Some(_) if self.has_missing => Truth::Missing,
            Some(_) => Truth::False,
        }
    }
}

pub(super) fn is_one_of(
    element: Option<&Value>,
    sorted: &[Value],
    has_null: bool,
    budget: &mut Budget,
) -> Result<Truth, TooExpensive> {
    let mut rest = sorted;
    match element {
        None => return Ok(Truth::Missing),
        Some(Value::Null) if has_null || !sorted.is_empty() => return Ok(Truth::Null),
        _ => {}
    }
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        match compare_within(Some(&rest[middle]), element, budget)? {
            Ordering::Equal => return Ok(Truth::True),
            Ordering::Less => rest = &rest[middle + 1..],
            Ordering::Greater => rest = &rest[..middle],
        }
    }
    Ok(if has_null { Truth::Null } else { Truth::False })
}

pub(super) fn quantified(
    quantifier: Quantifier,
    elements: &Elements,
    condition: &Node,
    environment: &Environment<'_>,
    budget: &mut Budget,
) -> Result<Truth, TooExpensive> {
    let list = elements.list.value(environment, budget)?;
    if !is_list(list.as_deref()) {
        return Ok(unless_null(list.as_deref()));
    }
    let wanted = quantifier == Quantifier::Any;
    let (mut is_empty, mut is_decided) = (true, false);
    elements.each(list.as_deref(), environment, budget, &mut |inner, budget| {
        is_empty = false;
        is_decided = (condition.truth(inner, budget)? == Truth::True) == wanted;
        Ok(!is_decided)
    })?;
    Ok(Truth::from(match quantifier {
        Quantifier::Any => is_decided,
        Quantifier::Every => !is_decided,
        Quantifier::AnyAndEvery => !is_decided && !is_empty,
    }))
}

pub(super) fn comprehended<'e>(
    element: &Node,
    elements: &Elements,
    condition: Option<&Node>,
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let list = elements.list.value(environment, budget)?;
    if !is_list(list.as_deref()) {
        return Ok(unless_null(list.as_deref()).value());
    }
    let (mut made, mut values, mut fits) = (Made::new(), Vec::new(), true);
    elements.each(list.as_deref(), environment, budget, &mut |inner, budget| {
        if let Some(condition) = condition
            && condition.truth(inner, budget)? != Truth::True
        {
            return Ok(true);
        }
        if let Some(value) = element.value(inner, budget)? {
            fits = made.takes(&value, budget)?;
            if fits {
                values.push(value.into_owned());
            }
        }
        Ok(fits)
    })?;
    Ok(fits.then_some(Cow::Owned(Value::Array(values))))
}

pub(super) fn is_list(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Array(_) | Value::Map(_)))
}

/// What is done with each element; `false`: no other is needed.
pub(super) type Visit<'f> = dyn FnMut(&Environment<'_>, &mut Budget) -> Result<bool, TooExpensive> + 'f;

impl Elements {
    /// Gives `visit` each element of `list` as a variable, until it has enough. Whether it had not.
    pub(super) fn each(
        &self,
        list: Option<&Value>,
        environment: &Environment<'_>,
        budget: &mut Budget,
        visit: &mut Visit<'_>,
    ) -> Result<bool, TooExpensive> {
        match list {
            Some(Value::Array(elements)) => {
                for (index, element) in elements.iter().enumerate() {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    if !self.one(&index, element, environment, budget, visit)? {
                        return Ok(false);
                    }
                }
            }
            Some(Value::Map(map)) => {
                for (name, value) in map.iter() {
                    budget.charge(name.len() as u64)?;
                    let name = if self.has_index { Value::String(name.to_owned()) } else { Value::Null };
                    if !self.one(&name, value, environment, budget, visit)? {
                        return Ok(false);
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn one(
        &self,
        index: &Value,
        element: &Value,
        environment: &Environment<'_>,
        budget: &mut Budget,
        visit: &mut Visit<'_>,
    ) -> Result<bool, TooExpensive> {
        budget.charge(VALUE_STEPS)?;
        let index = Variable { value: index, outer: environment.variable };
        let outer = if self.has_index { Some(&index) } else { environment.variable };
        let variable = Variable { value: element, outer };
        let inner = Environment { scope: environment.scope, variable: Some(&variable) };
        if !visit(&inner, budget)? {
            return Ok(false);
        }
        if self.within { self.each(Some(element), environment, budget, visit) } else { Ok(true) }
    }
}
