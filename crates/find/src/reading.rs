//! Reading by a plan.
//!
//! Invariants: the filter is asked about every document that is given, but where the entries of an
//! index tell all that is asked for; a document that is looked at is decoded once, and only in the
//! fields that somebody needs: the filter, the order, or the caller.

use std::collections::BTreeSet;

use document::{CollectionName, Document, DocumentId, Map, PathSegment};
use query::{Budget, IdRules, Language};
use store::{RawDocument, Snapshot, SnapshotError};

use crate::{
    Cursor, Query, SortKey, Work,
    limits::COUNTED_AT_ONCE,
    plan::{Access, Plan},
    sorting::{Smallest, SortPlace, properties, values},
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

/// The document with this id; `None` if there is none, it was removed, or it is not among `granted` (`None`: all are).
///
/// # Errors
/// Where it cannot be read.
pub fn by_id(
    snapshot: &Snapshot,
    collection: &CollectionName,
    id: &DocumentId,
    granted: Option<&IdRules>,
) -> Result<Option<Found>, SnapshotError> {
    if granted.is_some_and(|rules| !rules.grants(collection.as_str(), id)) {
        return Ok(None);
    }
    let Some(stored) = snapshot.raw_document(collection, id.as_json())? else { return Ok(None) };
    Ok(stored.exists()?.then(|| Found { id: id.clone(), stored }))
}

/// The place behind a document in the order of a query in the legacy language. `fields` are at least
/// those that are sorted by.
pub fn place_behind(query: &Query, id: &DocumentId, fields: &Map) -> Cursor {
    let values = values(&properties(&query.sort, query.filter.language()), id, fields);
    SortPlace { id: id.clone(), values }.into_cursor()
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
/// to `limit`, the place after the last of them; by DQL there is none.
///
/// # Errors
/// What `work` says, what `take` says, and what comes of the documents and the query.
pub fn documents<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    mut take: impl FnMut(Found, &mut W) -> Result<bool, W::Error>,
) -> Result<Option<Cursor>, W::Error> {
    let goes_on = query.filter.language() == Language::Legacy;
    let mut next = None;
    if !plan.is_in_order {
        sorted(snapshot, plan, query, work, |place, stored, is_last, work| {
            let id = place.id.clone();
            next = (is_last && goes_on).then(|| place.into_cursor());
            take(Found { id, stored }, work)
        })?;
        return Ok(next);
    }
    let reader = if goes_on { Reader::of(snapshot, query).with_sort() } else { Reader::of(snapshot, query) };
    let properties = properties(&query.sort, query.filter.language());
    in_order(&reader, plan, work, |found, fields, is_last, work| {
        next = (is_last && goes_on).then(|| {
            let (id, values) = (found.id.clone(), values(&properties, &found.id, &fields));
            SortPlace { id, values }.into_cursor()
        });
        take(found, work)
    })?;
    Ok(next)
}

/// Gives what is asked for to `take` as [`documents`], but not the stored documents: their ids, and
/// at least the fields of these names, sorted and each once, decoded; without names, all fields.
///
/// # Errors
/// As [`documents`].
pub fn rows<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    names: Option<&[&str]>,
    work: &mut W,
    mut take: impl FnMut(&DocumentId, &Map, &mut W) -> Result<bool, W::Error>,
) -> Result<(), W::Error> {
    if plan.is_in_order {
        let reader = Reader::of(snapshot, query).with(names);
        return in_order(&reader, plan, work, |found, fields, _, work| take(&found.id, &fields, work));
    }
    sorted(snapshot, plan, query, work, |place, stored, _, work| {
        let fields = fields_of(&stored, names)?.expect("a snapshot does not change");
        take(&place.id, &fields, work)
    })
}

/// Gives the ids of what is asked for to `take`, in order, until it says `false`. Where an index
/// tells them, no document is read.
///
/// # Errors
/// As [`documents`].
pub fn documents_ids<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    mut take: impl FnMut(DocumentId, &mut W) -> Result<bool, W::Error>,
) -> Result<(), W::Error> {
    let covers = matches!(&plan.access, Access::Index(access) if access.covers_ids(query));
    if plan.is_in_order && !covers {
        return in_order(&Reader::of(snapshot, query), plan, work, |found, _, _, work| take(found.id, work));
    }
    if !plan.is_in_order {
        let places = match covers {
            true => places_of_entries(snapshot, plan, query, work)?,
            false => places(snapshot, plan, query, work)?,
        };
        for place in places.into_places().skip(query.offset) {
            if !take(place.id, work)? {
                break;
            }
        }
        return Ok(());
    }
    let wanted = query.limit.unwrap_or(usize::MAX).saturating_add(query.offset);
    let mut candidates = candidates(snapshot, plan, query);
    for n in 0..wanted {
        let Some(candidate) = candidates.next(work)? else { break };
        let id_json = candidate.id_json()?;
        if n % COUNTED_AT_ONCE == 0 {
            work.check(id_json)?;
        }
        if n >= query.offset && !take(candidate.id()?, work)? {
            break;
        }
    }
    Ok(())
}

/// How many match.
///
/// # Errors
/// As [`documents`].
pub fn count<W: Work>(snapshot: &Snapshot, plan: &Plan, query: &Query, work: &mut W) -> Result<u64, W::Error> {
    let mut count = 0;
    match &plan.access {
        Access::Counted => return Ok(snapshot.documents_in(&query.collection)?),
        Access::Index(access) if access.is_exact && !query.grants().is_all() => {
            let mut candidates = candidates(snapshot, plan, query);
            while let Some(candidate) = candidates.next(work)? {
                work.check(candidate.id_json()?)?;
                count += 1;
            }
            return Ok(count);
        }
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
    let reader = Reader::of(snapshot, query);
    let mut candidates = candidates(snapshot, plan, query);
    while let Some(candidate) = candidates.next(work)? {
        if let Some((found, _)) = reader.look(candidate, work)?
            && !take(found.id)
        {
            break;
        }
    }
    Ok(())
}

/// Stops at the last document that is asked for; `take` is told which that is.
fn in_order<W: Work>(
    reader: &Reader<'_>,
    plan: &Plan,
    work: &mut W,
    mut take: impl FnMut(Found, Map, bool, &mut W) -> Result<bool, W::Error>,
) -> Result<(), W::Error> {
    let query = reader.query;
    let is_exact = matches!(&plan.access, Access::Index(access) if access.is_exact);
    let (mut to_skip, mut to_take) = (query.offset, query.limit);
    if to_take == Some(0) {
        return Ok(());
    }
    let mut candidates = candidates(reader.snapshot, plan, query);
    while let Some(candidate) = candidates.next(work)? {
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
        let is_last = to_take == Some(0);
        if !take(found, fields, is_last, work)? || is_last {
            break;
        }
    }
    Ok(())
}

/// Reads the documents of the page again at the end; `take` is told which is the last that is asked
/// for.
fn sorted<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
    mut take: impl FnMut(SortPlace, RawDocument, bool, &mut W) -> Result<bool, W::Error>,
) -> Result<(), W::Error> {
    let places = places(snapshot, plan, query, work)?.into_places();
    for (n, place) in places.skip(query.offset).enumerate() {
        work.check(place.id.as_json())?;
        let stored = snapshot.raw_document(&query.collection, place.id.as_json())?;
        let stored = stored.expect("a snapshot does not change");
        if !take(place, stored, query.limit == Some(n + 1), work)? {
            break;
        }
    }
    Ok(())
}

/// Keeps ids and what is sorted by while it looks at every match. They are in order, those that
/// `offset` leaves out too.
fn places<W: Work>(snapshot: &Snapshot, plan: &Plan, query: &Query, work: &mut W) -> Result<Smallest, W::Error> {
    let mut smallest = smallest(query);
    if query.limit != Some(0) {
        let reader = Reader::of(snapshot, query).with_sort();
        let mut candidates = candidates(snapshot, plan, query);
        while let Some(candidate) = candidates.next(work)? {
            if let Some((found, fields)) = reader.look(candidate, work)? {
                smallest.push(found.id, &fields)?;
                work.keeps(smallest.bytes())?;
            }
        }
    }
    Ok(smallest)
}

/// The same by ids alone, where the entries of an index tell them.
fn places_of_entries<W: Work>(
    snapshot: &Snapshot,
    plan: &Plan,
    query: &Query,
    work: &mut W,
) -> Result<Smallest, W::Error> {
    let mut smallest = smallest(query);
    let (mut candidates, mut n) = (candidates(snapshot, plan, query), 0);
    while let Some(candidate) = candidates.next(work)? {
        if n % COUNTED_AT_ONCE == 0 {
            work.check(candidate.id_json()?)?;
        }
        n += 1;
        smallest.push(candidate.id()?, &Map::new())?;
    }
    Ok(smallest)
}

fn smallest(query: &Query) -> Smallest {
    let count_max = query.limit.map_or(usize::MAX, |limit| limit.saturating_add(query.offset));
    let properties = properties(&query.sort, query.filter.language());
    Smallest::new(properties, count_max, query.after.as_ref())
}

/// Looks at candidates.
struct Reader<'q> {
    snapshot: &'q Snapshot,
    query: &'q Query,
    /// The fields that matter, sorted; `None`: all.
    names: Option<Vec<&'q str>>,
    asks: bool,
    /// Without a budget.
    asks_for_nothing: bool,
}

impl<'q> Reader<'q> {
    /// Of what the filter looks at.
    fn of(snapshot: &'q Snapshot, query: &'q Query) -> Self {
        let names = Some(query.filter.field_names());
        let (asks, asks_for_nothing) = (!query.filter.is_always(), query.is_asked_for_nothing());
        Self { snapshot, query, names, asks, asks_for_nothing }
    }

    /// And of what is sorted by.
    fn with_sort(self) -> Self {
        let of_key = |key: &'q SortKey| match key.path.segments.first() {
            Some(PathSegment::Field(name)) => Some(name.as_str()),
            _ => None,
        };
        let names: Vec<_> = self.query.sort.iter().filter_map(of_key).collect();
        self.with(Some(&names))
    }

    /// And of fields of these names; `None`: of all.
    fn with(mut self, names: Option<&[&'q str]>) -> Self {
        self.names = self.names.zip(names).map(|(known, more)| {
            let all: BTreeSet<&str> = known.into_iter().chain(more.iter().copied()).collect();
            all.into_iter().collect()
        });
        self
    }

    /// The document and the fields that matter, if it matches.
    fn look<W: Work>(&self, candidate: Candidate, work: &mut W) -> Result<Option<(Found, Map)>, W::Error> {
        work.check(candidate.id_json()?)?;
        let Some(stored) = candidate.read(self.snapshot, &self.query.collection)? else { return Ok(None) };
        let Some(fields) = fields_of(&stored, self.names.as_deref())? else { return Ok(None) };
        let id = stored.id()?;
        if self.asks && !self.matches(&id, &fields, work)? {
            return Ok(None);
        }
        Ok(Some((Found { id, stored }, fields)))
    }

    fn matches<W: Work>(&self, id: &DocumentId, fields: &Map, work: &mut W) -> Result<bool, W::Error> {
        match self.asks_for_nothing {
            true => Ok(self.query.filter.matches(id, fields, &mut Budget::of_a_document())?),
            false => Ok(self.query.filter.matches(id, fields, work.budget())?),
        }
    }
}

/// At least the fields of these names, sorted; `None` if it was removed.
fn fields_of(stored: &RawDocument, names: Option<&[&str]>) -> Result<Option<Map>, SnapshotError> {
    match names {
        Some([]) => Ok(stored.exists()?.then(Map::new)),
        Some(names) => stored.fields(names),
        None => Ok(stored.decode()?.document.value()),
    }
}
