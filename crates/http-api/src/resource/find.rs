//! `POST` and `GET store/find`.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use document::Map;
use find::{Cursor, Fingerprint, Found, Operator, Query, SortKey};
use query::Filter;
use store::Snapshot;
use wire::find::{DocumentsReply, FindRequest, QueryDetails, SerializedAs, write_query_details};

use crate::{
    call::Call,
    failure::Failure,
    reading::{self, Begun, Extent, ReplyForm},
    reply,
    state::Shared,
    work::Work,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let request = FindRequest::parse(call.body())?;
    call.demand(Permission::Read, &request.collection)?;
    let filter = reading::parse_filter("query", &request.query.query, &request.query.args)?;
    let one_at_most = filter.ids().is_some_and(|ids| ids.len() <= 1);
    let (serialized_as, describe) = (request.serialized_as, request.describe);
    let (query, fingerprint) = query(request, filter)?;
    let query = query.granted_to(call.documents.readable());
    call.wait_for_txn(&state).await?;
    if describe {
        let body = reading::read(&state, &call.app, move |snapshot, _, _| details(snapshot, &query).map(Begun::Done));
        return Ok(reply::json(StatusCode::OK, body.await?));
    }
    let form = ReplyForm { extent: if one_at_most { Extent::One } else { Extent::Several }, gzip: call.takes_gzip };
    let reply = reading::reply(&state, &call.app, form, move |snapshot, work, let_in| {
        let plan = find::plan(snapshot, &query)?;
        if !plan.is_small() && let_in != Extent::Scan {
            return Ok(Begun::IsScan);
        }
        let mut reply = DocumentsReply::default();
        let next = find::documents(snapshot, &plan, &query, work, |found, work| {
            push(&mut reply, &found, serialized_as, work)?;
            Ok(true)
        })?;
        let next = next.and_then(|place| place.to_text(fingerprint));
        Ok(Begun::Done(reply.finish(snapshot.txn_id().0, next.as_deref())))
    });
    reply.await
}

fn query(request: FindRequest, filter: Filter) -> Result<(Query, Fingerprint), Failure> {
    let sort = request.sort.into_iter().map(|key| SortKey { path: key.property, descending: key.descending });
    let sort: Vec<_> = sort.collect();
    let fingerprint = Fingerprint::of(&request.collection, &request.query.query, &request.query.args, &sort);
    let after = request.after.map(|text| Cursor::from_text(&text, fingerprint, &sort)).transpose()?;
    // Who goes on has left out already what was to be left out.
    let offset = if after.is_some() { 0 } else { request.offset };
    let query = Query { sort, offset, limit: Some(request.limit), after, ..Query::of(request.collection, filter) };
    Ok((query, fingerprint))
}

fn details(snapshot: &Snapshot, query: &Query) -> Result<Vec<u8>, Failure> {
    let details = match find::plan(snapshot, query)?.operators(query).into_iter().next() {
        Some(Operator::IdScan { .. }) => QueryDetails::Ids,
        Some(Operator::IndexScan { index, path, spans, is_exact, is_in_order, .. }) => {
            QueryDetails::Index { name: index, path, part: spans, exact: is_exact, ordered: is_in_order }
        }
        _ => QueryDetails::Scan,
    };
    let mut body = Vec::new();
    write_query_details(&mut body, &details, snapshot.txn_id().0);
    Ok(body)
}

fn push(
    reply: &mut DocumentsReply,
    found: &Found,
    serialized_as: SerializedAs,
    work: &mut Work,
) -> Result<(), Failure> {
    match serialized_as {
        SerializedAs::LatestValues => {
            let written =
                reply.push_written(&found.id, |out| found.stored.write_json(out).map(|exists| assert!(exists)));
            written?;
        }
        SerializedAs::LatestValuesAndTypes => reply.push(&found.id, &shown(found, serialized_as)?),
    }
    work.make_room(reply.len())
}

/// Its fields as they are asked for.
pub(crate) fn shown(found: &Found, serialized_as: SerializedAs) -> Result<Map, Failure> {
    let document = found.document()?;
    let fields = match serialized_as {
        SerializedAs::LatestValues => document.value(),
        SerializedAs::LatestValuesAndTypes => document.value_with_types(),
    };
    Ok(fields.expect("what is found is there"))
}
