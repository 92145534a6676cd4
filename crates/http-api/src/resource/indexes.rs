//! `/admin/v1/apps/{app}/indexes`: indexes of the app's documents (docs/reference/indexes.md).

use axum::{extract::State, http::StatusCode, response::Response};
use document::CollectionName;
use store::{App, IndexDefinition, IndexKey, IndexStatus};
use wire::index::{IndexDroppedReply, IndexKeyReply, IndexReply, IndexState, IndexesReply, NewIndex};

use crate::{api::Shared, call::AdminCall, failure::Failure, reply};

/// 201 and the index: ready if it was built within the request's time, else it is being built in
/// the background. One that is there in the same words is given again.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let NewIndex { name, collection, keys } = NewIndex::parse(call.body())?;
    let keys = keys.into_iter().map(|key| IndexKey { path: key.property, descending: key.descending });
    let definition = IndexDefinition::new(&name, collection.clone(), keys.collect())?;
    app.create_index(&definition).await?;
    let made = app.index_when_ready(&collection, &name, state.options.request_timeout).await;
    let made = made.ok_or_else(|| not_found(&collection, &name))?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(&made)))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let indexes = app.indexes().iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &IndexesReply { indexes }))
}

pub(crate) async fn show(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let (collection, name) = named(&app, &call)?;
    let index = app.index(&collection, name).ok_or_else(|| not_found(&collection, name))?;
    Ok(reply::json_of(StatusCode::OK, &shown(&index)))
}

/// No query uses it from here on.
pub(crate) async fn drop(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let (collection, name) = named(&app, &call)?;
    if !app.drop_index(&collection, name).await? {
        return Err(not_found(&collection, name));
    }
    let (dropped, collection) = (name.to_owned(), collection.as_str().to_owned());
    Ok(reply::json_of(StatusCode::OK, &IndexDroppedReply { dropped, collection }))
}

/// What stands in the path.
fn named<'c>(app: &App, call: &'c AdminCall) -> Result<(CollectionName, &'c str), Failure> {
    let (collection, name) = (call.param("collection"), call.param("name"));
    // What is no collection's name has no index.
    let is_meant = |index: &IndexStatus| index.definition.collection.as_str() == collection;
    let found = app.indexes().into_iter().find(is_meant).map(|index| index.definition.collection);
    let not_found = || Failure::IndexNotFound { collection: collection.to_owned(), name: name.to_owned() };
    Ok((found.ok_or_else(not_found)?, name))
}

fn not_found(collection: &CollectionName, name: &str) -> Failure {
    Failure::IndexNotFound { collection: collection.as_str().to_owned(), name: name.to_owned() }
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
