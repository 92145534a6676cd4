//! One document: each field with its type and stamp, its recent changes.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use document::{CollectionName, Document, DocumentId, FieldType};
use kafka_wire::record_batch::Record;
use store::StoredDocument;

use super::documents::read_id;
use crate::{
    clip::Clipper,
    event_row::{EventRow, document_path},
    failure::Failure,
    figures, json_text,
    layout::{self, Layout, Section},
    limits::{
        DOCUMENTS_HTML_BYTES, EDITABLE_BYTES_MAX, FIELDS_SHOWN_MAX, HISTORY_HTML_BYTES, NAME_SHOWN_BYTES,
        VALUE_SHOWN_BYTES,
    },
    moment, plural,
    reading::history::History,
    scan,
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "document.html")]
struct DocumentPage {
    layout: Layout,
    collection: String,
    collection_path: String,
    id: String,
    exists: bool,
    is_system: bool,
    fields: Vec<Field>,
    more_fields: usize,
    txn: u64,
    written_ms: u64,
    is_editable: bool,
    path: String,
    rows: Vec<EventRow>,
    looked_at: String,
    may_be_older: bool,
}

struct Field {
    path: String,
    kind: &'static str,
    value: Option<String>,
    written_ms: u64,
    site: String,
    /// As the form names it; `None` for a map.
    edit: Option<String>,
}

/// A document that a path names.
pub(crate) struct Named {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
}

impl Named {
    /// From `{collection}` and `{id}` of the route.
    pub(crate) fn by(scope: &Scope) -> Result<Self, Failure> {
        let collection = CollectionName::new(scope.visit.param("collection"));
        let collection = collection.map_err(|error| Failure::BadInput(error.to_string()))?;
        Ok(Self { collection, id: read_id(scope.visit.param("id"))? })
    }

    pub(crate) fn path(&self, scope: &Scope) -> String {
        document_path(scope.name(), self.collection.as_str(), self.id.as_json())
    }

    /// The document as it stands, or its tombstone.
    pub(crate) async fn read(&self, scope: &Scope) -> Result<StoredDocument, Failure> {
        let found = scan::document(&scope.app, &self.collection, &self.id).await?;
        found.ok_or_else(|| Failure::NotFound { kind: "document", name: self.id.as_json().to_owned() })
    }
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let named = Named::by(&scope)?;
    let stored = named.read(&scope).await?;
    if scope.visit.query.text("format") == "json" {
        return Ok(as_json(&named, &stored.document));
    }
    let mut key = Vec::new();
    wire::event::write_key(&mut key, named.collection.as_str(), named.id.as_json());
    let (app, last_event) = (scope.app.clone(), stored.last_event);
    let look = move || {
        let (topic, mut clipper) = (app.name().main_topic(), Clipper::new(HISTORY_HTML_BYTES));
        let row = |record: &Record<'_>| EventRow::of(app.name().as_str(), &topic, 0, record, &mut clipper);
        History::of(&app, &key, last_event, row)
    };
    let history = tokio::task::spawn_blocking(look).await??;
    Ok(layout::page(StatusCode::OK, &page(&scope, &named, &stored, history)))
}

fn as_json(named: &Named, document: &Document) -> Response {
    let mut json = Vec::new();
    document.write_json(named.id.as_json(), &mut json);
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

fn page(scope: &Scope, named: &Named, stored: &StoredDocument, history: History<EventRow>) -> DocumentPage {
    let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES);
    let path = named.path(scope);
    let id = clipper.clip(named.id.as_json(), 2 * NAME_SHOWN_BYTES);
    let (fields, more_fields, bytes) = fields(&stored.document, &mut clipper);
    let collection = named.collection.as_str();
    DocumentPage {
        layout: scope.layout(format!("Document {id}"), Section::Documents),
        collection: clipper.clip(collection, NAME_SHOWN_BYTES),
        collection_path: format!("{}?collection={}", scope.path("documents"), segment(collection)),
        id,
        exists: stored.document.exists(),
        is_system: named.collection.is_system(),
        fields,
        more_fields,
        txn: stored.txn_id.0,
        written_ms: stored.document.stamp_max().wall_ms(),
        is_editable: bytes <= EDITABLE_BYTES_MAX,
        path,
        rows: history.changes,
        looked_at: figures::count(history.looked_at),
        may_be_older: history.may_be_older,
    }
}

/// The first fields, how many more there are, and how large the document is as JSON.
fn fields(document: &Document, clipper: &mut Clipper) -> (Vec<Field>, usize, usize) {
    let all = document.fields();
    let bytes = document.value().map_or(0, |value| json_text::pretty(&value).len());
    let more = all.len().saturating_sub(FIELDS_SHOWN_MAX);
    let field = |field: document::FieldState| {
        let name = field.path.to_string();
        Field {
            edit: (field.kind != FieldType::Map).then(|| name.clone()),
            path: clipper.clip(&name, NAME_SHOWN_BYTES),
            kind: field.kind.as_str(),
            value: field.value.as_ref().map(|value| clipper.clip(&json_text::line(value), VALUE_SHOWN_BYTES)),
            written_ms: field.stamp.wall_ms(),
            site: format!("{:016x}", field.stamp.site.0),
        }
    };
    (all.into_iter().take(FIELDS_SHOWN_MAX).map(field).collect(), more, bytes)
}
