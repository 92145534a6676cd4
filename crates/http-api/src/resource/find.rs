//! `POST` and `GET store/find`.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use document::{CollectionName, DocumentId, Map};
use query::Filter;
use store::Snapshot;
use wire::find::{DocumentsReply, FindRequest, SerializedAs, write_query_details};

use crate::{
    call::Call,
    failure::Failure,
    reading::{self, Extent, Match},
    reply,
    sorting::Smallest,
    state::Shared,
    work::Work,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let request = FindRequest::parse(call.body())?;
    call.demand(Permission::Read, &request.collection)?;
    let filter = reading::parse_filter("query", &request.query.query, &request.query.args)?;
    call.wait_for_txn(&state).await?;
    if request.describe {
        let mut body = Vec::new();
        write_query_details(&mut body, filter.ids().is_some(), call.app.newest_txn().0);
        return Ok(reply::json(StatusCode::OK, body));
    }
    let extent = Extent::of(&filter);
    let reply = reading::reply(&state, &call.app, extent, move |snapshot, work| {
        let mut reply = DocumentsReply::default();
        if request.sort.is_empty() {
            in_order_of_ids(snapshot, &request, &filter, work, &mut reply)?;
        } else {
            sorted(snapshot, &request, &filter, work, &mut reply)?;
        }
        Ok(reply.finish(snapshot.txn_id().0))
    });
    reply.await
}

/// Stops at the last document that is asked for.
fn in_order_of_ids(
    snapshot: &Snapshot,
    request: &FindRequest,
    filter: &Filter,
    work: &mut Work,
    reply: &mut DocumentsReply,
) -> Result<(), Failure> {
    let (mut to_skip, mut to_take) = (request.offset, request.limit);
    if to_take == 0 {
        return Ok(());
    }
    reading::for_each_match(snapshot, &request.collection, filter, work, |found, work| {
        if to_skip > 0 {
            to_skip -= 1;
            return Ok(true);
        }
        push(reply, found, request.serialized_as, work)?;
        to_take -= 1;
        Ok(to_take > 0)
    })
}

/// Keeps ids and what is sorted by while it looks at every match; reads the documents of the page again at the end.
fn sorted(
    snapshot: &Snapshot,
    request: &FindRequest,
    filter: &Filter,
    work: &mut Work,
    reply: &mut DocumentsReply,
) -> Result<(), Failure> {
    let mut smallest = Smallest::new(&request.sort, request.offset.saturating_add(request.limit));
    reading::for_each_match(snapshot, &request.collection, filter, work, |found, _| {
        smallest.push(found.id, &found.fields)?;
        Ok(true)
    })?;
    for id in smallest.into_ids().into_iter().skip(request.offset) {
        work.check()?;
        let found = read_again(snapshot, &request.collection, id)?;
        push(reply, found, request.serialized_as, work)?;
    }
    Ok(())
}

fn read_again(snapshot: &Snapshot, collection: &CollectionName, id: DocumentId) -> Result<Match, Failure> {
    let stored = snapshot.document(collection, &id)?.expect("a snapshot does not change");
    let fields = stored.document.value().expect("a snapshot does not change");
    Ok(Match { id, document: stored.document, fields })
}

fn push(reply: &mut DocumentsReply, found: Match, serialized_as: SerializedAs, work: &mut Work) -> Result<(), Failure> {
    let fields: Map = match serialized_as {
        SerializedAs::LatestValues => found.fields,
        SerializedAs::LatestValuesAndTypes => found.document.value_with_types().expect("it has a value"),
    };
    reply.push(&found.id, &fields);
    work.make_room(reply.len())
}
