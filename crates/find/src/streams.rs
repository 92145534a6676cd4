//! What a plan reads, one candidate after the other, in the plan's order.
//!
//! Entries with equal values lie in the order of ids in an index, and so they are given in either
//! direction: read backwards, each such group is turned round. A long group is not kept for that
//! but read again from its front.

use std::{cmp::Reverse, collections::BinaryHeap};

use document::{CollectionName, DocumentId};
use store::{IdBound, IndexEntry, RawDocument, ReadIndex, Snapshot, SnapshotError, Span};

use crate::{
    Query, Work,
    granted::Granted,
    index_choice::{IndexAccess, IndexOrder, SortedEntries},
    limits::TURNED_ENTRIES_MAX,
    plan::{Access, Plan},
};

/// A document that may match.
pub(crate) enum Candidate {
    Document(RawDocument),
    Entry(IndexEntry),
    Id(DocumentId),
}

impl Candidate {
    pub(crate) fn id(&self) -> Result<DocumentId, SnapshotError> {
        match self {
            Candidate::Document(document) => document.id(),
            Candidate::Entry(entry) => entry.id(),
            Candidate::Id(id) => Ok(id.clone()),
        }
    }

    pub(crate) fn id_json(&self) -> Result<&str, SnapshotError> {
        match self {
            Candidate::Document(document) => document.id_json(),
            Candidate::Entry(entry) => entry.id_json(),
            Candidate::Id(id) => Ok(id.as_json()),
        }
    }

    /// The document; `None` if it was never written.
    pub(crate) fn read(
        self,
        snapshot: &Snapshot,
        collection: &CollectionName,
    ) -> Result<Option<RawDocument>, SnapshotError> {
        match self {
            Candidate::Document(document) => Ok(Some(document)),
            Candidate::Entry(entry) => snapshot.raw_document(collection, entry.id_json()?),
            Candidate::Id(id) => snapshot.raw_document(collection, id.as_json()),
        }
    }
}

/// What the plan reads and whoever asks may have.
pub(crate) struct Candidates<'s> {
    all: Stored<'s>,
    granted: Granted<'s>,
}

impl Candidates<'_> {
    /// The next one. `work` is asked about each that is left out.
    pub(crate) fn next<W: Work>(&mut self, work: &mut W) -> Result<Option<Candidate>, W::Error> {
        for candidate in self.all.by_ref() {
            let candidate = candidate?;
            if self.granted.is_all() || self.granted.has(candidate.id_json()?) {
                return Ok(Some(candidate));
            }
            work.check(candidate.id_json()?)?;
        }
        Ok(None)
    }
}

type Stored<'s> = Box<dyn Iterator<Item = Result<Candidate, SnapshotError>> + 's>;
type Entries<'s> = Box<dyn Iterator<Item = Result<IndexEntry, SnapshotError>> + 's>;

/// All that the plan reads, without what is not granted. Where it is in order, what is not behind the query's
/// cursor is left out.
pub(crate) fn candidates<'s>(snapshot: &'s Snapshot, plan: &'s Plan, query: &'s Query) -> Candidates<'s> {
    Candidates { all: stored(snapshot, plan, query), granted: query.grants() }
}

/// How many entries of an index are looked at until so many granted ones of the query's page have come; `None` if
/// they are more than `most`.
pub(crate) fn entries_until(
    snapshot: &Snapshot,
    access: &IndexAccess,
    query: &Query,
    wanted: usize,
    most: usize,
) -> Result<Option<usize>, SnapshotError> {
    let (granted, after) = (query.grants(), query.after.as_ref().map(|cursor| &cursor.id));
    let (mut looked_at, mut found) = (0, 0);
    for entry in entries(snapshot, access, after) {
        if found == wanted {
            break;
        }
        if looked_at == most {
            return Ok(None);
        }
        looked_at += 1;
        found += usize::from(granted.has(entry?.id_json()?));
    }
    Ok(Some(looked_at))
}

fn stored<'s>(snapshot: &'s Snapshot, plan: &'s Plan, query: &'s Query) -> Stored<'s> {
    let after = query.after.as_ref().filter(|_| query.sort.is_empty()).map(|cursor| &cursor.id);
    match &plan.access {
        Access::Nothing => Box::new(std::iter::empty()),
        Access::Ids(ids) => {
            let ids = ids.iter().filter(move |id| after.is_none_or(|after| *id > after));
            Box::new(ids.map(|id| Ok(Candidate::Id(id.clone()))))
        }
        Access::Counted | Access::Scan => {
            let from = after.map_or(IdBound::Unbounded, |id| IdBound::Excluded(id.as_json().to_owned()));
            documents(snapshot, query, from, IdBound::Unbounded)
        }
        Access::IdRanges(ranges) => {
            let of_range = move |range: &'s crate::id_ranges::IdRange| {
                let (from, to) = range.bounds();
                let from = match after {
                    Some(after) if *after.as_json() >= *range.start => IdBound::Excluded(after.as_json().to_owned()),
                    _ => from,
                };
                documents(snapshot, query, from, to)
            };
            Box::new(ranges.iter().flat_map(of_range))
        }
        Access::Index(access) => {
            let after = query.after.as_ref().map(|cursor| &cursor.id);
            Box::new(entries(snapshot, access, after).map(|entry| Ok(Candidate::Entry(entry?))))
        }
    }
}

fn documents<'s>(snapshot: &'s Snapshot, query: &Query, from: IdBound, to: IdBound) -> Stored<'s> {
    let documents = snapshot.raw_documents(&query.collection, from, to);
    Box::new(documents.map(|document| Ok(Candidate::Document(document?))))
}

fn entries<'s>(snapshot: &'s Snapshot, access: &'s IndexAccess, after: Option<&DocumentId>) -> Entries<'s> {
    let index = &access.index;
    match &access.order {
        IndexOrder::Other => Box::new(access.spans.iter().flat_map(|span| snapshot.index_entries(index, span, false))),
        IndexOrder::ById => merged(snapshot, index, &access.spans, after.map(DocumentId::as_json)),
        IndexOrder::BySort(sorted) => {
            let values = values(snapshot, access, sorted);
            let Some(nulls) = &sorted.nulls else { return values };
            let sought = sorted.after.as_ref();
            let is_among_nulls = sought.is_some_and(|sought| sought.components.is_none());
            let id = sought.filter(|_| is_among_nulls).map(|sought| &sought.id_json[..]);
            let nulls = || merged(snapshot, index, nulls, id);
            match (sorted.nulls_first, sought.is_some(), is_among_nulls) {
                (true, true, false) => values,
                (true, ..) => Box::new(nulls().chain(values)),
                (false, _, true) => nulls(),
                (false, ..) => Box::new(values.chain(nulls())),
            }
        }
    }
}

/// Entries of spans that each hold one value only, so that they are in the order of ids, in the
/// order of ids of all, from behind an id on.
fn merged<'s>(snapshot: &'s Snapshot, index: &'s ReadIndex, spans: &[Span], after: Option<&str>) -> Entries<'s> {
    let behind = |span: &Span| match after {
        None => span.clone(),
        Some(id) => span.clone().behind(span.components(), id),
    };
    if let [span] = spans {
        return Box::new(snapshot.index_entries(index, &behind(span), false));
    }
    let mut streams: Vec<_> = spans.iter().map(|span| snapshot.index_entries(index, &behind(span), false)).collect();
    let mut heads: BinaryHeap<Reverse<(String, usize)>> = BinaryHeap::new();
    let mut waiting: Vec<Option<IndexEntry>> = streams.iter().map(|_| None).collect();
    let mut to_advance: Vec<usize> = (0..streams.len()).collect();
    Box::new(std::iter::from_fn(move || {
        while let Some(at) = to_advance.pop() {
            match streams[at].next() {
                None => {}
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(entry)) => {
                    match entry.id_json() {
                        Ok(id) => heads.push(Reverse((id.to_owned(), at))),
                        Err(error) => return Some(Err(error)),
                    }
                    waiting[at] = Some(entry);
                }
            }
        }
        let Reverse((_, at)) = heads.pop()?;
        to_advance.push(at);
        waiting[at].take().map(Ok)
    }))
}

/// Entries with something else than null at the sort keys, in order, from behind the sought one on.
fn values<'s>(snapshot: &'s Snapshot, access: &'s IndexAccess, sorted: &SortedEntries) -> Entries<'s> {
    let index = &access.index;
    let sought = sorted.after.as_ref().and_then(|sought| Some((sought.components.clone()?, sought.id_json.clone())));
    if !sorted.backwards {
        let behind = move |span: &Span| match &sought {
            Some((components, id)) => span.clone().behind(components, id),
            None => span.clone(),
        };
        return Box::new(access.spans.iter().flat_map(move |span| snapshot.index_entries(index, &behind(span), false)));
    }
    let group = sought.as_ref().map(|(components, id)| (group(index, components), components, id));
    let rest = group.as_ref().map(|(group, components, id)| {
        let rest = group.clone().behind(components, id);
        snapshot.index_entries(index, &rest, false)
    });
    let until = group.map(|(group, ..)| group);
    let before = move |span: &Span| match &until {
        Some(group) => span.clone().until(group),
        None => span.clone(),
    };
    let backwards = access.spans.iter().rev().flat_map(move |span| Backwards::of(snapshot, index, before(span)));
    Box::new(rest.into_iter().flatten().chain(backwards))
}

/// All entries with these components.
fn group(index: &ReadIndex, components: &[u8]) -> Span {
    Span::of_components(&index.definition, index.definition.keys.len(), components.to_vec())
}

/// The entries of a span, the last first, but those with equal values in the order of ids.
struct Backwards<'s> {
    snapshot: &'s Snapshot,
    index: &'s ReadIndex,
    span: Span,
    /// Backwards, as they lie.
    entries: Entries<'s>,
    /// Of the next group.
    next: Option<IndexEntry>,
    /// Of a short group, to be given from the end on.
    turned: Vec<IndexEntry>,
    /// Of a long one.
    long: Option<Entries<'s>>,
}

impl<'s> Backwards<'s> {
    fn of(snapshot: &'s Snapshot, index: &'s ReadIndex, span: Span) -> Self {
        let entries = Box::new(snapshot.index_entries(index, &span, true));
        Self { snapshot, index, span, entries, next: None, turned: Vec::new(), long: None }
    }

    /// Reads the next group.
    fn advance(&mut self) -> Result<bool, SnapshotError> {
        let Some(first) = self.next.take().map(Ok).or_else(|| self.entries.next()).transpose()? else {
            return Ok(false);
        };
        self.turned.push(first);
        while let Some(entry) = self.entries.next().transpose()? {
            if entry.components() != self.turned[0].components() {
                self.next = Some(entry);
                break;
            }
            self.turned.push(entry);
            if self.turned.len() > TURNED_ENTRIES_MAX {
                let group = group(self.index, self.turned[0].components());
                self.turned.clear();
                self.long = Some(Box::new(self.snapshot.index_entries(self.index, &group, false)));
                let before = self.span.clone().until(&group);
                self.entries = Box::new(self.snapshot.index_entries(self.index, &before, true));
                break;
            }
        }
        Ok(true)
    }
}

impl Iterator for Backwards<'_> {
    type Item = Result<IndexEntry, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.turned.pop() {
                return Some(Ok(entry));
            }
            if let Some(entry) = self.long.as_mut().and_then(Iterator::next) {
                return Some(entry);
            }
            self.long = None;
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
