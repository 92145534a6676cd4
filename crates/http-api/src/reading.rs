//! Reads documents on blocking threads, a bounded number at a time, and stops when nobody waits any more.
//!
//! Invariants: removed documents are invisible; one read sees one snapshot.

use std::{sync::Arc, time::Instant};

use axum::response::Response;
use document::{CollectionName, Document, DocumentId, Map, Value};
use query::{Filter, ParseError, Query};
use store::{App, Snapshot, SnapshotError};
use tokio::time::timeout;

use crate::{
    failure::Failure,
    limits, reply,
    state::State,
    work::{Share, Waiting, Work, room_within},
};

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

/// Runs `work` on a snapshot of `app`, on a blocking thread.
pub(crate) async fn read<T: Send + 'static>(
    state: &State,
    app: &Arc<App>,
    extent: Extent,
    work: impl FnOnce(&Snapshot, &mut Work) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    run(state, app, extent, None, work).await.map(|(done, _)| done)
}

/// As [`read`], for work whose result is a reply with documents: it counts toward the memory for replies until its client has taken it.
pub(crate) async fn reply(
    state: &State,
    app: &Arc<App>,
    extent: Extent,
    work: impl FnOnce(&Snapshot, &mut Work) -> Result<Vec<u8>, Failure> + Send + 'static,
) -> Result<Response, Failure> {
    let share = state.replies.share(extent.reply_bytes_max(), state.options.scan_timeout).await?;
    let (body, work) = run(state, app, extent, Some(share), |snapshot, own| {
        let mut body = work(snapshot, own)?;
        own.make_room(body.len())?;
        if body.capacity() > limits::REPLY_BYTES_SMALL {
            body.shrink_to_fit(); // what it grew into counts too
        }
        Ok(body)
    })
    .await?;
    let share = work.into_share(body.capacity());
    Ok(reply::json_with_share(body, share))
}

async fn run<T: Send + 'static>(
    state: &State,
    app: &Arc<App>,
    extent: Extent,
    share: Option<Share>,
    work: impl FnOnce(&Snapshot, &mut Work) -> Result<T, Failure> + Send + 'static,
) -> Result<(T, Work), Failure> {
    let waited = state.options.scan_timeout;
    let deadline = Instant::now() + waited;
    let (admission, turns) = match extent {
        Extent::One | Extent::Several => (None, &state.point_reads),
        Extent::Scan => (Some(room_within(&state.scans_admitted, 1, waited).await?), &state.scans),
    };
    let turn = room_within(turns, 1, deadline.saturating_duration_since(Instant::now())).await?;
    let waiting = Waiting::default();
    let mut own = Work::new(&waiting, deadline, turns, turn).with_share(share);
    let app = app.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let _admission = admission; // given back when the thread is free, not when the request ends
        let done = work(&app.snapshot()?, &mut own)?;
        own.end_turn();
        Ok((done, own))
    });
    timeout(waited, reading).await.map_err(|_| Failure::ReadLate { waited })??
}

/// A query's text with its arguments in place; `place` is where it stands in the request.
pub(crate) fn parse_filter(place: &str, text: &str, args: &Map) -> Result<Filter, Failure> {
    bind_filter(place, Query::parse(text), args)
}

/// As [`parse_filter`], for what changes or removes what it finds: a bare name is there no field but forgotten quotes.
pub(crate) fn parse_filter_for_change(place: &str, text: &str, args: &Map) -> Result<Filter, Failure> {
    bind_filter(place, Query::parse_for_change(text), args)
}

fn bind_filter(place: &str, query: Result<Query, ParseError>, args: &Map) -> Result<Filter, Failure> {
    let query = query.map_err(|error| Failure::Query { place: place.to_owned(), error })?;
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
    work: &mut Work,
    mut take: impl FnMut(Match, &mut Work) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let Some(mut ids) = filter.ids() else {
        for entry in snapshot.scan(collection) {
            work.check()?;
            let (id, stored) = entry?;
            if let Some(found) = matching(filter, id, stored.document, work)?
                && !take(found, work)?
            {
                break;
            }
        }
        return Ok(());
    };
    ids.sort();
    ids.dedup();
    for id in ids {
        work.check()?;
        if let Some(stored) = snapshot.document(collection, &id)?
            && let Some(found) = matching(filter, id, stored.document, work)?
            && !take(found, work)?
        {
            break;
        }
    }
    Ok(())
}

/// How many documents a collection has.
pub(crate) fn count(snapshot: &Snapshot, collection: &CollectionName, work: &mut Work) -> Result<u64, Failure> {
    let mut count = 0;
    for entry in snapshot.scan(collection) {
        work.check()?;
        count += u64::from(entry?.1.document.exists());
    }
    Ok(count)
}

fn matching(filter: &Filter, id: DocumentId, document: Document, work: &mut Work) -> Result<Option<Match>, Failure> {
    let Some(fields) = document.value() else { return Ok(None) };
    let matches = filter.matches(&id, &fields, &mut work.budget)?;
    Ok(matches.then_some(Match { id, document, fields }))
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
