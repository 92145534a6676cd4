//! A part of an index: keys from here to there.

use document::Value;

use super::{
    definition::IndexDefinition,
    key::{self, Component},
};

/// Keys of an index from `start` on and before `end`, without the index's own number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: Vec<u8>,
    /// `None`: to the index's end.
    pub(crate) end: Option<Vec<u8>>,
    /// Whether it holds no key that was not asked for. A value too long for a key makes others look
    /// like it.
    pub is_exact: bool,
    /// How much of `start` are the components that all its keys have.
    shared: usize,
}

/// Behind the keys that begin with a component: whatever follows it in a key is less, an id or the
/// tag of the next component. A longer string goes on with this byte where the shorter one ends
/// (`key`), and so is behind all keys with the shorter one.
const BEHIND: u8 = u8::MAX;

/// Where a span begins in the values of a key, in the order of values whatever the key's direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyStart<'v> {
    /// With the first value.
    First,
    /// With the first string.
    FirstString,
    /// With this value; `None`: with those that are missing.
    At(Option<&'v Value>),
    /// Behind this value.
    After(&'v Value),
    /// With the first string that begins so.
    AtPrefix(&'v str),
}

/// Where a span ends in the values of a key, in the order of values whatever the key's direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyEnd<'v> {
    /// With the last value; those that are missing are behind all others.
    Last,
    /// Before the first value of another kind than this one; integers and floats are one kind, and
    /// so are booleans.
    LastOfKind(&'v Value),
    /// With the last string that begins so.
    AtPrefix(&'v str),
    /// With this value; `None`: with those that are missing.
    At(Option<&'v Value>),
    /// Before this value.
    Before(&'v Value),
}

impl Span {
    /// All of an index.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: None, is_exact: true, shared: 0 }
    }

    /// The part in which the index's first keys equal `equal` (a missing field is `None`), and the
    /// next one lies from `start` to `end`.
    ///
    /// # Panics
    /// If there are not more keys than `equal` has; with `First` and `Last` there need not be.
    pub fn of(definition: &IndexDefinition, equal: &[Option<&Value>], start: KeyStart<'_>, end: KeyEnd<'_>) -> Self {
        let mut prefix = Vec::new();
        let mut is_exact = true;
        for (value, key) in equal.iter().zip(&definition.keys) {
            let component = Component::of(*value);
            is_exact &= component.is_whole;
            component.append_to(key.descending, &mut prefix);
        }
        let (low, low_is_exact) = start.bytes();
        let (high, high_is_exact) = end.bytes();
        is_exact &= low_is_exact && high_is_exact;
        let whole = Self { is_exact, ..Self::of_components(definition, equal.len(), prefix.clone()) };
        if low.is_none() && high.is_none() {
            return whole;
        }
        let descending = definition.keys[equal.len()].descending;
        let (from, to) = match descending {
            false => (low, high),
            true => (high.and_then(flipped_end), low.and_then(flipped_end)),
        };
        let with = |bytes: Vec<u8>| [&prefix[..], &bytes].concat();
        let start = from.map_or(whole.start, with);
        let end = to.map(with).or(whole.end);
        Self { start, end, is_exact, shared: prefix.len() }
    }

    /// The part in which the index's first `keys` keys have these components, the front of an
    /// entry's.
    pub fn of_components(definition: &IndexDefinition, keys: usize, components: Vec<u8>) -> Self {
        let shared = components.len();
        let Some(last) = keys.checked_sub(1).map(|last| &definition.keys[last]) else { return Self::all() };
        let (mut start, mut end) = (components.clone(), components);
        // Complemented, a longer string's next byte is 0, before all that can follow.
        if last.descending {
            start.push(!BEHIND + 1);
            return Self { start, end: successor(end), is_exact: true, shared };
        }
        end.push(BEHIND);
        Self { start, end: Some(end), is_exact: true, shared }
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// The part of it behind the entry that has these components, of all keys, and this id.
    pub fn behind(mut self, components: &[u8], id_json: &str) -> Self {
        let entry = [components, id_json.as_bytes(), &[0]].concat();
        self.start = self.start.max(entry);
        self
    }

    /// The part of it before all of `other`.
    pub fn until(mut self, other: &Self) -> Self {
        let is_within = self.end.as_ref().is_none_or(|end| other.start < *end);
        if is_within {
            self.end = Some(other.start.clone());
        }
        self
    }

    /// The components that all its keys have at their front.
    pub fn components(&self) -> &[u8] {
        &self.start[..self.shared]
    }

    /// Where the span stands among others.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// Joins spans that overlap or touch, so that no key lies in two; sorted.
    pub fn union(mut spans: Vec<Self>) -> Vec<Self> {
        spans.retain(|span| !span.is_empty());
        spans.sort_by(|a, b| a.start.cmp(&b.start));
        let mut joined: Vec<Self> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if last.end.as_ref().is_none_or(|end| *end >= span.start) => {
                    last.is_exact &= span.is_exact;
                    if span.end.is_none() || last.end.is_none() {
                        last.end = None;
                    } else {
                        last.end = last.end.take().max(span.end);
                    }
                }
                _ => joined.push(span),
            }
        }
        joined
    }
}

impl KeyStart<'_> {
    /// The least component of it, and whether it holds no other.
    fn bytes(self) -> (Option<Vec<u8>>, bool) {
        match self {
            KeyStart::First => (None, true),
            KeyStart::FirstString => (Some(vec![key::TAG_STRING]), true),
            KeyStart::At(value) => {
                let component = Component::of(value);
                (Some(component.bytes), component.is_whole)
            }
            KeyStart::After(value) => {
                let component = Component::of(Some(value));
                match component.is_whole {
                    true => (behind(component.bytes), true),
                    false => (Some(component.bytes), false),
                }
            }
            KeyStart::AtPrefix(text) => {
                let component = Component::of_prefix(text);
                (Some(component.bytes), component.is_whole)
            }
        }
    }
}

impl KeyEnd<'_> {
    /// What is behind every component of it, and whether it holds no other.
    fn bytes(self) -> (Option<Vec<u8>>, bool) {
        match self {
            KeyEnd::Last => (None, true),
            KeyEnd::LastOfKind(value) => {
                let tag = match value {
                    Value::Bool(_) => key::TAG_TRUE,
                    Value::Int(_) | Value::Uint(_) | Value::Float(_) => key::TAG_NUMBER,
                    Value::String(_) => key::TAG_STRING,
                    Value::Array(_) => key::TAG_ARRAY,
                    Value::Map(_) => key::TAG_OBJECT,
                    Value::Null => key::TAG_NULL,
                };
                (Some(vec![tag + 1]), true)
            }
            KeyEnd::AtPrefix(text) => {
                let component = Component::of_prefix(text);
                (successor(component.bytes), component.is_whole)
            }
            KeyEnd::At(value) => {
                let component = Component::of(value);
                (behind(component.bytes), component.is_whole)
            }
            KeyEnd::Before(value) => {
                let component = Component::of(Some(value));
                match component.is_whole {
                    true => (Some(component.bytes), true),
                    false => (behind(component.bytes), false),
                }
            }
        }
    }
}

/// Behind all keys with this component.
fn behind(mut component: Vec<u8>) -> Option<Vec<u8>> {
    component.push(BEHIND);
    Some(component)
}

/// Complemented, the bound that all were at or above is the one that all are before, extensions
/// included; and the other way round.
fn flipped_end(bytes: Vec<u8>) -> Option<Vec<u8>> {
    successor(bytes.into_iter().map(|byte| !byte).collect())
}

/// The least bytes behind all that begin with these; `None` where there are none.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while bytes.pop_if(|last| *last == u8::MAX).is_some() {}
    *bytes.last_mut()? += 1;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use document::{CollectionName, Path};
    use proptest::prelude::*;

    use super::*;
    use crate::index::{IndexKey, encode_key};

    fn value() -> impl Strategy<Value = Value> {
        let text = prop::sample::select(vec!["", "\0", "a", "a\0", "a\0b", "ab", "a\u{1}", "b", "\u{10ffff}"]);
        let scalar = prop_oneof![
            5 => text.prop_map(|text| Value::String(text.to_owned())),
            2 => (-1_i64..2).prop_map(Value::Int),
            1 => any::<bool>().prop_map(Value::Bool),
        ];
        scalar.prop_recursive(1, 3, 2, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::Array))
    }

    fn key(values: &[&Value], definition: &IndexDefinition, id_json: &str) -> Vec<u8> {
        let components: Vec<_> = values.iter().map(|value| Component::of(Some(value))).collect();
        let mut key = Vec::new();
        encode_key(components.iter().zip(definition.keys.iter().map(|key| key.descending)), id_json, &mut key);
        key
    }

    fn holds(span: &Span, key: &[u8]) -> bool {
        *key >= *span.start && span.end.as_ref().is_none_or(|end| *key < **end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_span_holds_what_was_asked_for_and_nothing_else(
            first in value(), second in value(), of in value(), bound in value(), down: [bool; 2],
            id in prop::sample::select(vec!["\"a\"", "-1", "7", "{\"a\":1}"]),
        ) {
            let keys = ["a", "b"].iter().zip(down).map(|(path, descending)| IndexKey {
                path: Path::parse(path).unwrap(),
                descending,
            });
            let collection = CollectionName::new("c").unwrap();
            let definition = IndexDefinition::new("i", collection, keys.collect()).unwrap();
            let entry = key(&[&first, &second], &definition, id);
            let bytes = |value: &Value| Component::of(Some(value)).bytes;
            let (is_first, order) = (bytes(&first) == bytes(&of), bytes(&second).cmp(&bytes(&bound)));
            let span = |equal: &[&Value], start: KeyStart<'_>, end: KeyEnd<'_>| {
                let equal: Vec<_> = equal.iter().map(|value| Some(*value)).collect();
                Span::of(&definition, &equal, start, end)
            };
            let cases = [
                (span(&[&of], KeyStart::First, KeyEnd::Last), true),
                (span(&[&of, &bound], KeyStart::First, KeyEnd::Last), order.is_eq()),
                (span(&[&of], KeyStart::At(Some(&bound)), KeyEnd::Last), order.is_ge()),
                (span(&[&of], KeyStart::After(&bound), KeyEnd::Last), order.is_gt()),
                (span(&[&of], KeyStart::First, KeyEnd::At(Some(&bound))), order.is_le()),
                (span(&[&of], KeyStart::First, KeyEnd::Before(&bound)), order.is_lt()),
                (span(&[&of], KeyStart::At(Some(&bound)), KeyEnd::At(Some(&bound))), order.is_eq()),
            ];
            for (n, (span, is_asked_for)) in cases.iter().enumerate() {
                prop_assert_eq!(holds(span, &entry), is_first && *is_asked_for, "case {}", n);
            }
            let components = &entry[..entry.len() - id.len()];
            let own = Span::of_components(&definition, 2, components.to_vec());
            prop_assert!(holds(&own, &entry) && own.components() == components);
            prop_assert!(!holds(&Span::all().until(&own), &entry));
            prop_assert!(!holds(&own.clone().behind(components, id), &entry));
            prop_assert!(holds(&own.behind(components, "\""), &entry) == (id > "\""));
        }
    }
}
