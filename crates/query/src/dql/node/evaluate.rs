//! The value of an expression, and the truth of a condition.

use std::borrow::Cow;

use document::{Map, PathSegment, Value};

use super::keyed::Entries;
use super::list::{Unfound, comprehended, is_one_of, quantified};
use super::{Comparison, Environment, Evaluated, Made, NULL, Node, SORTED_FIELD_STEPS, Scope, Truth, unless_null};
use crate::budget::{Budget, NODE_STEPS, SEGMENT_STEPS, TooExpensive};
use crate::dql::arithmetic;
use crate::dql::call::{self, convert};
use crate::dql::like::Like;
use crate::filter::ID_BYTE_STEPS;

impl Node {
    pub(crate) fn value<'e>(
        &'e self,
        environment: &Environment<'e>,
        budget: &mut Budget,
    ) -> Result<Evaluated<'e>, TooExpensive> {
        match self {
            Node::Constant(value) => {
                budget.charge(NODE_STEPS)?;
                Ok(value.as_ref().map(Cow::Borrowed))
            }
            Node::Slot(_) | Node::Id | Node::IdPart(_) | Node::Field(_) | Node::Variable { .. } => {
                budget.charge(NODE_STEPS)?;
                self.found(environment, budget)
            }
            Node::All(_)
            | Node::Any(_)
            | Node::Xor(_)
            | Node::Not(_)
            | Node::Compare { .. }
            | Node::Between { .. }
            | Node::IsOneOf { .. }
            | Node::IsAmong { .. }
            | Node::IsElement { .. }
            | Node::IsNull(_)
            | Node::IsMissing(_)
            | Node::Like { .. }
            | Node::LikeComputed { .. }
            | Node::Regex { .. }
            | Node::Quantified { .. } => self.truth(environment, budget).map(Truth::value),
            Node::Array(_)
            | Node::Object(_)
            | Node::Negate(_)
            | Node::Calculation { .. }
            | Node::Call { .. }
            | Node::Case { .. }
            | Node::Cast { .. }
            | Node::Comprehension { .. } => {
                budget.charge(NODE_STEPS)?;
                self.made(environment, budget)
            }
        }
    }

    /// What stands somewhere.
    fn found<'e>(&'e self, environment: &Environment<'e>, budget: &mut Budget) -> Result<Evaluated<'e>, TooExpensive> {
        let scope = &environment.scope;
        match self {
            Node::Slot(slot) => Ok(scope.slots.get(*slot).and_then(Option::as_ref).map(Cow::Borrowed)),
            Node::Id => id_value(scope, budget).map(|id| id.map(Cow::Owned)),
            Node::IdPart(path) => {
                let steps = path.segments.get(1..).unwrap_or_default();
                budget.charge(SEGMENT_STEPS * steps.len() as u64)?;
                let Some(id) = id_value(scope, budget)? else { return Ok(None) };
                Ok(stepped(&id, steps).cloned().map(Cow::Owned))
            }
            Node::Field(path) => {
                budget.charge(SEGMENT_STEPS * path.segments.len() as u64)?;
                Ok(path.lookup(scope.fields).map(Cow::Borrowed))
            }
            Node::Variable { out, steps } => {
                budget.charge(SEGMENT_STEPS * (out + steps.len()) as u64)?;
                let mut variable = environment.variable;
                for _ in 0..*out {
                    variable = variable.and_then(|variable| variable.outer);
                }
                Ok(variable.and_then(|variable| stepped(variable.value, steps)).map(Cow::Borrowed))
            }
            _ => unreachable!("what is made stands nowhere"),
        }
    }

    fn made<'e>(&'e self, environment: &Environment<'e>, budget: &mut Budget) -> Result<Evaluated<'e>, TooExpensive> {
        match self {
            Node::Array(elements) => array(elements, environment, budget),
            Node::Object(fields) => object(fields, environment, budget),
            Node::Negate(inner) => Ok(arithmetic::negate(inner.value(environment, budget)?.as_deref()).map(Cow::Owned)),
            Node::Calculation { first, rest } => {
                let mut left = first.value(environment, budget)?;
                for (operator, right) in rest {
                    let right = right.value(environment, budget)?;
                    left = operator.apply(left, right, budget)?;
                }
                Ok(left)
            }
            Node::Call { function, arguments } => call::call(*function, arguments, environment, budget),
            Node::Case { operand, branches, otherwise } => {
                match chosen(operand.as_deref(), branches, environment, budget)? {
                    Some(result) => result.value(environment, budget),
                    None => match otherwise {
                        Some(otherwise) => otherwise.value(environment, budget),
                        None => Ok(Truth::Null.value()),
                    },
                }
            }
            Node::Cast { value, kind } => {
                let value = value.value(environment, budget)?;
                convert::cast(value, *kind, budget)
            }
            Node::Comprehension { key: None, element, list, condition } => {
                comprehended(element, list, condition.as_deref(), environment, budget)
            }
            Node::Comprehension { key: Some(key), element, list, condition } => {
                let entries = Entries { key, value: element, condition: condition.as_deref() };
                entries.of(list, environment, budget)
            }
            _ => unreachable!("what is found or decided is not made"),
        }
    }

    /// What it comes to as a condition; what is neither a boolean nor null is MISSING.
    pub(crate) fn truth(&self, environment: &Environment<'_>, budget: &mut Budget) -> Result<Truth, TooExpensive> {
        match self {
            Node::All(parts) => {
                budget.charge(NODE_STEPS)?;
                until(parts, environment, budget, Truth::False, Truth::True, Truth::and)
            }
            Node::Any(parts) => {
                budget.charge(NODE_STEPS)?;
                until(parts, environment, budget, Truth::True, Truth::False, Truth::or)
            }
            Node::Xor(parts) => {
                budget.charge(NODE_STEPS)?;
                until(parts, environment, budget, Truth::Missing, Truth::False, Truth::xor)
            }
            Node::Not(inner) => {
                budget.charge(NODE_STEPS)?;
                inner.truth(environment, budget).map(Truth::not)
            }
            Node::Compare { left, comparison, right } => {
                budget.charge(NODE_STEPS)?;
                let (left, right) = (left.value(environment, budget)?, right.value(environment, budget)?);
                comparison.of(left.as_deref(), right.as_deref(), budget)
            }
            Node::Between { .. }
            | Node::IsOneOf { .. }
            | Node::IsAmong { .. }
            | Node::IsElement { .. }
            | Node::IsNull(_)
            | Node::IsMissing(_)
            | Node::Like { .. }
            | Node::LikeComputed { .. }
            | Node::Regex { .. }
            | Node::Quantified { .. } => {
                budget.charge(NODE_STEPS)?;
                self.decided(environment, budget)
            }
            _ => Ok(Truth::of(self.value(environment, budget)?.as_deref())),
        }
    }

    fn decided(&self, environment: &Environment<'_>, budget: &mut Budget) -> Result<Truth, TooExpensive> {
        match self {
            Node::Between { value, low, high } => {
                let value = value.value(environment, budget)?;
                let low = low.value(environment, budget)?;
                let from = Comparison::GreaterOrEqual.of(value.as_deref(), low.as_deref(), budget)?;
                if from == Truth::False {
                    return Ok(from);
                }
                let high = high.value(environment, budget)?;
                Ok(from.and(Comparison::LessOrEqual.of(value.as_deref(), high.as_deref(), budget)?))
            }
            Node::IsOneOf { element, sorted, has_null } => {
                let element = element.value(environment, budget)?;
                is_one_of(element.as_deref(), sorted, *has_null, budget)
            }
            Node::IsAmong { element, list } => {
                let element = element.value(environment, budget)?;
                let mut unfound = Unfound::new(element.as_deref());
                for one in list {
                    let one = one.value(environment, budget)?;
                    if unfound.finds(one.as_deref(), budget)? {
                        return Ok(Truth::True);
                    }
                }
                Ok(unfound.truth())
            }
            Node::IsElement { element, array } => {
                let element = element.value(environment, budget)?;
                let array = array.value(environment, budget)?;
                let Some(Value::Array(elements)) = array.as_deref() else {
                    return Ok(match (element, array.as_deref()) {
                        (Some(_), Some(Value::Null)) => Truth::Null,
                        _ => Truth::Missing,
                    });
                };
                let mut unfound = Unfound::new(element.as_deref());
                for one in elements {
                    if unfound.finds(Some(one), budget)? {
                        return Ok(Truth::True);
                    }
                }
                Ok(unfound.truth())
            }
            Node::IsNull(inner) => {
                Ok(Truth::from(matches!(inner.value(environment, budget)?.as_deref(), Some(Value::Null))))
            }
            Node::IsMissing(inner) => Ok(Truth::from(inner.value(environment, budget)?.is_none())),
            Node::Like { text, pattern } => match text.value(environment, budget)?.as_deref() {
                Some(Value::String(text)) => pattern.matches(text, budget).map(Truth::from),
                other => Ok(unless_null(other)),
            },
            Node::LikeComputed { text, pattern, escape, any_case } => {
                let (text, pattern) = (text.value(environment, budget)?, pattern.value(environment, budget)?);
                match (text.as_deref(), pattern.as_deref()) {
                    (Some(Value::String(text)), Some(Value::String(pattern))) => {
                        let pattern = Like::new_within(pattern, *escape, *any_case, budget)?;
                        pattern.matches(text, budget).map(Truth::from)
                    }
                    (None, _) | (_, None) => Ok(Truth::Missing),
                    (Some(text), Some(pattern)) => {
                        Ok(unless_null([text, pattern].into_iter().find(|one| **one == Value::Null)))
                    }
                }
            }
            Node::Regex { text, pattern } => match text.value(environment, budget)?.as_deref() {
                Some(Value::String(text)) => pattern.matches(text, budget).map(Truth::from),
                _ => Ok(Truth::Missing),
            },
            Node::Quantified { quantifier, list, condition } => {
                quantified(*quantifier, list, condition, environment, budget)
            }
            _ => unreachable!("what is found or made is no decision"),
        }
    }
}

fn id_value(scope: &Scope<'_>, budget: &mut Budget) -> Result<Option<Value>, TooExpensive> {
    let Some(id) = scope.id else { return Ok(None) };
    budget.charge(ID_BYTE_STEPS * id.as_json().len() as u64)?;
    Ok(Some(id.to_value()))
}

fn stepped<'v>(value: &'v Value, steps: &[PathSegment]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match (step, value) {
        (PathSegment::Field(name), Value::Map(map)) => map.field(name),
        (PathSegment::Index(index), Value::Array(elements)) => elements.get(*index),
        _ => None,
    })
}

/// The truths of `parts` joined, up to the first that is `last`.
fn until(
    parts: &[Node],
    environment: &Environment<'_>,
    budget: &mut Budget,
    last: Truth,
    none: Truth,
    join: impl Fn(Truth, Truth) -> Truth,
) -> Result<Truth, TooExpensive> {
    let mut truth = none;
    for part in parts {
        truth = join(truth, part.truth(environment, budget)?);
        if truth == last {
            break;
        }
    }
    Ok(truth)
}

fn array<'e>(
    elements: &'e [Node],
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let mut made = Made::new();
    let mut values = Vec::new();
    for element in elements {
        let value = element.value(environment, budget)?.unwrap_or(Cow::Borrowed(&NULL));
        if !made.takes(&value, budget)? {
            return Ok(None);
        }
        values.push(value.into_owned());
    }
    Ok(Some(Cow::Owned(Value::Array(values))))
}

fn object<'e>(
    fields: &'e [(Node, Node)],
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Evaluated<'e>, TooExpensive> {
    let mut made = Made::new();
    let mut values = Vec::new();
    budget.charge(SORTED_FIELD_STEPS * fields.len() as u64)?;
    for (key, value) in fields {
        let Some(key) = key.value(environment, budget)? else { return Ok(None) };
        if !matches!(&*key, Value::String(_)) || !made.takes(&key, budget)? {
            return Ok(None);
        }
        let Some(value) = value.value(environment, budget)? else { continue };
        if !made.takes(&value, budget)? {
            return Ok(None);
        }
        if let Value::String(key) = key.into_owned() {
            values.push((key, value.into_owned()));
        }
    }
    Ok(Some(Cow::Owned(Value::Map(Map::from_fields(values)))))
}

/// The branch of CASE that is taken.
fn chosen<'e>(
    operand: Option<&'e Node>,
    branches: &'e [(Node, Node)],
    environment: &Environment<'e>,
    budget: &mut Budget,
) -> Result<Option<&'e Node>, TooExpensive> {
    let operand = match operand {
        Some(operand) => Some(operand.value(environment, budget)?),
        None => None,
    };
    for (condition, result) in branches {
        let truth = match &operand {
            Some(operand) => {
                let value = condition.value(environment, budget)?;
                Comparison::Equal.of(operand.as_deref(), value.as_deref(), budget)?
            }
            None => condition.truth(environment, budget)?,
        };
        if truth == Truth::True {
            return Ok(Some(result));
        }
    }
    Ok(None)
}
