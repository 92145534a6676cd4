//! The types that a write says for its fields, where their values alone do not say them.

use super::attachment;
use super::counter::Counter;
use super::field::Content;
use super::number::Number;
use crate::limits::DEPTH_MAX;
use crate::{FieldType, Path, PathSegment, Value};

/// Which fields of an object are of which type, and the way to the field at hand.
#[derive(Default)]
pub(super) struct AskedTypes<'a> {
    /// Sorted, so that many cost little.
    types: Vec<(Vec<&'a str>, FieldType)>,
    names: Vec<&'a str>,
}

impl<'a> AskedTypes<'a> {
    /// Of the paths that lead through objects only; there are no such types inside arrays. Of a path
    /// named twice the first counts.
    pub(super) fn new(types: &'a [(Path, FieldType)]) -> Self {
        let mut types: Vec<_> = types.iter().filter_map(|(path, kind)| Some((names_of(path)?, *kind))).collect();
        types.sort_by(|(a, _), (b, _)| a.cmp(b));
        types.dedup_by(|(later, _), (first, _)| later == first);
        Self { types, names: Vec::new() }
    }

    /// Goes to a field of the object at hand.
    pub(super) fn enter(&mut self, name: &'a str) {
        self.names.push(name);
    }

    /// Goes back to the object around.
    pub(super) fn leave(&mut self) {
        self.names.pop();
    }

    /// What the type that was said for the field at hand makes of `value`; `None` where none was
    /// said, or `value` cannot be of it.
    pub(super) fn content(&self, value: &Value) -> Option<Content> {
        let at = self.types.binary_search_by(|(names, _)| names.cmp(&self.names)).ok()?;
        match (self.types[at].1, value) {
            (FieldType::Counter, _) => Number::from_value(value).map(|start| Content::Counter(Counter::started(start))),
            (FieldType::Register, _) => Some(Content::Register(value.clone())),
            (FieldType::Attachment, Value::Map(token)) => {
                let is_one = attachment::problem(token).is_none();
                let fits = self.names.len() + attachment::depth(token) <= DEPTH_MAX;
                (is_one && fits).then(|| Content::Attachment(attachment::whole(token)))
            }
            (FieldType::Attachment | FieldType::Map, _) => None,
        }
    }
}

/// The steps of a path that leads through objects only.
pub(super) fn names_of(path: &Path) -> Option<Vec<&str>> {
    path.segments.iter().map(name_of).collect()
}

pub(super) fn name_of(segment: &PathSegment) -> Option<&str> {
    match segment {
        PathSegment::Field(name) => Some(name),
        PathSegment::Index(_) => None,
    }
}
