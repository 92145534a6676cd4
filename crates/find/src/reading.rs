//! Reading by a plan.
//!
//! Invariants: the filter is asked about every document that is given; only the fields that it and
//! the order name are decoded of those that are not.

use std::collections::BTreeSet;

use document::{CollectionName, Document, DocumentId, Map, PathSegment};
use store::{RawDocument, Snapshot, SnapshotError};

use crate::{
    Cursor, Query, Work,
    limits::COUNTED_AT_ONCE,
    plan::{Access, Plan},
    sorting::{Smallest, properties, values},
    streams::{Candidate, candidates},
};

/// A document that matches.
#[derive(Debug)]
pub struct Found {
    /// Its id.
    pub id: DocumentId,
    /// All of it, as it is stored.
    pub stored: RawDocument,
}

/// The document with this id; `None` if there is none, or it was removed.
///
/// # Errors
/// Where it cannot be read.
pub fn by_id(
    snapshot: &Snapshot,
    collection: &CollectionName,
    id: &DocumentId,
) -> Result<Option<Found>, SnapshotError> {
    let Some(stored) = snapshot.raw_document(collection, id.as_json())? else { return Ok(None) };
    Ok(stored.exists()?.then(|| Found { id: id.clone(), stored }))
}

impl Found {
    /// All of it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn document(&self) -> Result<Document, SnapshotError> {
        Ok(self.stored.decode()?.document)
    }
}

/// Gives the documents that are asked for to `take`, in order, until it says `false`. Where it went
/// to `limit`, the place after the last of them.
///
/// # Errors
/// What `work` says, what `take` says, and what comes of the documents and the query.
pub fn documents<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    take: impl FnMut(Found, &mut W) -> Result<bool, W::Error>,
) -> Result<Option<Cursor>, W::Error> {
    if query.limit == Some(0) {
        return Ok(None);
    }
    match plan.is_in_order {
        true => in_order(snapshot, plan, query, work, take),
        false => sorted(snapshot, plan, query, work, take),
    }
}

/// How many match.
///
/// # Errors
/// As [`documents`].
pub fn count<W: Work>(snapshot: &Snapshot, plan: &Plan, query: &Query, work: &mut W) -> Result<u64, W::Error> {
    let mut count = 0;
    match &plan.access {
        Access::Counted => return Ok(snapshot.documents_in(&query.collection)?),
        Access::Index(access) if access.is_exact => {
            for span in access.all_spans() {
                for (n, entry) in snapshot.index_entries(&access.index, span, false).enumerate() {
                    let entry = entry?;
                    if n % COUNTED_AT_ONCE == 0 {
                        work.check(entry.id_json()?)?;
                    }
                    count += 1;
                }
            }
            return Ok(count);
        }
        _ => {}
    }
    each_match(snapshot, plan, query, work, |_| {
        count += 1;
        true
    })?;
    Ok(count)
}

/// The ids of what matches, in their order; more than `ids_max` are not looked for.
///
/// # Errors
/// As [`documents`].
pub fn ids<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    ids_max: usize,
) -> Result<Vec<DocumentId>, W::Error> {
    let mut ids = Vec::new();
    if ids_max > 0 {
        each_match(snapshot, plan, query, work, |id| {
            ids.push(id);
            ids.len() < ids_max
        })?;
    }
    ids.sort();
    Ok(ids)
}

/// In any order, until `take` says `false`.
fn each_match<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    mut take: impl FnMut(DocumentId) -> bool,
) -> Result<(), W::Error> {
    let reader = Reader::of(snapshot, query, false);
    for candidate in candidates(snapshot, plan, query) {
        if let Some((found, _)) = reader.look(candidate?, work)?
            && !take(found.id)
        {
            break;
        }
    }
    Ok(())
}

/// Stops at the last document that is asked for.
fn in_order<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    mut take: impl FnMut(Found, &mut W) -> Result<bool, W::Error>,
) -> Result<Option<Cursor>, W::Error> {
    let reader = Reader::of(snapshot, query, true);
    let properties = properties(&query.sort);
    let is_exact = matches!(&plan.access, Access::Index(access) if access.is_exact);
    let (mut to_skip, mut to_take) = (query.offset, query.limit);
    for candidate in candidates(snapshot, plan, query) {
        let candidate = candidate?;
        if to_skip > 0 && is_exact {
            if to_skip % COUNTED_AT_ONCE == 0 {
                work.check(candidate.id_json()?)?;
            }
            to_skip -= 1;
            continue;
        }
        let Some((found, fields)) = reader.look(candidate, work)? else { continue };
        if to_skip > 0 {
            to_skip -= 1;
            continue;
        }
        to_take = to_take.map(|left| left - 1);
        if to_take == Some(0) {
            let place = Cursor { id: found.id.clone(), values: values(&properties, &found.id, &fields) };
            take(found, work)?;
            return Ok(Some(place));
        }
        if !take(found, work)? {
            break;
        }
    }
    Ok(None)
}

/// Keeps ids and what is sorted by while it looks at every match; reads the documents of the page
/// again at the end.
fn sorted<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    mut take: impl FnMut(Found, &mut W) -> Result<bool, W::Error>,
) -> Result<Option<Cursor>, W::Error> {
    let reader = Reader::of(snapshot, query, true);
    let count_max = query.limit.map_or(usize::MAX, |limit| limit.saturating_add(query.offset));
    let mut smallest = Smallest::new(properties(&query.sort), count_max, query.after.as_ref());
    for candidate in candidates(snapshot, plan, query) {
        if let Some((found, fields)) = reader.look(candidate?, work)? {
            smallest.push(found.id, &fields)?;
        }
    }
    let mut left = query.limit;
    for place in smallest.into_places().skip(query.offset) {
        work.check(place.id.as_json())?;
        let stored = snapshot.raw_document(&query.collection, place.id.as_json())?;
        let stored = stored.expect("a snapshot does not change");
        let goes_on = take(Found { id: place.id.clone(), stored }, work)?;
        left = left.map(|left| left - 1);
        if left == Some(0) {
            return Ok(Some(place));
        }
        if !goes_on {
            break;
        }
    }
    Ok(None)
}

/// Looks at candidates.
struct Reader<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    /// The fields that matter, sorted.
    names: Vec<&'q str>,
    asks: bool,
}

impl<'q> Reader<'q> {
    fn of(snapshot: &'q Snapshot, query: &'q Query, sorts: bool) -> Self {
        let mut names: BTreeSet<&str> = query.filter.field_names().into_iter().collect();
        if sorts {
            names.extend(query.sort.iter().filter_map(|key| match key.path.segments.first() {
                Some(PathSegment::Field(name)) => Some(name.as_str()),
                _ => None,
            }));
        }
        Self { snapshot, query, names: names.into_iter().collect(), asks: !query.filter.is_always() }
    }

    /// The document and the fields that matter, if it matches.
    fn look<W: Work>(&self, candidate: Candidate, work: &mut W) -> Result<Option<(Found, Map)>, W::Error> {
        work.check(candidate.id_json()?)?;
        let Some(stored) = candidate.read(self.snapshot, &self.query.collection)? else { return Ok(None) };
        let Some(fields) = self.fields(&stored)? else { return Ok(None) };
        let id = stored.id()?;
        if self.asks && !self.query.filter.matches(&id, &fields, work.budget())? {
            return Ok(None);
        }
        Ok(Some((Found { id, stored }, fields)))
    }

    fn fields(&self, stored: &RawDocument) -> Result<Option<Map>, SnapshotError> {
        match self.names.is_empty() {
            true => Ok(stored.exists()?.then(Map::new)),
            false => stored.fields(&self.names),
        }
    }
}
