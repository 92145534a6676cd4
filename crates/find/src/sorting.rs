//! The first documents of an order that nothing gives, in bounded memory: a heap of `offset +
//! limit` entries that keeps only ids and what is sorted by.

use std::{cmp::Ordering, collections::BinaryHeap, rc::Rc};

use document::{DocumentId, Map, Path, PathSegment, Value};
use query::compare_for_sort;

use crate::{
    Cursor, SortKey,
    limits::{SORT_BYTES_MAX, SORT_DOCUMENTS_MAX},
};

/// A sort would have to keep too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sorting would have to keep more than {SORT_DOCUMENTS_MAX} documents or {SORT_BYTES_MAX} bytes")]
pub struct SortTooLarge;

/// What is sorted by.
pub(crate) type Properties = Rc<[Property]>;

#[derive(Debug)]
pub(crate) struct Property {
    source: Source,
    descending: bool,
}

/// Where a property's value comes from.
#[derive(Debug)]
enum Source {
    Field(Path),
    Id,
    /// A part of an object id.
    PartOfId(Path),
}

/// The sort keys, ready to be looked up.
pub(crate) fn properties(sort: &[SortKey]) -> Properties {
    sort.iter().map(Property::of).collect()
}

/// What stands at each of them; what is missing is null.
pub(crate) fn values(properties: &[Property], id: &DocumentId, fields: &Map) -> Vec<Value> {
    properties.iter().map(|property| property.value(id, fields).unwrap_or(Value::Null)).collect()
}

/// Keeps the smallest so-many of what is pushed behind a place.
pub(crate) struct Smallest {
    properties: Properties,
    after: Option<Entry>,
    heap: BinaryHeap<Entry>,
    count_max: usize,
    bytes: usize,
}

struct Entry {
    properties: Properties,
    values: Vec<Value>,
    id: DocumentId,
}

impl Smallest {
    pub(crate) fn new(properties: Properties, count_max: usize, after: Option<&Cursor>) -> Self {
        let after = after.map(|Cursor { id, values }| Entry {
            properties: properties.clone(),
            values: values.clone(),
            id: id.clone(),
        });
        Self { properties, after, heap: BinaryHeap::new(), count_max, bytes: 0 }
    }

    pub(crate) fn push(&mut self, id: DocumentId, fields: &Map) -> Result<(), SortTooLarge> {
        if self.count_max == 0 || self.after.as_ref().is_some_and(|after| after.compare(&id, fields).is_ge()) {
            return Ok(());
        }
        if self.heap.len() == self.count_max && self.heap.peek().is_some_and(|last| last.compare(&id, fields).is_le()) {
            return Ok(());
        }
        let values = values(&self.properties, &id, fields);
        let entry = Entry { properties: self.properties.clone(), values, id };
        self.bytes += entry.weight();
        self.heap.push(entry);
        if self.heap.len() > self.count_max
            && let Some(last) = self.heap.pop()
        {
            self.bytes -= last.weight();
        }
        let fits = self.heap.len() <= SORT_DOCUMENTS_MAX && self.bytes <= SORT_BYTES_MAX;
        if fits { Ok(()) } else { Err(SortTooLarge) }
    }

    /// Where each of them is, in order.
    pub(crate) fn into_places(self) -> impl Iterator<Item = Cursor> {
        self.heap.into_sorted_vec().into_iter().map(|Entry { id, values, .. }| Cursor { id, values })
    }
}

impl Property {
    fn of(key: &SortKey) -> Self {
        let source = match key.path.segments.split_first() {
            Some((PathSegment::Field(first), rest)) if first == "_id" => match rest.is_empty() {
                true => Source::Id,
                false => Source::PartOfId(Path { segments: rest.to_vec() }),
            },
            _ => Source::Field(key.path.clone()),
        };
        Self { source, descending: key.descending }
    }

    fn value(&self, id: &DocumentId, fields: &Map) -> Option<Value> {
        match &self.source {
            Source::Field(path) => path.lookup(fields).cloned(),
            Source::Id => Some(id.to_value()),
            Source::PartOfId(path) => match id.to_value() {
                Value::Map(parts) => path.lookup(&parts).cloned(),
                _ => None,
            },
        }
    }

    /// The own value beside that of a document.
    fn compare(&self, own: &Value, id: &DocumentId, fields: &Map) -> Ordering {
        match &self.source {
            Source::Field(path) => self.directed(compare_for_sort(Some(own), path.lookup(fields))),
            _ => self.directed(compare_for_sort(Some(own), self.value(id, fields).as_ref())),
        }
    }

    fn directed(&self, ordering: Ordering) -> Ordering {
        if self.descending { ordering.reverse() } else { ordering }
    }
}

impl Entry {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.id.as_json().len() + self.values.iter().map(Value::memory_bytes).sum::<usize>()
    }

    /// It beside a document that is no entry yet.
    fn compare(&self, id: &DocumentId, fields: &Map) -> Ordering {
        for (property, own) in self.properties.iter().zip(&self.values) {
            let ordering = property.compare(own, id, fields);
            if ordering.is_ne() {
                return ordering;
            }
        }
        self.id.cmp(id)
    }
}

impl Ord for Entry {
    /// Property by property; ties by id, so that the order of a find is total and pages do not
    /// overlap.
    fn cmp(&self, other: &Self) -> Ordering {
        for ((property, own), others) in self.properties.iter().zip(&self.values).zip(&other.values) {
            let ordering = property.directed(compare_for_sort(Some(own), Some(others)));
            if ordering.is_ne() {
                return ordering;
            }
        }
        self.id.cmp(&other.id)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
