//! Places in a topic.

use std::fmt::{self, Display};

/// A place in a topic: an offset of each partition. Written with `-` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Positions(pub(crate) Vec<u64>);

impl Positions {
    /// As somebody says it; `None` if it is not one of a topic of so many partitions.
    pub(crate) fn parse(text: &str, partitions: u16) -> Option<Self> {
        let positions: Vec<u64> = text.split('-').map(|offset| offset.parse().ok()).collect::<Option<_>>()?;
        (positions.len() == usize::from(partitions)).then_some(Self(positions))
    }

    /// In no partition behind `end`.
    pub(crate) fn not_behind(self, end: &Self) -> Self {
        Self(self.0.into_iter().zip(&end.0).map(|(at, end)| at.min(*end)).collect())
    }

    /// Whether nothing is below it.
    pub(crate) fn is_begin(&self) -> bool {
        self.0.iter().all(|offset| *offset == 0)
    }

    /// How many offsets are below it.
    pub(crate) fn offsets_below(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, offset) in self.0.iter().enumerate() {
            let between = if index > 0 { "-" } else { "" };
            write!(f, "{between}{offset}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_an_offset_for_each_partition() {
        let place = Positions::parse("7-0-12", 3).unwrap();
        assert_eq!((place.to_string().as_str(), place.offsets_below()), ("7-0-12", 19));
        assert_eq!(place.not_behind(&Positions(vec![5, 5, 5])), Positions(vec![5, 0, 5]));
        for text in ["", "7", "7-0", "7-0-12-1", "7-x-1", "-1-2"] {
            assert_eq!(Positions::parse(text, 3), None, "{text}");
        }
    }
}
