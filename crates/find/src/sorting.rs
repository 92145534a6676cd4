//! The first documents of an order that nothing gives, in bounded memory: a heap of `offset +
//! limit` entries that keeps only ids and what is sorted by.

use std::{cmp::Ordering, collections::BinaryHeap, rc::Rc};

use document::{DocumentId, Map, Path, PathSegment, Value};
use query::Language;

use crate::{
    Cursor, SortKey,
    key_order::{Comparison, comparison},
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
    compare: Comparison,
}

/// Where a property's value comes from.
#[derive(Debug)]
enum Source {
    Field(Path),
    Id,
    /// A part of an object id.
    PartOfId(Path),
}

/// The sort keys, ready to be looked up and compared as the language does.
pub(crate) fn properties(sort: &[SortKey], language: Language) -> Properties {
    sort.iter().map(|key| Property::of(key, comparison(language))).collect()
}

/// What stands at each of them.
pub(crate) fn values(properties: &[Property], id: &DocumentId, fields: &Map) -> Vec<Option<Value>> {
    properties.iter().map(|property| property.value(id, fields)).collect()
}

/// A document's place in an order.
pub(crate) struct SortPlace {
    pub(crate) id: DocumentId,
    /// What stands at each sort key.
    pub(crate) values: Vec<Option<Value>>,
}

impl SortPlace {
    /// To go on from there, in the legacy language.
    pub(crate) fn into_cursor(self) -> Cursor {
        Cursor { id: self.id, values: self.values.into_iter().map(|value| value.unwrap_or(Value::Null)).collect() }
    }
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
    values: Vec<Option<Value>>,
    id: DocumentId,
}

impl Smallest {
    pub(crate) fn new(properties: Properties, count_max: usize, after: Option<&Cursor>) -> Self {
        let after = after.map(|Cursor { id, values }| Entry {
            properties: properties.clone(),
            values: values.iter().cloned().map(Some).collect(),
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

    /// What is kept, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where each of them is, in order.
    pub(crate) fn into_places(self) -> impl Iterator<Item = SortPlace> {
        self.heap.into_sorted_vec().into_iter().map(|Entry { id, values, .. }| SortPlace { id, values })
    }
}

impl Property {
    fn of(key: &SortKey, compare: Comparison) -> Self {
        let source = match key.path.segments.split_first() {
            Some((PathSegment::Field(first), rest)) if first == "_id" => match rest.is_empty() {
                true => Source::Id,
                false => Source::PartOfId(Path { segments: rest.to_vec() }),
            },
            _ => Source::Field(key.path.clone()),
        };
        Self { source, descending: key.descending, compare }
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
    fn compare(&self, own: Option<&Value>, id: &DocumentId, fields: &Map) -> Ordering {
        match &self.source {
            Source::Field(path) => self.order(own, path.lookup(fields)),
            _ => self.order(own, self.value(id, fields).as_ref()),
        }
    }

    fn order(&self, a: Option<&Value>, b: Option<&Value>) -> Ordering {
        let ordering = (self.compare)(a, b);
        if self.descending { ordering.reverse() } else { ordering }
    }
}

impl Entry {
    fn weight(&self) -> usize {
        let missing = || size_of::<Option<Value>>();
        let of_values = self.values.iter().map(|value| value.as_ref().map_or_else(missing, Value::memory_bytes));
        size_of::<Self>() + self.id.as_json().len() + of_values.sum::<usize>()
    }

    /// It beside a document that is no entry yet.
    fn compare(&self, id: &DocumentId, fields: &Map) -> Ordering {
        for (property, own) in self.properties.iter().zip(&self.values) {
            let ordering = property.compare(own.as_ref(), id, fields);
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
            let ordering = property.order(own.as_ref(), others.as_ref());
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
