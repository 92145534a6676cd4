//! One document: each field with its type and stamp, its changes as far back as events are kept. As
//! a page, as JSON, or as the part of a page that a drawer shows beside a list (`?part=drawer`).

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use document::{CollectionName, Document, DocumentId, FieldState, FieldType, Value};
use kafka_wire::record_batch::Record;
use store::StoredDocument;

use super::documents::read_id;
use crate::{
    clip::Clipper,
    event_row::{EventRow, document_path},
    failure::Failure,
    json_text,
    layout::{self, Layout, Section},
    limits::{
        DOCUMENTS_HTML_BYTES, EDITABLE_BYTES_MAX, FIELDS_SHOWN_MAX, HISTORY_HTML_BYTES, NAME_SHOWN_BYTES,
        VALUE_SHOWN_BYTES,
    },
    moment, plural,
    reading::history::{self, History},
    scan,
    scope::{Scope, segment},
    shown_attachment::{Files, ShownAttachment},
    shown_value::ShownValue,
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
    changes: Changes,
}

/// The same beside a list.
#[derive(Template)]
#[template(path = "document_drawer.html")]
struct Drawer {
    page: DocumentPage,
    fields: Vec<(String, &'static str, Shown)>,
}

/// What is known of its changes.
struct Changes {
    rows: Vec<EventRow>,
    looked_at: String,
    /// Whether these are not the newest.
    is_older: bool,
    /// Where older ones are looked for; `None` where none are kept.
    older: Option<String>,
    /// Whether the oldest row is where the document came to be.
    begins: bool,
    /// The first offset that is kept.
    log_start: u64,
}

struct Field {
    path: String,
    kind: &'static str,
    shown: Shown,
    written_ms: u64,
    site: String,
    /// As the form names it; `None` for a map.
    edit: Option<String>,
}

/// What is shown of a field.
enum Shown {
    /// Of a map.
    Nothing,
    Value(ShownValue),
    Attachment(ShownAttachment),
}

/// Makes what is shown of fields.
struct Showing<'s> {
    app: &'s str,
    files: &'s Files,
    clipper: &'s mut Clipper,
}

impl Showing<'_> {
    fn of(&mut self, field: &FieldState) -> Shown {
        match (&field.value, field.kind) {
            (None, _) => Shown::Nothing,
            (Some(Value::Map(token)), FieldType::Attachment) => {
                Shown::Attachment(ShownAttachment::of(self.app, token, self.files, self.clipper))
            }
            (Some(value), _) => Shown::Value(ShownValue::of(value, self.clipper, VALUE_SHOWN_BYTES)),
        }
    }
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
    let changes = changes(&scope, &named, &stored).await?;
    let files = Files::of(&scope.app, &stored.document).await?;
    let page = page(&scope, &named, &stored, &files, changes);
    if scope.visit.query.text("part") == "drawer" {
        let fields = drawer_fields(scope.name(), &stored.document, &files);
        return Ok(layout::page(StatusCode::OK, &Drawer { page, fields }));
    }
    Ok(layout::page(StatusCode::OK, &page))
}

/// Its newest changes, or those before a place, which are searched for longer.
async fn changes(scope: &Scope, named: &Named, stored: &StoredDocument) -> Result<Changes, Failure> {
    let mut key = Vec::new();
    wire::event::write_key(&mut key, named.collection.as_str(), named.id.as_json());
    let before: Option<u64> = scope.visit.query.filled("before").and_then(|offset| offset.parse().ok());
    let end = before.or(stored.last_event.map(|last| last + 1));
    let effort = if before.is_some() { history::SEARCH } else { history::GLANCE };
    let _turn = if before.is_some() { Some(scope.state().scans.search_turn().await) } else { None };
    let app = scope.app.clone();
    let look = move || {
        let (topic, mut clipper) = (app.name().main_topic(), Clipper::new(HISTORY_HTML_BYTES));
        let row = |record: &Record<'_>| EventRow {
            is_dated: true,
            ..EventRow::of(app.name().as_str(), &topic, 0, record, &mut clipper)
        };
        History::of(&app, &key, end, effort, row)
    };
    let history = tokio::task::spawn_blocking(look).await??;
    let older = history.before.map(|offset| format!("{}?before={offset}#changes", named.path(scope)));
    Ok(Changes {
        rows: history.changes,
        looked_at: plural::counted(history.looked_at, "event"),
        is_older: before.is_some(),
        older,
        begins: history.begins,
        log_start: scope.app.events().log_start(),
    })
}

fn as_json(named: &Named, document: &Document) -> Response {
    let mut json = Vec::new();
    document.write_json(named.id.as_json(), &mut json);
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

fn page(scope: &Scope, named: &Named, stored: &StoredDocument, files: &Files, changes: Changes) -> DocumentPage {
    let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES);
    let path = named.path(scope);
    let id = clipper.clip(named.id.as_json(), 2 * NAME_SHOWN_BYTES);
    let showing = Showing { app: scope.name(), files, clipper: &mut clipper };
    let (fields, more_fields, bytes) = fields(&stored.document, showing);
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
        changes,
    }
}

/// Each field with its type and its value as people read it.
fn drawer_fields(app: &str, document: &Document, files: &Files) -> Vec<(String, &'static str, Shown)> {
    let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES / 2);
    let mut showing = Showing { app, files, clipper: &mut clipper };
    let leaves = document.fields().into_iter().filter(|field| field.kind != FieldType::Map);
    let shown = |field: FieldState| {
        let path = showing.clipper.clip(&field.path.to_string(), NAME_SHOWN_BYTES);
        (path, field.kind.as_str(), showing.of(&field))
    };
    leaves.take(FIELDS_SHOWN_MAX).map(shown).collect()
}

/// The first fields, how many more there are, and how large the document is as JSON.
fn fields(document: &Document, mut showing: Showing<'_>) -> (Vec<Field>, usize, usize) {
    let all = document.fields();
    let bytes = document.value().map_or(0, |value| json_text::pretty(&value).len());
    let more = all.len().saturating_sub(FIELDS_SHOWN_MAX);
    let field = |field: FieldState| {
        let name = field.path.to_string();
        Field {
            edit: (field.kind != FieldType::Map).then(|| name.clone()),
            path: showing.clipper.clip(&name, NAME_SHOWN_BYTES),
            kind: field.kind.as_str(),
            shown: showing.of(&field),
            written_ms: field.stamp.wall_ms(),
            site: format!("{:016x}", field.stamp.site.0),
        }
    };
    (all.into_iter().take(FIELDS_SHOWN_MAX).map(field).collect(), more, bytes)
}
