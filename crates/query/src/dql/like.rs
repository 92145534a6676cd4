//! Patterns of LIKE and ILIKE: `%` is any text, `_` any one character, what follows the escape
//! character is itself.
//!
//! Invariants: matching takes at most the text's bytes times the pattern's characters, and is paid
//! for before; most patterns take the text's bytes alone.
//! Not here: regular expressions (`pattern`).

use crate::budget::{Budget, TooExpensive};

/// What is escaped where no ESCAPE says otherwise.
pub(crate) const ESCAPE: char = '\\';

/// To read one byte of a pattern.
const PATTERN_BYTE_STEPS: u64 = 4;

/// A pattern, read. Equal to another if it matches the same texts in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Like {
    /// What lies between `%`s, at least one.
    segments: Vec<Segment>,
    any_case: bool,
    /// The characters that it begins with.
    prefix: String,
}

/// Characters; `None`: any one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    characters: Vec<Option<char>>,
}

impl Like {
    /// Reads `pattern`. An escape character at its end is itself.
    pub(crate) fn new(pattern: &str, escape: char, any_case: bool) -> Self {
        let mut segments = vec![Segment { characters: Vec::new() }];
        let push = |segments: &mut Vec<Segment>, character: Option<char>| {
            let folded = character.map(|character| if any_case { fold(character) } else { character });
            segments.last_mut().expect("there is one").characters.push(folded);
        };
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                _ if character == escape => push(&mut segments, Some(characters.next().unwrap_or(escape))),
                '%' => segments.push(Segment { characters: Vec::new() }),
                '_' => push(&mut segments, None),
                other => push(&mut segments, Some(other)),
            }
        }
        let prefix = segments[0].characters.iter().map_while(|character| *character).collect();
        Self { segments, any_case, prefix }
    }

    /// As [`Like::new`], paid for.
    pub(crate) fn new_within(
        pattern: &str,
        escape: char,
        any_case: bool,
        budget: &mut Budget,
    ) -> Result<Self, TooExpensive> {
        budget.charge(PATTERN_BYTE_STEPS * pattern.len() as u64)?;
        Ok(Self::new(pattern, escape, any_case))
    }

    /// The only text that matches, if there is no more than one.
    pub(crate) fn exact(&self) -> Option<String> {
        match self.segments.as_slice() {
            [only] if !self.any_case => only.characters.iter().copied().collect(),
            _ => None,
        }
    }

    /// What every text that matches begins with, and whether all that begin so match.
    pub(crate) fn prefix(&self) -> Option<(&str, bool)> {
        let (first, rest) = self.segments.split_first().expect("there is one");
        if self.any_case {
            return None;
        }
        let is_all_of_first = first.characters.iter().all(Option::is_some);
        let is_all = is_all_of_first && !rest.is_empty() && rest.iter().all(|segment| segment.characters.is_empty());
        Some((&self.prefix, is_all))
    }

    /// Whether all of `text` matches.
    pub(crate) fn matches(&self, text: &str, budget: &mut Budget) -> Result<bool, TooExpensive> {
        budget.charge(text.len() as u64)?;
        let (first, rest) = self.segments.split_first().expect("there is one");
        let Some(text) = self.after(first, text, budget)? else { return Ok(false) };
        let Some((last, between)) = rest.split_last() else { return Ok(text.is_empty()) };
        let mut text = text;
        for segment in between {
            match self.after_first(segment, text, budget)? {
                Some(after) => text = after,
                None => return Ok(false),
            }
        }
        self.ends(last, text, budget)
    }

    /// What stands behind the segment at the beginning of `text`.
    fn after<'t>(
        &self,
        segment: &Segment,
        text: &'t str,
        budget: &mut Budget,
    ) -> Result<Option<&'t str>, TooExpensive> {
        budget.charge(segment.characters.len().min(text.len()) as u64)?;
        let mut characters = text.chars();
        for wanted in &segment.characters {
            match characters.next() {
                Some(found) if self.is_met(*wanted, found) => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(characters.as_str()))
    }

    /// What stands behind the first place in `text` where the segment is: the earliest is always
    /// good, since a `%` follows.
    fn after_first<'t>(
        &self,
        segment: &Segment,
        text: &'t str,
        budget: &mut Budget,
    ) -> Result<Option<&'t str>, TooExpensive> {
        let mut rest = text;
        loop {
            if let Some(after) = self.after(segment, rest, budget)? {
                return Ok(Some(after));
            }
            let mut characters = rest.chars();
            if characters.next().is_none() {
                return Ok(None);
            }
            rest = characters.as_str();
        }
    }

    /// Whether `text` ends with the segment.
    fn ends(&self, segment: &Segment, text: &str, budget: &mut Budget) -> Result<bool, TooExpensive> {
        budget.charge(segment.characters.len().min(text.len()) as u64)?;
        let mut characters = text.chars().rev();
        Ok(segment
            .characters
            .iter()
            .rev()
            .all(|wanted| characters.next().is_some_and(|found| self.is_met(*wanted, found))))
    }

    fn is_met(&self, wanted: Option<char>, found: char) -> bool {
        wanted.is_none_or(|wanted| wanted == found || self.any_case && wanted == fold(found))
    }
}

/// The lower case of a character that has one of a single character.
fn fold(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Like::new(pattern, ESCAPE, false).matches(text, &mut Budget::of_a_document()).unwrap()
    }

    /// By trying all there is.
    fn model(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|skipped| model(rest, &text[skipped..])),
            ['\\', escaped, rest @ ..] => text.first() == Some(escaped) && model(rest, &text[1..]),
            ['_', rest @ ..] => !text.is_empty() && model(rest, &text[1..]),
            [literal, rest @ ..] => text.first() == Some(literal) && model(rest, &text[1..]),
        }
    }

    #[test]
    fn what_patterns_match() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("_", "é", true),
            ("_", "", false),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a_c", "abc", true),
            ("a%a", "a", false),
            ("a%a", "aa", true),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("a\\", "a\\", true),
            ("%_%_%", "a", false),
            ("%_%_%", "ab", true),
            ("ABC", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
        let any_case = |pattern: &str, text: &str| {
            Like::new(pattern, ESCAPE, true).matches(text, &mut Budget::of_a_document()).unwrap()
        };
        assert!(any_case("ÄB%", "äbC"));
        assert!(!any_case("ss", "ß"));
        assert!(Like::new("a!_%", '!', false).matches("a_b", &mut Budget::of_a_document()).unwrap());
    }

    #[test]
    fn prefixes_and_exact_texts() {
        let prefix = |pattern: &str| {
            let like = Like::new(pattern, ESCAPE, false);
            like.prefix().map(|(prefix, is_all)| (prefix.to_owned(), is_all)).unwrap()
        };
        assert_eq!(prefix("abc%"), ("abc".to_owned(), true));
        assert_eq!(prefix("abc%%"), ("abc".to_owned(), true));
        assert_eq!(prefix("abc%d"), ("abc".to_owned(), false));
        assert_eq!(prefix("ab_%"), ("ab".to_owned(), false));
        assert_eq!(prefix("abc"), ("abc".to_owned(), false));
        assert_eq!(prefix("a\\%%"), ("a%".to_owned(), true));
        assert_eq!(Like::new("abc%", ESCAPE, true).prefix(), None);
        assert_eq!(Like::new("a\\_c", ESCAPE, false).exact(), Some("a_c".to_owned()));
        assert_eq!(Like::new("a_c", ESCAPE, false).exact(), None);
    }

    /// Each character of the pattern looks at each of the text once at most.
    #[test]
    fn many_wildcards_take_no_longer_than_text_times_pattern() {
        let (pattern, text) = ("%_a".repeat(2_000), "a".repeat(3_000));
        let mut budget = Budget::new(20_000_000);
        assert_eq!(Like::new(&pattern, ESCAPE, false).matches(&text, &mut budget), Ok(false));
        assert!(budget.spent() <= (pattern.len() * text.len()) as u64);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn agrees_with_the_model(pattern in "[ab_%é]{0,7}|[ab%_]{0,4}\\\\%[ab]{0,3}", text in "[abé%]{0,9}") {
            let [wanted, found] = [&pattern, &text].map(|text| text.chars().collect::<Vec<_>>());
            let expected = model(&wanted, &found);
            prop_assert_eq!(matches(&pattern, &text), expected);
            let like = Like::new(&pattern, ESCAPE, false);
            let (prefix, is_all) = like.prefix().unwrap();
            prop_assert!(!expected || text.starts_with(prefix));
            prop_assert!(!is_all || expected == text.starts_with(prefix));
            prop_assert!(like.exact().is_none_or(|exact| expected == (exact == text)));
        }
    }
}
