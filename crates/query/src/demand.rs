//! What a condition demands of single places in a document, so that an index can be asked for those
//! that may match.
//!
//! Invariant: a document that matches meets every demand of at least one alternative. What meets
//! them need not match: it must still be asked with [`crate::Filter::matches`].
//! Not here: which demand an index can answer, and in which order its values lie (crate `find`).

use std::ops::Bound;

use document::{Path, Value};

use crate::filter::{Node, Source};

/// Alternatives beyond this are not told apart: then the part that has them demands nothing.
const ALTERNATIVES_MAX: usize = 64;

/// What one place in a document must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Demand<'f> {
    /// Where.
    pub place: Place<'f>,
    /// What must stand there.
    pub test: Test<'f>,
}

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place<'f> {
    /// A field. By the legacy language what stands nowhere is null; by DQL it is missing.
    Field(&'f Path),
    /// The whole `_id`.
    Id,
}

/// What must stand at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Test<'f> {
    /// A value that equals one of these as [`crate::compare_for_sort`] compares, by DQL as
    /// [`crate::dql::compare`].
    OneOf(Vec<&'f Value>),
    /// Nothing; by DQL alone.
    Missing,
    /// A boolean, number or string of the kind of the bounds that lies between them: by the legacy
    /// language strings that are both ISO-8601 date-times by time, all others by their bytes. Not
    /// both are unbounded.
    Range {
        /// From here on.
        lower: Bound<&'f Value>,
        /// Up to here.
        upper: Bound<&'f Value>,
    },
    /// A string that begins so.
    Prefix(&'f str),
}

/// What a condition demands.
pub(crate) struct Demands<'f> {
    /// Each with what a document that matches by it must meet; none where nothing can match.
    pub(crate) alternatives: Vec<Vec<Demand<'f>>>,
    /// Whether what meets one of them matches.
    pub(crate) are_all: bool,
}

impl<'f> Demands<'f> {
    /// Everything meets them.
    pub(crate) fn of_everything() -> Self {
        Self { alternatives: vec![Vec::new()], are_all: true }
    }

    /// Nothing meets them.
    pub(crate) fn of_nothing() -> Self {
        Self { alternatives: Vec::new(), are_all: true }
    }

    /// Of what holds where one of `parts` does.
    pub(crate) fn of_any(parts: impl Iterator<Item = Self>) -> Self {
        let parts: Vec<_> = parts.collect();
        let are_all = parts.iter().all(|part| part.are_all);
        let alternatives: Vec<_> = parts.into_iter().flat_map(|part| part.alternatives).collect();
        match alternatives.len() > ALTERNATIVES_MAX {
            true => Self { are_all: false, ..Self::of_everything() },
            false => Self { alternatives, are_all },
        }
    }

    /// Of what holds where all `parts` do.
    pub(crate) fn of_all(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::of_everything(), Self::and)
    }

    /// Every one of `self` with every one of `other`.
    fn and(self, other: Self) -> Self {
        if self.alternatives.len() * other.alternatives.len() > ALTERNATIVES_MAX {
            return Self { are_all: false, ..self };
        }
        let with_each_of_other = |own: &Vec<Demand<'f>>| {
            let joined = other.alternatives.iter().map(|more| own.iter().chain(more).cloned().collect());
            joined.collect::<Vec<_>>()
        };
        let alternatives = self.alternatives.iter().flat_map(with_each_of_other).collect();
        Self { alternatives, are_all: self.are_all && other.are_all }
    }
}

/// What `node` demands.
pub(crate) fn demands(node: &Node) -> Demands<'_> {
    match node {
        Node::Constant(true) => Demands::of_everything(),
        Node::Constant(false) => Demands::of_nothing(),
        Node::Any(parts) => Demands::of_any(parts.iter().map(demands)),
        Node::All(parts) => Demands::of_all(parts.iter().map(demands)),
        other => {
            let demand = of_leaf(other);
            Demands { are_all: demand.is_some(), alternatives: vec![demand.into_iter().collect()] }
        }
    }
}

fn of_leaf(node: &Node) -> Option<Demand<'_>> {
    let demand = |source, test| Some(Demand { place: place(source)?, test });
    match node {
        Node::Equal { left, right: Source::Constant(value) } => demand(left, Test::OneOf(vec![value])),
        Node::Equal { left: Source::Constant(value), right } => demand(right, Test::OneOf(vec![value])),
        Node::IsOneOf { element, sorted } => demand(element, Test::OneOf(sorted.iter().collect())),
        Node::Less { left, right } => of_order(left, right, Bound::Excluded),
        Node::LessOrEqual { left, right } => of_order(left, right, Bound::Included),
        Node::StartsWith { text, prefix: Source::Constant(Value::String(prefix)) } => {
            demand(text, Test::Prefix(prefix))
        }
        _ => None,
    }
}

/// `left` before `right`.
fn of_order<'f>(
    left: &'f Source,
    right: &'f Source,
    bound: impl Fn(&'f Value) -> Bound<&'f Value>,
) -> Option<Demand<'f>> {
    let (source, lower, upper) = match (left, right) {
        (source, Source::Constant(value)) => (source, Bound::Unbounded, bound(value)),
        (Source::Constant(value), source) => (source, bound(value), Bound::Unbounded),
        _ => return None,
    };
    Some(Demand { place: place(source)?, test: Test::Range { lower, upper } })
}

fn place(source: &Source) -> Option<Place<'_>> {
    match source {
        Source::Field(path) => Some(Place::Field(path)),
        Source::Id => Some(Place::Id),
        Source::IdPart(_) | Source::Constant(_) => None,
    }
}
