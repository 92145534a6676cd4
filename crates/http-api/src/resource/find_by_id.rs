//! `POST` and `GET store/findbyid`.

use axum::{extract::State, response::Response};
use credentials::Permission;
use wire::find::{FindByIdRequest, write_document};

use crate::{
    call::Call,
    failure::Failure,
    reading::{self, Begun, Extent, ReplyForm},
    state::Shared,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let FindByIdRequest { collection, id, serialized_as } = FindByIdRequest::parse(call.body())?;
    call.demand(Permission::Read, &collection)?;
    call.wait_for_txn(&state).await?;
    let granted = call.documents.readable();
    let form = ReplyForm { extent: Extent::One, gzip: call.takes_gzip };
    let reply = reading::reply(&state, &call.app, form, move |snapshot, _, _| {
        let Some(found) = find::by_id(snapshot, &collection, &id, granted.as_deref())? else {
            return Err(Failure::DocumentNotFound {
                collection: collection.as_str().to_owned(),
                id: id.as_json().to_owned(),
            });
        };
        let mut body = Vec::new();
        write_document(&mut body, &id, &super::find::shown(&found, serialized_as)?, snapshot.txn_id().0);
        Ok(Begun::Done(body))
    });
    reply.await
}
