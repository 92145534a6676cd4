//! `POST` and `GET store/findbyid`.

use axum::{extract::State, response::Response};
use credentials::Permission;
use wire::find::{FindByIdRequest, SerializedAs, write_document};

use crate::{
    call::Call,
    failure::Failure,
    reading::{self, Extent},
    state::Shared,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let FindByIdRequest { collection, id, serialized_as } = FindByIdRequest::parse(call.body())?;
    call.demand(Permission::Read, &collection)?;
    call.wait_for_txn(&state).await?;
    let reply = reading::reply(&state, &call.app, Extent::One, move |snapshot, _| {
        let document = snapshot.document(&collection, &id)?.map(|stored| stored.document);
        let fields = document.and_then(|document| match serialized_as {
            SerializedAs::LatestValues => document.value(),
            SerializedAs::LatestValuesAndTypes => document.value_with_types(),
        });
        let Some(fields) = fields else {
            return Err(Failure::DocumentNotFound {
                collection: collection.as_str().to_owned(),
                id: id.as_json().to_owned(),
            });
        };
        let mut body = Vec::new();
        write_document(&mut body, &id, &fields, snapshot.txn_id().0);
        Ok(body)
    });
    reply.await
}
