//! Groups of documents: by the keys of GROUP BY, or all of them as one.
//!
//! Null and MISSING make two groups, 1 and 1.0 one; a group's key is shown as its first document
//! had it. Groups come in the order of their keys.
//! Not here: HAVING, and what is made of a group (`rows`).

use std::collections::HashMap;

use document::Value;

use super::aggregate::Accumulator;
use super::bind::BoundAggregate;
use super::key::append_key;
use super::memory::{ENTRY_BYTES, ENTRY_STEPS, Memory};
use super::node::{Node, Scope};
use super::projection::owned;
use super::rows::RowsError;
use crate::budget::{Budget, VALUE_STEPS};

/// By what documents are grouped, and what is computed of them.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    pub(crate) keys: Vec<Node>,
    pub(crate) aggregates: Vec<BoundAggregate>,
    pub(crate) having: Option<Node>,
}

/// The groups so far. Those of the group at place `n`: `values[n * keys..]`,
/// `accumulators[n * aggregates..]`.
#[derive(Debug)]
pub(crate) struct Groups<'s> {
    grouping: &'s Grouping,
    places: HashMap<Box<[u8]>, usize>,
    values: Vec<Option<Value>>,
    accumulators: Vec<Accumulator>,
    /// The key at hand; kept, so that a document of a group that is there allocates nothing.
    key: Vec<u8>,
}

impl<'s> Groups<'s> {
    pub(crate) fn new(grouping: &'s Grouping) -> Self {
        Self { grouping, places: HashMap::new(), values: Vec::new(), accumulators: Vec::new(), key: Vec::new() }
    }

    /// What a group must meet.
    pub(crate) fn having(&self) -> Option<&'s Node> {
        self.grouping.having.as_ref()
    }

    /// Takes a document into its group.
    pub(crate) fn add(&mut self, scope: &Scope<'_>, budget: &mut Budget, memory: &mut Memory) -> Result<(), RowsError> {
        let place = self.place(scope, budget, memory)?;
        let count = self.grouping.aggregates.len();
        let accumulators = &mut self.accumulators[place * count..][..count];
        for (aggregate, accumulator) in self.grouping.aggregates.iter().zip(accumulators) {
            match &aggregate.argument {
                None => accumulator.take_document(),
                Some(argument) => {
                    let value = argument.evaluate(scope, budget)?;
                    accumulator.take(value.as_deref(), budget, memory)?;
                }
            }
        }
        Ok(())
    }

    fn place(&mut self, scope: &Scope<'_>, budget: &mut Budget, memory: &mut Memory) -> Result<usize, RowsError> {
        self.key.clear();
        for key in &self.grouping.keys {
            let value = key.evaluate(scope, budget)?;
            append_key(value.as_deref(), &mut self.key, budget)?;
        }
        budget.charge(VALUE_STEPS + self.key.len() as u64)?;
        if let Some(place) = self.places.get(self.key.as_slice()) {
            return Ok(*place);
        }
        budget.charge(ENTRY_STEPS * (1 + self.grouping.aggregates.len() as u64))?;
        let values = self.grouping.keys.iter().map(|key| owned(key, scope, budget));
        let values: Vec<Option<Value>> = values.collect::<Result<_, _>>()?;
        self.make(values, memory)
    }

    /// Makes the group of the key at hand.
    fn make(&mut self, values: Vec<Option<Value>>, memory: &mut Memory) -> Result<usize, RowsError> {
        let value_bytes = |value: &Option<Value>| value.as_ref().map_or(size_of::<Value>(), Value::memory_bytes);
        let accumulators = self.grouping.aggregates.len() * size_of::<Accumulator>();
        let bytes = ENTRY_BYTES + self.key.len() + values.iter().map(value_bytes).sum::<usize>() + accumulators;
        memory.take(bytes)?;
        let place = self.places.len();
        self.places.insert(self.key.as_slice().into(), place);
        self.values.extend(values);
        let new = |bound: &BoundAggregate| Accumulator::new(bound.aggregate, bound.distinct);
        self.accumulators.extend(self.grouping.aggregates.iter().map(new));
        Ok(place)
    }

    /// The slots of each group in the order of the keys. Without GROUP BY there is one group, even
    /// of no documents.
    pub(crate) fn finish(mut self, budget: &mut Budget, memory: &mut Memory) -> Result<Finished, RowsError> {
        if self.grouping.keys.is_empty() && self.places.is_empty() {
            self.key.clear();
            self.make(Vec::new(), memory)?;
        }
        let mut places: Vec<(Box<[u8]>, usize)> = self.places.into_iter().collect();
        budget.charge(sorting_steps(places.iter().map(|(key, _)| key.len())))?;
        places.sort_unstable();
        let accumulators = self.accumulators.into_iter().map(Some).collect();
        Ok(Finished {
            keys: self.grouping.keys.len(),
            aggregates: self.grouping.aggregates.len(),
            places: places.into_iter().map(|(_, place)| place).collect::<Vec<_>>().into_iter(),
            values: self.values,
            accumulators,
        })
    }
}

/// Groups that are complete, one after the other.
pub(crate) struct Finished {
    keys: usize,
    aggregates: usize,
    places: std::vec::IntoIter<usize>,
    values: Vec<Option<Value>>,
    /// `None`: taken.
    accumulators: Vec<Option<Accumulator>>,
}

impl Finished {
    /// The next group's slots: its keys, then its aggregates.
    pub(crate) fn next_slots(&mut self, budget: &mut Budget) -> Result<Option<Vec<Option<Value>>>, RowsError> {
        let Some(place) = self.places.next() else { return Ok(None) };
        let keys = &mut self.values[place * self.keys..][..self.keys];
        let mut slots: Vec<Option<Value>> = keys.iter_mut().map(Option::take).collect();
        for accumulator in &mut self.accumulators[place * self.aggregates..][..self.aggregates] {
            slots.push(accumulator.take().expect("each group comes once").finish(budget)?);
        }
        Ok(Some(slots))
    }
}

/// What sorting keys of these lengths takes.
pub(crate) fn sorting_steps(lengths: impl ExactSizeIterator<Item = usize>) -> u64 {
    let count = lengths.len() as u64;
    let rounds = u64::from((count + 1).ilog2()) + 1;
    let bytes: usize = lengths.sum();
    rounds.saturating_mul(count.saturating_mul(VALUE_STEPS).saturating_add(bytes as u64 / 16))
}
