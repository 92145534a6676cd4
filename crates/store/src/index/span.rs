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
    /// Whether it holds no key that was not asked for. A value too long for a key makes others look like it.
    pub is_exact: bool,
}

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
    /// Before the first value of another kind than this one; integers and floats are one kind, and so are booleans.
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
        Self { start: Vec::new(), end: None, is_exact: true }
    }

    /// The part in which the index's first keys equal `equal` (a missing field is `None`), and the next one lies from `start` to `end`.
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
        if low.is_none() && high.is_none() {
            let end = successor(prefix.clone());
            return Self { start: prefix, end, is_exact };
        }
        let descending = definition.keys[equal.len()].descending;
        let (from, to) = match descending {
            false => (low, high),
            true => (high.and_then(flipped_end), low.and_then(flipped_end)),
        };
        let with = |bytes: Vec<u8>| [&prefix[..], &bytes].concat();
        let start = from.map_or_else(|| prefix.clone(), with);
        let end = to.map_or_else(|| successor(prefix.clone()), |bytes| Some(with(bytes)));
        Self { start, end, is_exact }
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// The part of it from `entry` on, or behind it.
    pub fn from_entry(mut self, entry: &[u8], including: bool) -> Self {
        let mut from = entry.to_vec();
        if !including {
            from.push(0);
        }
        self.start = self.start.max(from);
        self
    }

    /// The part of it before `entry`, of which the first bytes will do.
    pub fn until(mut self, entry: &[u8]) -> Self {
        let is_within = self.end.as_ref().is_none_or(|end| entry < &end[..]);
        if is_within {
            self.end = Some(entry.to_vec());
        }
        self
    }

    /// The entries that have these components, in the order of their ids.
    pub fn of_components(components: &[u8]) -> Self {
        Self { start: components.to_vec(), end: successor(components.to_vec()), is_exact: true }
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
                    true => (successor(component.bytes), true),
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
                (successor(component.bytes), component.is_whole)
            }
            KeyEnd::Before(value) => {
                let component = Component::of(Some(value));
                match component.is_whole {
                    true => (Some(component.bytes), true),
                    false => (successor(component.bytes), false),
                }
            }
        }
    }
}

/// Complemented, the bound that all were at or above is the one that all are before, extensions included; and the other way round.
fn flipped_end(bytes: Vec<u8>) -> Option<Vec<u8>> {
    successor(bytes.into_iter().map(|byte| !byte).collect())
}

/// The least bytes behind all that begin with these; `None` where there are none.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while bytes.pop_if(|last| *last == u8::MAX).is_some() {}
    *bytes.last_mut()? += 1;
    Some(bytes)
}
