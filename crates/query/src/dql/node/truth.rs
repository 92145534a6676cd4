//! What a condition comes to, and how truths are joined.

use std::borrow::Cow;
use std::cmp::Ordering;

use document::Value;

use super::{Evaluated, FALSE, NULL, TRUE};
use crate::budget::{Budget, TooExpensive};
use crate::dql::compare::order;

/// What a condition comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    False,
    True,
    Null,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Truth {
    pub(crate) fn of(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Bool(true)) => Truth::True,
            Some(Value::Bool(false)) => Truth::False,
            Some(Value::Null) => Truth::Null,
            _ => Truth::Missing,
        }
    }

    pub(crate) fn value(self) -> Evaluated<'static> {
        match self {
            Truth::True => Some(Cow::Borrowed(&TRUE)),
            Truth::False => Some(Cow::Borrowed(&FALSE)),
            Truth::Null => Some(Cow::Borrowed(&NULL)),
            Truth::Missing => None,
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            unknown => unknown,
        }
    }

    /// False wins, then MISSING, then null.
    pub(super) fn and(self, other: Self) -> Self {
        use Truth::{False, Missing, Null, True};
        match (self, other) {
            (False, _) | (_, False) => False,
            (Missing, _) | (_, Missing) => Missing,
            (Null, _) | (_, Null) => Null,
            (True, True) => True,
        }
    }

    /// True wins, then null, then MISSING.
    pub(super) fn or(self, other: Self) -> Self {
        use Truth::{False, Missing, Null, True};
        match (self, other) {
            (True, _) | (_, True) => True,
            (Null, _) | (_, Null) => Null,
            (Missing, _) | (_, Missing) => Missing,
            (False, False) => False,
        }
    }

    pub(super) fn xor(self, other: Self) -> Self {
        use Truth::{Missing, Null};
        match (self, other) {
            (Missing, _) | (_, Missing) => Missing,
            (Null, _) | (_, Null) => Null,
            (a, b) => Truth::from(a != b),
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::True } else { Truth::False }
    }
}

impl Comparison {
    /// Whether it holds of two values that lie so.
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// What it is when its sides are swapped.
    pub(crate) fn swapped(self) -> Self {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }

    pub(super) fn of(
        self,
        left: Option<&Value>,
        right: Option<&Value>,
        budget: &mut Budget,
    ) -> Result<Truth, TooExpensive> {
        Ok(order(left, right, budget)?.map_or_else(|unknown| unknown, |ordering| Truth::from(self.holds(ordering))))
    }
}
