//! What an expression makes: paid for and bounded.

use document::Value;

use crate::budget::{Budget, TooExpensive, VALUE_STEPS};
use crate::dql::limits::VALUE_BYTES_MAX;

/// To bring one field of an object into order.
pub(crate) const SORTED_FIELD_STEPS: u64 = 16 * VALUE_STEPS;

/// How large what is being made is so far.
pub(crate) struct Made {
    bytes: usize,
}

impl Made {
    pub(crate) fn new() -> Self {
        Self { bytes: 0 }
    }

    /// Pays for a copy of `value`. `false`: then all of it would be larger than a value may be.
    pub(crate) fn takes(&mut self, value: &Value, budget: &mut Budget) -> Result<bool, TooExpensive> {
        charge_copy(value, budget)?;
        self.bytes = self.bytes.saturating_add(value.memory_bytes());
        Ok(self.bytes <= VALUE_BYTES_MAX)
    }
}

/// To copy a value or look at all of it: [`VALUE_STEPS`] each, and the bytes of strings.
pub(crate) fn charge_copy(value: &Value, budget: &mut Budget) -> Result<(), TooExpensive> {
    budget.charge(VALUE_STEPS)?;
    match value {
        Value::String(text) => budget.charge(text.len() as u64),
        Value::Array(elements) => elements.iter().try_for_each(|element| charge_copy(element, budget)),
        Value::Map(map) => map.iter().try_for_each(|(name, value)| {
            budget.charge(name.len() as u64)?;
            charge_copy(value, budget)
        }),
        _ => Ok(()),
    }
}
