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
    form::{Form, STEP},
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

/// The form; or what the address's draft of it would add.
pub(crate) async fn form(scope: Scope) -> Result<Response, Failure> {
    let new = scope.path("documents/new");
    let Some(draft) = scope.visit.draft(&new) else {
        let collection = scope.visit.query.text("collection").to_owned();
        let typed = Typed { collection, text: "{\n  \n}".to_owned(), ..Typed::default() };
        return Ok(new_page(&scope, typed, None, None));
    };
    let typed = Typed::of(&draft.form);
    if !scope.visit.names_draft() {
        return Ok(new_page(&scope, typed, None, None));
    }
    match plan(&scope, &typed).await? {
        Ok(planned) => Ok(preview(&scope, typed, &planned, draft.error.is_some().then_some(OUTDATED))),
        Err((error, known)) => Ok(new_page(&scope, typed, Some(error), known)),
    }
}

/// Writes it, if that was shown; else leads to where it is.
pub(crate) async fn submit(scope: Scope) -> Result<Response, Failure> {
    let new = scope.path("documents/new");
    let form = &scope.visit.form;
    if form.text(STEP) != "save" {
        return Ok(scope.visit.again(&new, &new, None));
    }
    let Ok(planned) = plan(&scope, &Typed::of(form)).await? else { return Ok(scope.visit.again(&new, &new, None)) };
    if form.text("since") == planned.since
        && let Done::Written(txn) = planned.plan.clone().run(&scope.app).await?
    {
        scope.visit.carried_out(&new);
        scope.visit.tell(true, format!("Saved as transaction {}.", txn.0));
        return Ok(Redirect::to(&planned.path).into_response());
    }
    Ok(scope.visit.again(&new, &new, Some(OUTDATED.to_owned())))
}

/// What would be written.
struct Planned {
    plan: Plan,
    /// Of the document as it was seen.
    since: String,
    id: DocumentId,
    path: String,
}

/// Or what is wrong, and the page of the document that has this id.
async fn plan(scope: &Scope, typed: &Typed) -> Result<Result<Planned, (String, Option<String>)>, Failure> {
    let random: [u8; 32] = (scope.state().random)();
    let generated =
        || DocumentId::generated(scope.state().now_ms(), u64::from_le_bytes(*random.first_chunk().expect("32 bytes")));
    let (collection, id, value) = match read(typed, generated) {
        Ok(read) => read,
        Err(error) => return Ok(Err((error, None))),
    };
    let stored = scan::document(&scope.app, &collection, &id).await?;
    let document = stored.map_or_else(Document::new, |stored| stored.document);
    let path = document_path(scope.name(), collection.as_str(), id.as_json());
    if document.exists() {
        let error = format!("there is a document {} in this collection already", id.as_json());
        return Ok(Err((error, Some(path))));
    }
    let counters: Vec<&str> = typed.counters.split(',').map(str::trim).filter(|path| !path.is_empty()).collect();
    Ok(match Plan::insert(&document, collection.as_str(), &id, value, &counters) {
        Ok(plan) => Ok(Planned { plan, since: stamp_text(document.stamp_max()), id, path }),
        Err(error) => Err((error, None)),
    })
}

fn preview(scope: &Scope, typed: Typed, planned: &Planned, warning: Option<&'static str>) -> Response {
    let new = scope.path("documents/new");
    let layout = scope.layout("What would be added", Section::Documents);
    let paths = (planned.path.clone(), new.clone(), new);
    let mut page = PreviewPage::of(layout, &planned.plan, Vec::new(), paths);
    page.warning = warning;
    page.hidden.extend([
        ("collection", typed.collection),
        ("id", planned.id.as_json().to_owned()),
        ("text", typed.text),
        ("counters", typed.counters),
    ]);
    layout::page(StatusCode::OK, &page)
}

impl Typed {
    fn of(form: &Form) -> Self {
        Self {
            collection: form.text("collection").trim().to_owned(),
            id: form.text("id").trim().to_owned(),
            text: form.text("text").to_owned(),
            counters: form.text("counters").to_owned(),
        }
    }
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
    let page = NewPage {
        layout: scope.layout("New document", Section::Documents),
        action: scope.path("documents/new"),
        back: format!("{}?collection={}", scope.path("documents"), crate::scope::segment(&typed.collection)),
        typed,
        error: error.map(|error| super::problem::sentence(&error)),
        known,
    };
    layout::page(StatusCode::OK, &page)
}
