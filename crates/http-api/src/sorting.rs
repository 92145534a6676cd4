//! The first documents of a sorted find, in bounded memory: a heap of `offset + limit` entries that keeps only what is sorted by.

use std::{cmp::Ordering, collections::BinaryHeap, rc::Rc};

use document::{DocumentId, Map, Path, PathSegment, Value};
use query::compare_for_sort;
use wire::find::Sort;

use crate::{failure::Failure, limits, reading::weight};

/// Keeps the smallest so-many of what is pushed.
pub(crate) struct Smallest {
    sort: Rc<[Property]>,
    heap: BinaryHeap<Entry>,
    count_max: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Property {
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

struct Entry {
    sort: Rc<[Property]>,
    keys: Vec<Option<Value>>,
    id: DocumentId,
}

impl Smallest {
    pub(crate) fn new(sort: &[Sort], count_max: usize) -> Self {
        Self { sort: sort.iter().map(Property::of).collect(), heap: BinaryHeap::new(), count_max, bytes: 0 }
    }

    pub(crate) fn push(&mut self, id: DocumentId, fields: &Map) -> Result<(), Failure> {
        if self.count_max == 0 {
            return Ok(());
        }
        let keys = self.sort.iter().map(|property| property.value(&id, fields)).collect();
        let entry = Entry { sort: self.sort.clone(), keys, id };
        if self.heap.len() < self.count_max {
            self.bytes += entry.weight();
            self.heap.push(entry);
        } else if let Some(mut greatest) = self.heap.peek_mut().filter(|greatest| entry < **greatest) {
            self.bytes += entry.weight();
            self.bytes -= greatest.weight();
            *greatest = entry;
        }
        let fits = self.heap.len() <= limits::SORT_DOCUMENTS_MAX && self.bytes <= limits::SORT_BYTES_MAX;
        if fits { Ok(()) } else { Err(Failure::SortTooLarge) }
    }

    /// The ids in order.
    pub(crate) fn into_ids(self) -> Vec<DocumentId> {
        self.heap.into_sorted_vec().into_iter().map(|entry| entry.id).collect()
    }
}

impl Property {
    fn of(sort: &Sort) -> Self {
        let segments = &sort.property.segments;
        let source = match segments.split_first() {
            Some((PathSegment::Field(first), rest)) if first == "_id" => match rest.is_empty() {
                true => Source::Id,
                false => Source::PartOfId(Path { segments: rest.to_vec() }),
            },
            _ => Source::Field(sort.property.clone()),
        };
        Self { source, descending: sort.descending }
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
}

impl Entry {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.id.as_json().len() + self.keys.iter().flatten().map(weight).sum::<usize>()
    }
}

impl Ord for Entry {
    /// Property by property; ties by id, so that the order of a find is total and pages do not overlap.
    fn cmp(&self, other: &Self) -> Ordering {
        for ((property, own), others) in self.sort.iter().zip(&self.keys).zip(&other.keys) {
            let ordering = compare_for_sort(own.as_ref(), others.as_ref());
            let ordering = if property.descending { ordering.reverse() } else { ordering };
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
