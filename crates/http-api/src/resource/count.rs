//! `POST` and `GET store/count`.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use find::Query;
use wire::find::{CountRequest, write_count};

use crate::{
    call::Call,
    failure::Failure,
    reading::{self, Begun, Extent},
    reply,
    state::Shared,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let CountRequest { collection, query } = CountRequest::parse(call.body())?;
    call.demand(Permission::Read, &collection)?;
    let filter = reading::parse_filter("query", &query.query, &query.args)?;
    call.wait_for_txn(&state).await?;
    let query = Query::of(collection, filter).granted_to(call.documents.readable());
    let body = reading::read(&state, &call.app, move |snapshot, work, let_in| {
        let plan = find::plan_count(snapshot, &query)?;
        if !plan.is_small() && let_in != Extent::Scan {
            return Ok(Begun::IsScan);
        }
        let count = find::count(snapshot, &plan, &query, work)?;
        let mut body = Vec::new();
        write_count(&mut body, count, snapshot.txn_id().0);
        Ok(Begun::Done(body))
    });
    Ok(reply::json(StatusCode::OK, body.await?))
}
