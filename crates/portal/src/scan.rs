//! Documents of a collection for one page: a bounded look, that says where it stopped so that the
//! next page goes on there.
//!
//! Invariants: removed documents are invisible; one look sees one snapshot; what need not be searched
//! takes no longer the more documents there are; few looks run at once, and fewer searches.
//! Not here: which way they are found by (`find`), statements (`statement`), showing them
//! (`page::documents`).

use std::sync::Arc;

use document::{CollectionName, Document, DocumentId, FieldType, Map, PathSegment};
use find::{Cursor, Operator, Plan, Query, SortKey};
use query::Filter;
use store::{App, Snapshot, StoredDocument};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    failure::Failure,
    glance::{Ended, Glance, ended},
    limits::{COUNT_TIME_MAX, SCANS_MAX, SEARCHES_MAX},
    options::SearchBounds,
};

/// Room for looks at collections.
#[derive(Debug)]
pub(crate) struct Scans {
    bounds: SearchBounds,
    room: Arc<Semaphore>,
    searches: Arc<Semaphore>,
}

/// What to look for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) collection: CollectionName,
    pub(crate) filter: Filter,
    /// None: in the order of ids.
    pub(crate) sort: Option<SortKey>,
    /// Only documents behind this place in that order.
    pub(crate) after: Option<Cursor>,
    /// How many to find at most.
    pub(crate) take: usize,
}

/// What was found, and how far it looked.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) found: Vec<Seen>,
    pub(crate) looked_at: usize,
    /// Where to go on, unless the end was reached.
    pub(crate) next: Option<Cursor>,
    pub(crate) reach: Reach,
    /// Documents of the collection.
    pub(crate) in_collection: u64,
    /// How many match; `None` where that is not known.
    pub(crate) matches: Option<u64>,
    /// Whether every document of the collection is looked at for it.
    pub(crate) scans: bool,
}

/// How far a look came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the end, or to as many as were wanted.
    Whole,
    /// It had looked long enough. What it found are the first ones.
    Beginning,
    /// The same, before it could say which are the first.
    Nothing,
}

/// A document that matches.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: DocumentId,
    pub(crate) fields: Map,
    /// Which of the fields are attachments' tokens.
    pub(crate) tokens: Vec<String>,
}

impl Scans {
    pub(crate) fn new(bounds: SearchBounds) -> Self {
        Self { bounds, room: Arc::new(Semaphore::new(SCANS_MAX)), searches: Arc::new(Semaphore::new(SEARCHES_MAX)) }
    }

    /// Looks, on a blocking thread; waits for its turn where it has to search.
    pub(crate) async fn look(&self, app: Arc<App>, search: Search) -> Result<Sight, Failure> {
        let is_search = search.sort.is_some() || !search.filter.is_always();
        let _turn = if is_search { Some(self.search_turn().await) } else { None };
        let bounds = self.bounds;
        self.run(app, move |_, snapshot| look(snapshot, &search, bounds)).await
    }

    /// A turn for what may look at much, for as long as it is held.
    pub(crate) async fn search_turn(&self) -> OwnedSemaphorePermit {
        self.searches.clone().acquire_owned().await.expect("this semaphore is never closed")
    }

    /// Runs what looks at one snapshot, on a blocking thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        app: Arc<App>,
        look: impl FnOnce(&App, &Snapshot) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let permit = self.room.clone().acquire_owned().await.expect("this semaphore is never closed");
        let look = move || {
            let _permit = permit;
            look(&app, &app.snapshot()?)
        };
        tokio::task::spawn_blocking(look).await?
    }
}

/// One document, or its tombstone, on a blocking thread; `None` if it was never written.
pub(crate) async fn document(
    app: &Arc<App>,
    collection: &CollectionName,
    id: &DocumentId,
) -> Result<Option<StoredDocument>, Failure> {
    let (app, collection, id) = (app.clone(), collection.clone(), id.clone());
    let read = move || app.snapshot()?.document(&collection, &id);
    Ok(tokio::task::spawn_blocking(read).await??)
}

fn look(snapshot: &Snapshot, search: &Search, bounds: SearchBounds) -> Result<Sight, Failure> {
    let query = search.query();
    let plan = find::plan(snapshot, &query)?;
    let scans = plan.operators(&query).contains(&Operator::Scan);
    let mut sight = by_best_plan(snapshot, search, &query, &plan, bounds)?;
    sight.in_collection = snapshot.documents_in(&search.collection)?;
    sight.scans = scans && !(search.filter.is_always() && search.sort.is_none());
    let is_all = search.after.is_none() && sight.next.is_none() && sight.reach == Reach::Whole;
    sight.matches = match is_all {
        true => Some(sight.found.len() as u64),
        false if search.filter.is_always() => Some(sight.in_collection),
        false => count(snapshot, search, bounds)?,
    };
    Ok(sight)
}

/// What would be in order only when all was looked at cannot be broken off: where that takes too
/// long, documents are looked at in the order of ids, if that is the order.
fn by_best_plan(
    snapshot: &Snapshot,
    search: &Search,
    query: &Query,
    plan: &Plan,
    bounds: SearchBounds,
) -> Result<Sight, Failure> {
    if plan.is_in_order() || search.sort.is_some() {
        return by(snapshot, search, query, plan, bounds);
    }
    let a_part = SearchBounds { time_max: bounds.time_max / 4, ..bounds };
    let sight = by(snapshot, search, query, plan, a_part)?;
    match sight.reach {
        Reach::Nothing => by(snapshot, search, query, &find::plan_in_place(query), bounds),
        Reach::Whole | Reach::Beginning => Ok(sight),
    }
}

fn by(
    snapshot: &Snapshot,
    search: &Search,
    query: &Query,
    plan: &Plan,
    bounds: SearchBounds,
) -> Result<Sight, Failure> {
    let mut glance = Glance::of(bounds);
    let (mut found, mut next): (Vec<Seen>, _) = (Vec::new(), None);
    let looked = find::documents(snapshot, plan, query, &mut glance, |one, _| {
        if found.len() == search.take {
            next = found.last().map(|last| find::place_behind(query, &last.id, &last.fields));
            return Ok(false);
        }
        let document = one.document()?;
        let (fields, tokens) = (document.value().unwrap_or_default(), tokens(&document));
        found.push(Seen { id: one.id, fields, tokens });
        Ok(true)
    });
    let reach = match ended(looked)? {
        Ended::Here => Reach::Whole,
        Ended::Cut if !plan.is_in_order() => Reach::Nothing,
        Ended::Cut => {
            next = search.behind_last(&found, &glance.last);
            // Nowhere to go on from: the next look would be the same.
            if next.is_some() { Reach::Beginning } else { Reach::Nothing }
        }
    };
    let (looked_at, in_collection, matches, scans) = (glance.looked_at, 0, None, false);
    Ok(Sight { found, looked_at, next, reach, in_collection, matches, scans })
}

/// The document's own fields that are attachments' tokens; not those deeper in it.
fn tokens(document: &Document) -> Vec<String> {
    let mut has_any = false;
    document.for_each_token(&mut |_| has_any = true);
    if !has_any {
        return Vec::new();
    }
    let names = document.fields().into_iter().filter(|field| field.kind == FieldType::Attachment);
    let names = names.filter_map(|field| match <[PathSegment; 1]>::try_from(field.path.segments) {
        Ok([PathSegment::Field(name)]) => Some(name),
        _ => None,
    });
    names.collect()
}

/// How many match, where that is told soon.
fn count(snapshot: &Snapshot, search: &Search, bounds: SearchBounds) -> Result<Option<u64>, Failure> {
    let query = Query::of(search.collection.clone(), search.filter.clone());
    let plan = find::plan_count(snapshot, &query)?;
    let mut glance = Glance::of(SearchBounds { time_max: COUNT_TIME_MAX, ..bounds });
    let mut matches = None;
    let counted = find::count(snapshot, &plan, &query, &mut glance).map(|count| matches = Some(count));
    ended(counted)?;
    Ok(matches)
}

impl Search {
    /// One more than is wanted tells whether there are more.
    fn query(&self) -> Query {
        Query {
            sort: self.sort.iter().cloned().collect(),
            limit: Some(self.take + 1),
            after: self.after.clone(),
            ..Query::of(self.collection.clone(), self.filter.clone())
        }
    }

    /// Where a look goes on that was broken off: in the order of ids behind the last document that
    /// it looked at, in another one behind the last that matched.
    fn behind_last(&self, found: &[Seen], last_id_json: &str) -> Option<Cursor> {
        match self.sort {
            None => DocumentId::from_json(last_id_json).ok().map(Cursor::after_id),
            Some(_) => found.last().map(|last| find::place_behind(&self.query(), &last.id, &last.fields)),
        }
    }
}
