//! What evaluating may cost, in steps.
//!
//! A step takes a few nanoseconds at most, whatever it is a step of. Work is charged before it is done, so that none
//! is begun that there is no budget for.
//!
//! Invariants: no clock is asked, so that the same query on the same document costs the same everywhere and for ever;
//! what something costs may fall in a later version, never rise, or a write that was taken once would be refused when
//! it is replayed. Not here: how long somebody waits (the edges look at their clocks between two documents).

use crate::limits::DOCUMENT_STEPS_MAX;

/// To look at a part of a condition.
pub(crate) const NODE_STEPS: u64 = 8;

/// To look up one step of a path.
pub(crate) const SEGMENT_STEPS: u64 = 4;

/// To compare two values, elements and fields each for themselves.
pub(crate) const VALUE_STEPS: u64 = 4;

/// To see whether two texts are dates. Their bytes come on top, one step each.
pub(crate) const TEXT_STEPS: u64 = 16;

/// To take over one byte of a query's text.
pub(crate) const QUERY_BYTE_STEPS: u64 = 8;

/// Steps that may still be taken. Whoever evaluates has one, for all that belongs together: a request, a changeset.
#[derive(Debug)]
pub struct Budget {
    left: u64,
    steps_max: u64,
    reach: Reach,
}

/// Evaluating would take more steps than there are left. What it would have said is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "too expensive: {reach} would take more than {steps_max} steps (a regular expression takes its length for every byte of a text)"
)]
pub struct TooExpensive {
    /// How many there were.
    pub steps_max: u64,
    /// For what.
    pub reach: Reach,
}

/// What a number of steps is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A query and one document ([`DOCUMENT_STEPS_MAX`]).
    Document,
    /// All of it.
    All,
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reach::Document => "the query and one document",
            Reach::All => "the query and all its documents",
        })
    }
}

impl Budget {
    /// So many steps.
    pub const fn new(steps: u64) -> Self {
        Self { left: steps, steps_max: steps, reach: Reach::All }
    }

    /// For one query and one document: [`DOCUMENT_STEPS_MAX`].
    pub const fn of_a_document() -> Self {
        Self { left: DOCUMENT_STEPS_MAX, steps_max: DOCUMENT_STEPS_MAX, reach: Reach::Document }
    }

    /// For what is bounded in another way.
    pub(crate) const fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// How many were taken.
    pub fn spent(&self) -> u64 {
        self.steps_max - self.left
    }

    /// Takes `steps`, or none where fewer are left.
    pub fn charge(&mut self, steps: u64) -> Result<(), TooExpensive> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(TooExpensive { steps_max: self.steps_max, reach: self.reach }),
        }
    }

    /// Runs `evaluate` with what one document may take, and takes what it took.
    pub(crate) fn within_a_document<T, E>(
        &mut self,
        evaluate: impl FnOnce(&mut Budget) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.left <= DOCUMENT_STEPS_MAX {
            return evaluate(self);
        }
        let mut own = Self::of_a_document();
        let outcome = evaluate(&mut own);
        self.left -= own.spent();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_not_taken() {
        let mut budget = Budget::new(10);
        assert_eq!(budget.charge(7), Ok(()));
        assert_eq!(budget.charge(4), Err(TooExpensive { steps_max: 10, reach: Reach::All }));
        assert_eq!((budget.charge(3), budget.spent()), (Ok(()), 10));
    }

    #[test]
    fn one_document_takes_its_share_at_most_and_all_of_it_counts() {
        let mut budget = Budget::new(3 * DOCUMENT_STEPS_MAX);
        let too_much = budget.within_a_document(|own| own.charge(DOCUMENT_STEPS_MAX + 1));
        assert_eq!(too_much.unwrap_err().reach, Reach::Document);
        assert_eq!(budget.within_a_document(|own| own.charge(DOCUMENT_STEPS_MAX)), Ok(()));
        assert_eq!(budget.spent(), DOCUMENT_STEPS_MAX);
        budget.charge(2 * DOCUMENT_STEPS_MAX - 1).unwrap();
        assert_eq!(budget.within_a_document(|own| own.charge(2)).unwrap_err().reach, Reach::All);
    }
}
