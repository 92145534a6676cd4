//! What aggregates make of the values of a group.
//!
//! `COUNT(e)` counts what is neither null, MISSING nor false. SUM, AVG, MEDIAN and MID see numbers
//! alone, MIN and MAX everything but null and MISSING. A sum of integers is exact, and an integer
//! where one of 64 bits holds it; AVG and MID (half of the least and the greatest together) are
//! floats, MEDIAN is one where an even number of numbers has two in its middle. What no finite
//! float holds is MISSING. Over nothing COUNT is 0, and every other is MISSING.
//!
//! Invariant: what is kept is paid for from a [`Memory`].

use std::cmp::Ordering;
use std::collections::HashSet;

use document::Value;

use super::compare::{compare, compare_within};
use super::key::append_key;
use super::memory::{ENTRY_BYTES, ENTRY_STEPS, Memory};
use super::rows::RowsError;
use super::syntax::Aggregate;
use crate::budget::{Budget, VALUE_STEPS};

/// One aggregate of one group.
#[derive(Debug)]
pub(crate) struct Accumulator {
    state: State,
    /// The keys of the values that came, where each counts once.
    seen: Option<HashSet<Box<[u8]>>>,
}

#[derive(Debug)]
enum State {
    Count(u64),
    Sum(Sum),
    Avg(Sum),
    Min(Option<Value>),
    Max(Option<Value>),
    Median(Vec<Value>),
    /// The least and the greatest.
    Mid(Option<(Value, Value)>),
}

/// Integers are added up for themselves: in 128 bits they are exact, whatever comes.
#[derive(Debug, Default)]
struct Sum {
    numbers: u64,
    integers: i128,
    floats: Option<f64>,
}

impl Accumulator {
    pub(crate) fn new(aggregate: Aggregate, distinct: bool) -> Self {
        let state = match aggregate {
            Aggregate::Count => State::Count(0),
            Aggregate::Sum => State::Sum(Sum::default()),
            Aggregate::Avg => State::Avg(Sum::default()),
            Aggregate::Min => State::Min(None),
            Aggregate::Max => State::Max(None),
            Aggregate::Median => State::Median(Vec::new()),
            Aggregate::Mid => State::Mid(None),
        };
        Self { state, seen: distinct.then(HashSet::new) }
    }

    /// Takes a document, for `COUNT(*)`.
    pub(crate) fn take_document(&mut self) {
        if let State::Count(count) = &mut self.state {
            *count += 1;
        }
    }

    /// Takes a document's value.
    pub(crate) fn take(
        &mut self,
        value: Option<&Value>,
        budget: &mut Budget,
        memory: &mut Memory,
    ) -> Result<(), RowsError> {
        budget.charge(VALUE_STEPS)?;
        let Some(value) = value.filter(|value| self.state.counts(value)) else { return Ok(()) };
        if let Some(seen) = &mut self.seen {
            let mut key = Vec::new();
            append_key(Some(value), &mut key, budget)?;
            if seen.contains(key.as_slice()) {
                return Ok(());
            }
            budget.charge(ENTRY_STEPS)?;
            memory.take(ENTRY_BYTES + key.len())?;
            seen.insert(key.into_boxed_slice());
        }
        self.state.take(value, budget, memory)
    }

    /// What it comes to.
    pub(crate) fn finish(self, budget: &mut Budget) -> Result<Option<Value>, RowsError> {
        Ok(match self.state {
            State::Count(count) => Some(integer_value(i128::from(count))),
            State::Sum(sum) => sum.total(),
            State::Avg(sum) => sum.average(),
            State::Min(value) | State::Max(value) => value,
            State::Median(numbers) => {
                budget.charge(VALUE_STEPS * numbers.len() as u64)?;
                median(numbers)
            }
            State::Mid(ends) => ends.and_then(|(least, greatest)| middle(&least, &greatest)),
        })
    }
}

impl State {
    fn counts(&self, value: &Value) -> bool {
        match self {
            State::Count(_) => !matches!(value, Value::Null | Value::Bool(false)),
            State::Min(_) | State::Max(_) => *value != Value::Null,
            State::Sum(_) | State::Avg(_) | State::Median(_) | State::Mid(_) => {
                matches!(value, Value::Int(_) | Value::Uint(_) | Value::Float(_))
            }
        }
    }

    fn take(&mut self, value: &Value, budget: &mut Budget, memory: &mut Memory) -> Result<(), RowsError> {
        match self {
            State::Count(count) => *count += 1,
            State::Sum(sum) | State::Avg(sum) => sum.add(value),
            State::Min(kept) => keep(kept, value, Ordering::Less, budget, memory)?,
            State::Max(kept) => keep(kept, value, Ordering::Greater, budget, memory)?,
            State::Median(numbers) => {
                memory.take(size_of::<Value>())?;
                numbers.push(value.clone());
            }
            State::Mid(None) => *self = State::Mid(Some((value.clone(), value.clone()))),
            State::Mid(Some((least, greatest))) => {
                if compare_within(Some(value), Some(least), budget)?.is_lt() {
                    *least = value.clone();
                }
                if compare_within(Some(value), Some(greatest), budget)?.is_gt() {
                    *greatest = value.clone();
                }
            }
        }
        Ok(())
    }
}

/// Puts `value` in the place of what is kept, if that is how it compares with it.
fn keep(
    kept: &mut Option<Value>,
    value: &Value,
    wanted: Ordering,
    budget: &mut Budget,
    memory: &mut Memory,
) -> Result<(), RowsError> {
    if let Some(old) = kept {
        if compare_within(Some(value), Some(old), budget)? != wanted {
            return Ok(());
        }
        memory.give_back(old.memory_bytes());
    }
    memory.take(value.memory_bytes())?;
    *kept = Some(value.clone());
    Ok(())
}

impl Sum {
    fn add(&mut self, number: &Value) {
        self.numbers += 1;
        match number {
            Value::Int(integer) => self.integers += i128::from(*integer),
            Value::Uint(integer) => self.integers += i128::from(*integer),
            Value::Float(float) => *self.floats.get_or_insert(0.0) += float,
            _ => {}
        }
    }

    fn total(&self) -> Option<Value> {
        match self.floats {
            None if self.numbers == 0 => None,
            None => Some(integer_value(self.integers)),
            Some(floats) => float_value(floats + self.integers as f64),
        }
    }

    fn average(&self) -> Option<Value> {
        if self.numbers == 0 {
            return None;
        }
        float_value((self.floats.unwrap_or(0.0) + self.integers as f64) / self.numbers as f64)
    }
}

fn median(mut numbers: Vec<Value>) -> Option<Value> {
    let count = numbers.len();
    if count == 0 {
        return None;
    }
    let by_order = |a: &Value, b: &Value| compare(Some(a), Some(b));
    let (below, above, _) = numbers.select_nth_unstable_by(count / 2, by_order);
    if count % 2 == 1 {
        return Some(above.clone());
    }
    let below = below.iter().max_by(|a, b| by_order(a, b)).expect("half of two or more");
    middle(below, above)
}

/// Half of both together.
fn middle(a: &Value, b: &Value) -> Option<Value> {
    let (a, b) = (as_float(a)?, as_float(b)?);
    let sum = a + b;
    float_value(if sum.is_finite() { sum / 2.0 } else { a / 2.0 + b / 2.0 })
}

/// The nearest float.
fn as_float(number: &Value) -> Option<f64> {
    match number {
        Value::Int(integer) => Some(*integer as f64),
        Value::Uint(integer) => Some(*integer as f64),
        Value::Float(float) => Some(*float),
        _ => None,
    }
}

fn float_value(float: f64) -> Option<Value> {
    float.is_finite().then_some(Value::Float(float))
}

/// The nearest float where no 64 bits hold it.
fn integer_value(integer: i128) -> Value {
    match (i64::try_from(integer), u64::try_from(integer)) {
        (Ok(integer), _) => Value::Int(integer),
        (_, Ok(integer)) => Value::Uint(integer),
        _ => Value::Float(integer as f64),
    }
}
