//! `/admin/v1/apps/{app}/indexes`: indexes of the app's documents (docs/reference/indexes.md).

use axum::{extract::State, http::StatusCode, response::Response};
use store::{IndexKey, IndexStatus};
use wire::index::{IndexDroppedReply, IndexKeyReply, IndexReply, IndexState, IndexesReply, NewIndex};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

/// 201 and the index: ready if it was built within the request's time, else it is being built in
/// the background. One that is there in the same words is given again.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let new = NewIndex::parse(call.body())?;
    let made = state.operations.create_index(&app, new, state.options.request_timeout).await?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(&made)))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let indexes = app.indexes().iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &IndexesReply { indexes }))
}

pub(crate) async fn show(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let index = state.operations.index(&app, call.param("collection"), call.param("name"))?;
    Ok(reply::json_of(StatusCode::OK, &shown(&index)))
}

/// No query uses it from here on.
pub(crate) async fn drop(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let (collection, dropped) = (call.param("collection").to_owned(), call.param("name").to_owned());
    state.operations.drop_index(&app, &collection, &dropped).await?;
    Ok(reply::json_of(StatusCode::OK, &IndexDroppedReply { dropped, collection }))
}

fn shown(index: &IndexStatus) -> IndexReply {
    let IndexStatus { definition, is_ready, entries, documents } = index;
    let key = |key: &IndexKey| IndexKeyReply::new(&key.path, key.descending);
    IndexReply {
        name: definition.name.clone(),
        collection: definition.collection.as_str().to_owned(),
        keys: definition.keys.iter().map(key).collect(),
        state: if *is_ready { IndexState::Ready } else { IndexState::Building },
        entries: *entries,
        documents: *documents,
    }
}
