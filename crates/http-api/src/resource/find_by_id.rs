//! `POST store/findbyid`.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Permission;
use wire::find::{FindByIdRequest, write_document};

use crate::{
    api::Shared,
    call::Call,
    failure::Failure,
    reading::{self, Extent},
    reply,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let FindByIdRequest { collection, id } = FindByIdRequest::parse(call.body())?;
    call.demand(Permission::Read, &collection)?;
    call.wait_for_txn(&state).await?;
    let body = reading::read(&state, &call.app, Extent::Points, move |snapshot, _| {
        let Some(fields) = reading::visible(snapshot, &collection, &id)? else {
            return Err(Failure::DocumentNotFound {
                collection: collection.as_str().to_owned(),
                id: id.as_json().to_owned(),
            });
        };
        let mut body = Vec::new();
        write_document(&mut body, &id, &fields, snapshot.txn_id().0);
        Ok(body)
    });
    Ok(reply::json(StatusCode::OK, body.await?))
}
