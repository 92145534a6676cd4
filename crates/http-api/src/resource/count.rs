//! `POST` and `GET store/count`.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use wire::find::{CountRequest, write_count};

use crate::{
    call::Call,
    failure::Failure,
    reading::{self, Extent},
    reply,
    state::Shared,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let CountRequest { collection, query } = CountRequest::parse(call.body())?;
    call.demand(Permission::Read, &collection)?;
    let filter = reading::parse_filter("query", &query.query, &query.args)?;
    call.wait_for_txn(&state).await?;
    let body = reading::read(&state, &call.app, Extent::of(&filter), move |snapshot, work| {
        let mut count = 0;
        reading::for_each_match(snapshot, &collection, &filter, work, |_, _| {
            count += 1;
            Ok(true)
        })?;
        let mut body = Vec::new();
        write_count(&mut body, count, snapshot.txn_id().0);
        Ok(body)
    });
    Ok(reply::json(StatusCode::OK, body.await?))
}
