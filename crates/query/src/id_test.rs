//! Conditions on `_id` that are asked of its canonical JSON, as it lies in keys, without making values of it.
//!
//! Invariant: a test holds exactly where the condition that it was made of does, for every id. What has no such test
//! (regular expressions, date-times, what compares one part with another) is asked as a filter.
//! Not here: which conditions grant something (`id_rules`).

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeSet, HashSet},
    ops::Bound,
};

use document::{DocumentId, PathSegment, Value, write_json_string};

use crate::{
    compare::{Number, compare_numbers},
    filter::{Node, Source},
    is_date_time,
};

/// A condition.
#[derive(Debug)]
pub(crate) enum IdTest {
    Constant(bool),
    All(Vec<IdTest>),
    Any(Vec<IdTest>),
    Not(Box<IdTest>),
    /// The whole id is one of these.
    Is(HashSet<DocumentId>),
    /// A text stands there, and it is so.
    Text(IdPlace, TextTest),
    /// A number stands there, and it lies so to this one.
    Number(IdPlace, Number, Accepts),
}

/// What a text must be.
#[derive(Debug)]
pub(crate) enum TextTest {
    OneOf(HashSet<String>),
    StartsWith(String),
    EndsWith(String),
    /// It lies so to this one, by bytes.
    Order(String, Accepts),
}

/// How what stands in an id may lie to a constant.
pub(crate) type Accepts = fn(Ordering) -> bool;

/// A place in an id; without steps it is all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IdPlace {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    /// The field's name as JSON.
    Field(String),
    Index(usize),
}

/// Texts, of which any may begin another one, without those that others begin.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(BTreeSet<String>);

impl IdTest {
    /// The test that holds where the condition does, if there is one.
    pub(crate) fn of(node: &Node) -> Option<Self> {
        let of_parts = |parts: &[Node]| parts.iter().map(Self::of).collect::<Option<Vec<_>>>();
        match node {
            Node::Constant(holds) => Some(Self::Constant(*holds)),
            Node::All(parts) => of_parts(parts).map(Self::All),
            Node::Any(parts) => of_parts(parts).map(Self::Any),
            Node::Not(inner) => Self::of(inner).map(|inner| Self::Not(Box::new(inner))),
            Node::IdIsOneOf(ids) => Some(Self::Is(ids.iter().cloned().collect())),
            Node::Equal { left, right: Source::Constant(value) } => Self::of_equal(left, value),
            Node::Equal { left: Source::Constant(value), right } => Self::of_equal(right, value),
            Node::IsOneOf { element, sorted } => {
                let texts = sorted.iter().map(plain_text).collect::<Option<HashSet<_>>>()?;
                Some(Self::Text(IdPlace::of(element)?, TextTest::OneOf(texts)))
            }
            Node::Less { left, right: Source::Constant(value) } => Self::of_order(left, value, Ordering::is_lt),
            Node::Less { left: Source::Constant(value), right } => Self::of_order(right, value, Ordering::is_gt),
            Node::LessOrEqual { left, right: Source::Constant(value) } => Self::of_order(left, value, Ordering::is_le),
            Node::LessOrEqual { left: Source::Constant(value), right } => Self::of_order(right, value, Ordering::is_ge),
            Node::StartsWith { text, prefix: Source::Constant(Value::String(prefix)) } => {
                Some(Self::Text(IdPlace::of(text)?, TextTest::StartsWith(prefix.clone())))
            }
            Node::EndsWith { text, suffix: Source::Constant(Value::String(suffix)) } => {
                Some(Self::Text(IdPlace::of(text)?, TextTest::EndsWith(suffix.clone())))
            }
            _ => None,
        }
    }

    fn of_equal(source: &Source, value: &Value) -> Option<Self> {
        let place = IdPlace::of(source)?;
        match Number::of(value) {
            Some(number) => Some(Self::Number(place, number, Ordering::is_eq)),
            None => Some(Self::Text(place, TextTest::OneOf([plain_text(value)?].into()))),
        }
    }

    /// Of what lies so to `value`.
    fn of_order(source: &Source, value: &Value, accepts: Accepts) -> Option<Self> {
        let place = IdPlace::of(source)?;
        match Number::of(value) {
            Some(number) => Some(Self::Number(place, number, accepts)),
            None => Some(Self::Text(place, TextTest::Order(plain_text(value)?, accepts))),
        }
    }

    /// Whether the condition holds for an id, which is canonical JSON.
    pub(crate) fn holds(&self, id_json: &str) -> bool {
        match self {
            IdTest::Constant(holds) => *holds,
            IdTest::All(parts) => parts.iter().all(|part| part.holds(id_json)),
            IdTest::Any(parts) => parts.iter().any(|part| part.holds(id_json)),
            IdTest::Not(inner) => !inner.holds(id_json),
            IdTest::Is(ids) => ids.contains(id_json),
            IdTest::Text(place, test) => place.text(id_json).is_some_and(|text| test.holds(&text)),
            IdTest::Number(place, number, accepts) => {
                place.number(id_json).is_some_and(|own| accepts(compare_numbers(own, *number)))
            }
        }
    }
}

/// A text that compares by its bytes with every other.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !is_date_time(text) => Some(text.clone()),
        _ => None,
    }
}

impl TextTest {
    fn holds(&self, text: &str) -> bool {
        match self {
            TextTest::OneOf(texts) => texts.contains(text),
            TextTest::StartsWith(prefix) => text.starts_with(&**prefix),
            TextTest::EndsWith(suffix) => text.ends_with(&**suffix),
            TextTest::Order(other, accepts) => accepts(text.cmp(other)),
        }
    }
}

impl Beginnings {
    pub(crate) fn insert(&mut self, text: String) {
        if self.begin(&text) {
            return;
        }
        let behind = (Bound::Included(&*text), Bound::Unbounded);
        let longer = self.0.range::<str, _>(behind).take_while(|other| other.starts_with(&*text));
        let longer: Vec<_> = longer.cloned().collect();
        longer.iter().for_each(|other| _ = self.0.remove(other));
        self.0.insert(text);
    }

    /// Whether one of them begins `text`. What lies between that one and `text` would begin with it, and none does: so
    /// it is the last before `text`.
    pub(crate) fn begin(&self, text: &str) -> bool {
        let mut before = self.0.range::<str, _>((Bound::Unbounded, Bound::Included(text)));
        before.next_back().is_some_and(|one| text.starts_with(&**one))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl IdPlace {
    /// The place that a source names, if it is in the id.
    fn of(source: &Source) -> Option<Self> {
        let path = match source {
            Source::Id => return Some(Self { steps: Vec::new() }),
            Source::IdPart(path) => path,
            Source::Field(_) | Source::Constant(_) => return None,
        };
        let inner = path.segments.get(1..)?;
        let step = |segment: &PathSegment| match segment {
            PathSegment::Field(name) => Step::Field(json_string(name)),
            PathSegment::Index(index) => Step::Index(*index),
        };
        Some(Self { steps: inner.iter().map(step).collect() })
    }

    /// Whether it is all of the id.
    pub(crate) fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }

    /// What stands there, as JSON.
    fn json<'j>(&self, id_json: &'j str) -> Option<&'j str> {
        let mut json = id_json;
        for step in &self.steps {
            json = match step {
                Step::Field(name) => field(json, name)?,
                Step::Index(index) => element(json, *index)?,
            };
        }
        Some(json)
    }

    /// The text that stands there, if one does.
    pub(crate) fn text<'j>(&self, id_json: &'j str) -> Option<Cow<'j, str>> {
        let json = self.json(id_json)?;
        let inner = json.strip_prefix('"')?.strip_suffix('"')?;
        if !inner.as_bytes().contains(&b'\\') {
            return Some(Cow::Borrowed(inner));
        }
        match Value::from_json(json.as_bytes()) {
            Ok(Value::String(text)) => Some(Cow::Owned(text)),
            _ => None,
        }
    }

    fn number(&self, id_json: &str) -> Option<Number> {
        let json = self.json(id_json)?;
        let is_number = json.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        is_number.then(|| Value::from_json(json.as_bytes()).ok())?.as_ref().and_then(Number::of)
    }
}

fn json_string(text: &str) -> String {
    let mut json = Vec::new();
    write_json_string(text, &mut json);
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// The field of this name, which is JSON itself, of an object without white space.
fn field<'j>(object: &'j str, name: &str) -> Option<&'j str> {
    let mut rest = object.strip_prefix('{')?;
    loop {
        let (found, behind) = split_value(rest)?;
        let (value, behind) = split_value(behind.strip_prefix(':')?)?;
        if found == name {
            return Some(value);
        }
        rest = behind.strip_prefix(',')?;
    }
}

/// The element at this index of an array without white space.
fn element(array: &str, index: usize) -> Option<&str> {
    let mut rest = array.strip_prefix('[')?;
    for _ in 0..index {
        rest = split_value(rest)?.1.strip_prefix(',')?;
    }
    split_value(rest).map(|(value, _)| value)
}

/// The value that stands at the front, and what follows it. `None` if none does.
fn split_value(json: &str) -> Option<(&str, &str)> {
    let bytes = json.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match bytes.get(at) {
            Some(b'"') => at = end_of_string(bytes, at)?,
            Some(b'{' | b'[') => (depth, at) = (depth + 1, at + 1),
            Some(b'}' | b']') if depth > 0 => (depth, at) = (depth - 1, at + 1),
            Some(b',' | b':') if depth > 0 => at += 1,
            Some(b'}' | b']' | b',' | b':') | None => return None,
            Some(_) => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
                at += bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
            }
        }
        if depth == 0 {
            return json.split_at_checked(at);
        }
    }
}

/// Behind the quote that ends the string at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
