//! Reads documents on blocking threads, a bounded number at a time, and stops when nobody waits any more.
//!
//! Invariants: removed documents are invisible; one read sees one snapshot.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::response::Response;
use document::{CollectionName, Document, DocumentId, Map, Value};
use query::{Filter, Query};
use store::{App, Snapshot, SnapshotError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{api::State, failure::Failure, limits, reply};

/// How much a read looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One document.
    One,
    /// Several named documents.
    Several,
    /// A collection.
    Scan,
}

impl Extent {
    /// What finding a filter's documents takes.
    pub(crate) fn of(filter: &Filter) -> Self {
        match filter.ids() {
            Some(ids) if ids.len() <= 1 => Extent::One,
            Some(_) => Extent::Several,
            None => Extent::Scan,
        }
    }

    fn reply_bytes_max(self) -> usize {
        match self {
            Extent::One => limits::REPLY_BYTES_ONE,
            Extent::Several | Extent::Scan => limits::REPLY_BYTES_MAX,
        }
    }
}

/// Tells a read that nobody waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    /// To be asked once a document.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Relaxed) { Err(Failure::ReadAbandoned) } else { Ok(()) }
    }
}

/// Sets the flag when the request ends, for whatever reason.
struct Waiting(Abandoned);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` on a snapshot of `app`, on a blocking thread.
pub(crate) async fn read<T: Send + 'static>(
    state: &State,
    app: &Arc<App>,
    extent: Extent,
    work: impl FnOnce(&Snapshot, &Abandoned) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let waited = state.options.scan_timeout;
    let room = match extent {
        Extent::One | Extent::Several => &state.point_reads,
        Extent::Scan => &state.scans,
    };
    let permit = wait_for_room(room, 1, waited).await?;
    let waiting = Waiting(Abandoned(Arc::default()));
    let (app, abandoned) = (app.clone(), waiting.0.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let _permit = permit; // given back when the thread is free, not when the request ends
        work(&app.snapshot()?, &abandoned)
    });
    timeout(waited, reading).await.map_err(|_| Failure::ReadLate { waited })??
}

/// As [`read`], for work whose result is a reply with documents: it counts toward the memory for replies until it is sent.
pub(crate) async fn reply(
    state: &State,
    app: &Arc<App>,
    extent: Extent,
    work: impl FnOnce(&Snapshot, &Abandoned) -> Result<Vec<u8>, Failure> + Send + 'static,
) -> Result<Response, Failure> {
    let kib = (extent.reply_bytes_max() / 1024) as u32;
    let mut share = wait_for_room(&state.replies_kib, kib, state.options.scan_timeout).await?;
    let body = read(state, app, extent, work).await?;
    let spare = share.num_permits().saturating_sub(body.len().div_ceil(1024));
    drop(share.split(spare));
    Ok(reply::json_with_share(body, share))
}

async fn wait_for_room(
    room: &Arc<Semaphore>,
    permits: u32,
    at_most: Duration,
) -> Result<OwnedSemaphorePermit, Failure> {
    match timeout(at_most, room.clone().acquire_many_owned(permits)).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::ReadsBusy),
    }
}

/// A query's text with its arguments in place; `place` is where it stands in the request.
pub(crate) fn parse_filter(place: &str, text: &str, args: &Map) -> Result<Filter, Failure> {
    let query = Query::parse(text).map_err(|error| Failure::Query { place: place.to_owned(), error })?;
    query.bind(args).map_err(|error| Failure::QueryArgs { place: place.replace("query", "args"), error })
}

/// A document that matches.
pub(crate) struct Match {
    pub(crate) id: DocumentId,
    pub(crate) document: Document,
    /// What a reader sees.
    pub(crate) fields: Map,
}

/// Calls `take` for each matching document in the order of ids, until it says `false`.
pub(crate) fn for_each_match(
    snapshot: &Snapshot,
    collection: &CollectionName,
    filter: &Filter,
    abandoned: &Abandoned,
    mut take: impl FnMut(Match) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let Some(mut ids) = filter.ids() else {
        for entry in snapshot.scan(collection) {
            abandoned.check()?;
            let (id, stored) = entry?;
            if let Some(found) = matching(filter, id, stored.document)
                && !take(found)?
            {
                break;
            }
        }
        return Ok(());
    };
    ids.sort();
    ids.dedup();
    for id in ids {
        abandoned.check()?;
        if let Some(stored) = snapshot.document(collection, &id)?
            && let Some(found) = matching(filter, id, stored.document)
            && !take(found)?
        {
            break;
        }
    }
    Ok(())
}

fn matching(filter: &Filter, id: DocumentId, document: Document) -> Option<Match> {
    let fields = document.value()?;
    filter.matches(&id, &fields).then_some(Match { id, document, fields })
}

/// One document as a reader sees it.
pub(crate) fn visible(
    snapshot: &Snapshot,
    collection: &CollectionName,
    id: &DocumentId,
) -> Result<Option<Map>, SnapshotError> {
    Ok(snapshot.document(collection, id)?.and_then(|stored| stored.document.value()))
}

/// About how much memory a value takes, in bytes.
pub(crate) fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Map(map) => weight_of_map(map),
    };
    size_of::<Value>() + inside
}

/// As [`weight`].
pub(crate) fn weight_of_map(map: &Map) -> usize {
    map.iter().map(|(name, value)| size_of::<String>() + name.len() + weight(value)).sum()
}
