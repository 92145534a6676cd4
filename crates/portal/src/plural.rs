//! Numbers with their nouns, right for one and for many.
//!
//! Invariant: whatever a page counts in words goes through here. Not here: how a number alone is written (`figures`).

use crate::figures;

/// What is counted: pages have numbers of several kinds.
pub(crate) trait Number {
    fn number(&self) -> u64;
}

impl Number for u64 {
    fn number(&self) -> u64 {
        *self
    }
}

impl Number for usize {
    fn number(&self) -> u64 {
        *self as u64
    }
}

impl<N: Number + ?Sized> Number for &N {
    fn number(&self) -> u64 {
        (**self).number()
    }
}

/// As `1 document` or `25 documents`.
pub(crate) fn counted(number: impl Number, noun: &str) -> String {
    format!("{} {}", figures::count(number.number()), self::noun(number, noun))
}

/// As `1 more field` or `3 more fields`.
pub(crate) fn more(number: impl Number, noun: &str) -> String {
    format!("{} more {}", figures::count(number.number()), self::noun(number, noun))
}

/// The noun alone, as `query` or `queries`.
pub(crate) fn noun(number: impl Number, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if number.number() == 1 => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_the_rest_are_many() {
        assert_eq!([counted(0_u64, "event"), counted(1_usize, "event")], ["0 events", "1 event"]);
        assert_eq!(counted(1_234_u64, "key"), "1\u{202f}234 keys");
        assert_eq!([more(1_u64, "query"), more(2_u64, "query")], ["1 more query", "2 more queries"]);
    }
}
