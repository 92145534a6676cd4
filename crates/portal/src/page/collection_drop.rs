//! Dropping a collection: how many documents that removes, then, its name typed, doing it.
//!
//! Not here: what dropping does (`operations`).

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use document::{CollectionName, Origin};

use crate::{
    failure::Failure,
    layout::{self, Layout, Section},
    limits::DROPPED_AT_ONCE_MAX,
    page::overview::PEER,
    plural,
    scope::{Scope, segment},
};

#[derive(Template)]
#[template(path = "collection_drop.html")]
struct DropPage {
    layout: Layout,
    collection: String,
    action: String,
    back: String,
    error: Option<String>,
}

/// What dropping it would do.
pub(crate) async fn form(scope: Scope) -> Result<Response, Failure> {
    let collection = named(&scope)?;
    let action = path(&scope, &collection);
    let page = DropPage {
        layout: scope.layout("Drop a collection", Section::Documents),
        error: scope.visit.draft(&action).unwrap_or_default().error,
        back: scope.path(&format!("documents?collection={}", segment(collection.as_str()))),
        collection: collection.as_str().to_owned(),
        action,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Drops a collection whose name was typed; a large one in several requests.
pub(crate) async fn submit(scope: Scope) -> Result<Response, Failure> {
    let collection = named(&scope)?;
    if scope.visit.form.text("name") != collection.as_str() {
        let error = "Nothing was removed: type the collection's name.".to_owned();
        let path = path(&scope, &collection);
        return Ok(scope.visit.again(&path, &path, Some(error)));
    }
    let origin = Origin { peer: PEER.to_owned(), ..Origin::default() };
    let operations = &scope.state().operations;
    let dropped = operations.drop_collection(&scope.app, &collection, DROPPED_AT_ONCE_MAX, &origin).await?;
    scope.visit.carried_out(&path(&scope, &collection));
    let documents = plural::counted(dropped.removed, "document");
    if dropped.has_more {
        scope.visit.tell(true, format!("Removed {documents}. There are more: go on."));
        return Ok(Redirect::to(&path(&scope, &collection)).into_response());
    }
    let name = collection.as_str();
    Ok(scope.done(format!("Dropped the collection {name}: removed {documents}."), "documents"))
}

fn named(scope: &Scope) -> Result<CollectionName, Failure> {
    let name = scope.visit.param("collection");
    CollectionName::new(name).map_err(|_| Failure::NotFound { kind: "collection", name: name.to_owned() })
}

fn path(scope: &Scope, collection: &CollectionName) -> String {
    scope.path(&format!("collections/{}/drop", segment(collection.as_str())))
}
