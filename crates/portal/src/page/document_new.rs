//! Adding a document: a form, then what would be written, then the write.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use document::{CollectionName, Document, DocumentId, Map, Value};

use super::document_edit::{OUTDATED, PreviewPage, read_json};
use crate::{
    document_write::{Done, Plan, stamp_text},
    event_row::document_path,
    failure::Failure,
    layout::{self, Layout, Section},
    scan,
    scope::Scope,
};

/// What somebody typed.
#[derive(Debug, Clone, Default)]
struct Typed {
    collection: String,
    id: String,
    text: String,
    counters: String,
}

#[derive(Template)]
#[template(path = "document_new.html")]
struct NewPage {
    layout: Layout,
    typed: Typed,
    error: Option<String>,
    /// The document that has this id.
    known: Option<String>,
    action: String,
    back: String,
}

/// The form.
pub(crate) async fn form(scope: Scope) -> Result<Response, Failure> {
    let collection = scope.visit.query.text("collection").to_owned();
    let typed = Typed { collection, text: "{\n  \n}".to_owned(), ..Typed::default() };
    Ok(new_page(&scope, typed, None, None))
}

/// Shows what would be written, or writes it.
pub(crate) async fn submit(scope: Scope) -> Result<Response, Failure> {
    let form = &scope.visit.form;
    let typed = Typed {
        collection: form.text("collection").trim().to_owned(),
        id: form.text("id").trim().to_owned(),
        text: form.text("text").to_owned(),
        counters: form.text("counters").to_owned(),
    };
    let random: [u8; 32] = (scope.state().random)();
    let generated =
        || DocumentId::generated(scope.state().now_ms(), u64::from_le_bytes(*random.first_chunk().expect("32 bytes")));
    let read = read(&typed, generated);
    let (collection, id, value) = match read {
        Ok(read) => read,
        Err(error) => return Ok(new_page(&scope, typed, Some(error), None)),
    };
    let stored = scan::document(&scope.app, &collection, &id).await?;
    let document = stored.map_or_else(Document::new, |stored| stored.document);
    let path = document_path(scope.name(), collection.as_str(), id.as_json());
    if document.exists() {
        let error = format!("there is a document {} in this collection already", id.as_json());
        return Ok(new_page(&scope, typed, Some(error), Some(path)));
    }
    let counters: Vec<&str> = typed.counters.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
    let plan = match Plan::insert(&document, collection.as_str(), &id, value, &counters) {
        Ok(plan) => plan,
        Err(error) => return Ok(new_page(&scope, typed, Some(error), None)),
    };
    let is_seen = form.text("since") == stamp_text(document.stamp_max());
    let saves = form.text("step") == "save";
    if saves
        && is_seen
        && let Done::Written(txn) = plan.clone().run(&scope.app).await?
    {
        scope.visit.tell(true, format!("Saved as transaction {}.", txn.0));
        return Ok(Redirect::to(&path).into_response());
    }
    let new = scope.path("documents/new");
    let layout = scope.layout("What would be added", Section::Documents);
    let mut page = PreviewPage::of(layout, &plan, Vec::new(), (path, new.clone(), new));
    page.warning = saves.then_some(OUTDATED);
    page.hidden.extend([
        ("collection", typed.collection),
        ("id", id.as_json().to_owned()),
        ("text", typed.text),
        ("counters", typed.counters),
    ]);
    Ok(layout::page(if saves { StatusCode::CONFLICT } else { StatusCode::OK }, &page))
}

fn read(typed: &Typed, generated: impl FnOnce() -> DocumentId) -> Result<(CollectionName, DocumentId, Map), String> {
    let collection = CollectionName::new(&typed.collection).map_err(|error| error.to_string())?;
    let Value::Map(value) = read_json(&typed.text)? else { return Err("a document is a JSON object".to_owned()) };
    let inner = value.field("_id").map(DocumentId::from_value);
    let id = match (typed.id.as_str(), inner) {
        ("", Some(inner)) => inner.map_err(|error| error.to_string())?,
        ("", None) => generated(),
        (text, _) => DocumentId::from_value(&typed_id(text)).map_err(|error| error.to_string())?,
    };
    Ok((collection, id, value))
}

/// A number, an object or quoted text as JSON; anything else is the text itself.
fn typed_id(text: &str) -> Value {
    match Value::from_json(text.as_bytes()) {
        Ok(value @ (Value::Int(_) | Value::Uint(_) | Value::Map(_) | Value::String(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn new_page(scope: &Scope, typed: Typed, error: Option<String>, known: Option<String>) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = NewPage {
        layout: scope.layout("New document", Section::Documents),
        action: scope.path("documents/new"),
        back: format!("{}?collection={}", scope.path("documents"), crate::scope::segment(&typed.collection)),
        typed,
        error: error.map(|error| super::problem::sentence(&error)),
        known,
    };
    layout::page(status, &page)
}
