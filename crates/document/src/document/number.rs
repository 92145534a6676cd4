//! Numbers of counters: exact integers while they can be, finite floats after that.
//!
//! An increment of this site never makes an integer a float ([`super::write`] refuses it); what sites added apart may.

use crate::Value;

/// An integer from `i64::MIN` to `u64::MAX`, or a finite float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    /// Above `i64::MAX`.
    Uint(u64),
    Float(f64),
}

impl Number {
    pub(super) const ZERO: Number = Number::Int(0);

    pub(super) fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Number::Int(*number)),
            Value::Uint(number) => Some(Number::Uint(*number)),
            Value::Float(number) => Some(Number::Float(*number)),
            _ => None,
        }
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Number::Int(number) => Value::Int(number),
            Number::Uint(number) => Value::Uint(number),
            Number::Float(number) => Value::Float(number),
        }
    }

    /// Exact for integers whose sum fits; else a float, at most `f64::MAX` in magnitude.
    pub(super) fn plus(self, other: Self) -> Self {
        match (self.integer(), other.integer()) {
            (Some(a), Some(b)) => Self::from_integer(a + b),
            _ => Self::Float((self.float() + other.float()).clamp(f64::MIN, f64::MAX)),
        }
    }

    /// As [`Number::plus`], of what `other` takes away.
    pub(super) fn minus(self, other: Self) -> Self {
        match (self.integer(), other.integer()) {
            (Some(a), Some(b)) => Self::from_integer(a - b),
            _ => Self::Float((self.float() - other.float()).clamp(f64::MIN, f64::MAX)),
        }
    }

    /// The sum in the order given; integers exact as long as the whole sum fits.
    pub(super) fn sum(numbers: impl Iterator<Item = Self> + Clone) -> Self {
        let exact = numbers.clone().try_fold(0_i128, |sum, number| Some(sum + number.integer()?));
        match exact {
            Some(sum) => Self::from_integer(sum),
            None => numbers.fold(Self::ZERO, Self::plus),
        }
    }

    /// A total order that agrees with equality; it means nothing else.
    pub(super) fn rank(self) -> (u8, u64) {
        match self {
            Number::Int(number) => (0, number as u64),
            Number::Uint(number) => (1, number),
            Number::Float(number) => (2, number.to_bits()),
        }
    }

    fn from_integer(number: i128) -> Self {
        match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Number::Int(number),
            (_, Ok(number)) => Number::Uint(number),
            _ => Number::Float(number as f64),
        }
    }

    pub(super) fn is_integer(self) -> bool {
        self.integer().is_some()
    }

    fn integer(self) -> Option<i128> {
        match self {
            Number::Int(number) => Some(number.into()),
            Number::Uint(number) => Some(number.into()),
            Number::Float(_) => None,
        }
    }

    fn float(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Uint(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_until_they_overflow() {
        let max = Number::Int(i64::MAX);
        assert_eq!(max.plus(Number::Int(1)), Number::Uint(1 << 63));
        assert_eq!(Number::Uint(1 << 63).plus(Number::Int(-1)), max);
        assert_eq!(Number::Uint(u64::MAX).plus(Number::Int(1)), Number::Float(18446744073709551616.0));
        assert_eq!(
            Number::sum([Number::Uint(u64::MAX), max, Number::Int(-i64::MAX)].into_iter()),
            Number::Uint(u64::MAX)
        );
    }

    #[test]
    fn floats_stay_floats_and_finite() {
        assert_eq!(Number::Int(1).plus(Number::Float(1.0)), Number::Float(2.0));
        assert_eq!(Number::Float(f64::MAX).plus(Number::Float(f64::MAX)), Number::Float(f64::MAX));
        assert_eq!(Number::Float(f64::MIN).plus(Number::Float(f64::MIN)), Number::Float(f64::MIN));
    }
}
