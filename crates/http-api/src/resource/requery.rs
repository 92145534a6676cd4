//! `POST` and `GET store/requery`: what a consumer asks after a `requeryRequired` event.

use axum::{extract::State, response::Response};
use credentials::Permission;
use document::CollectionName;
use store::Snapshot;
use wire::{
    find::{DocumentsReply, SerializedAs},
    requery::RequeryRequest,
};

use crate::{
    access::Caller,
    call::Call,
    failure::Failure,
    reading::{self, Begun, Extent, ReplyForm},
    state::Shared,
};

pub(crate) async fn handle(State(state): State<Shared>, call: Call) -> Result<Response, Failure> {
    let request = RequeryRequest::parse(call.body())?;
    check_app(&call, &request)?;
    check_access(&call, &request)?;
    call.wait_for_txn(&state).await?;
    // One id in every collection can be much to read and to answer.
    let extent = if request.collection.is_some() { Extent::One } else { Extent::Scan };
    let (caller, app_name) = (call.caller.clone(), call.app_name().to_owned());
    let granted = call.documents.readable();
    let form = ReplyForm { extent, gzip: call.takes_gzip };
    let reply = reading::reply(&state, &call.app, form, move |snapshot, work, _| {
        let mut reply = DocumentsReply::default();
        for collection in collections(snapshot, &request, &caller, &app_name)? {
            work.check()?;
            if let Some(found) = find::by_id(snapshot, &collection, &request.id, granted.as_deref())? {
                let fields = super::find::shown(&found, SerializedAs::LatestValues)?;
                reply.push_of_collection(&request.id, &fields, &collection);
            }
            work.make_room(reply.len())?;
        }
        Ok(Begun::Done(reply.finish(snapshot.txn_id().0, None)))
    });
    reply.await
}

fn check_app(call: &Call, request: &RequeryRequest) -> Result<(), Failure> {
    match &request.app {
        Some(named) if named != call.app_name() => {
            Err(Failure::OtherApp { asked: call.app_name().to_owned(), named: named.clone() })
        }
        _ => Ok(()),
    }
}

fn check_access(call: &Call, request: &RequeryRequest) -> Result<(), Failure> {
    match &request.collection {
        Some(collection) => Ok(call.demand(Permission::Read, collection)?),
        None => Ok(()), // only collections that may be read are looked at
    }
}

fn collections(
    snapshot: &Snapshot,
    request: &RequeryRequest,
    caller: &Caller,
    app: &str,
) -> Result<Vec<CollectionName>, Failure> {
    if let Some(collection) = &request.collection {
        return Ok(vec![collection.clone()]);
    }
    let mut collections = snapshot.collections().collect::<Result<Vec<_>, _>>()?;
    collections.retain(|collection| caller.may(Permission::Read, app, Some(collection.as_str())));
    Ok(collections)
}
