//! What a condition demands of single places in a document, so that an index can be asked for those that may match.
//!
//! Invariant: a document that matches meets every demand of at least one alternative. What meets them need not match: it must still be
//! asked with [`crate::Filter::matches`].
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
    /// A field; what stands nowhere is null.
    Field(&'f Path),
    /// The whole `_id`.
    Id,
}

/// What must stand at a place.
#[derive(Debug, Clone, PartialEq)]
pub enum Test<'f> {
    /// A value that equals one of these as [`crate::compare_for_sort`] compares.
    OneOf(Vec<&'f Value>),
    /// A boolean, number or string of the kind of the bounds that lies between them: strings that are both ISO-8601 date-times by time, all
    /// others by their bytes. Not both are unbounded.
    Range {
        /// From here on.
        lower: Bound<&'f Value>,
        /// Up to here.
        upper: Bound<&'f Value>,
    },
    /// A string that begins so.
    Prefix(&'f str),
}

/// Each with what a document that matches by it must meet; none where nothing can match.
pub(crate) fn alternatives(node: &Node) -> Vec<Vec<Demand<'_>>> {
    match node {
        Node::Constant(false) => Vec::new(),
        Node::Any(parts) => {
            let all: Vec<_> = parts.iter().flat_map(alternatives).collect();
            if all.len() > ALTERNATIVES_MAX { vec![Vec::new()] } else { all }
        }
        Node::All(parts) => parts.iter().map(alternatives).fold(vec![Vec::new()], both),
        other => vec![of_leaf(other).into_iter().collect()],
    }
}

/// Every one of `a` with every one of `b`.
fn both<'f>(a: Vec<Vec<Demand<'f>>>, b: Vec<Vec<Demand<'f>>>) -> Vec<Vec<Demand<'f>>> {
    if a.len() * b.len() > ALTERNATIVES_MAX {
        return a;
    }
    a.iter().flat_map(|a| b.iter().map(move |b| a.iter().chain(b).cloned().collect())).collect()
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
