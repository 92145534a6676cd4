//! The documents of an app: its collections, and a query over one of them, page by page.
//!
//! Invariant: a page looks at a bounded number of documents for a bounded time, says so where it stops, and leads on from there.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::{CollectionName, DocumentId, Map, Value};
use query::{Filter, Query};

use crate::{
    clip::Clipper,
    event_row::document_path,
    failure::Failure,
    figures, json_text,
    layout::{self, Layout, Section},
    limits::{
        CELL_SHOWN_BYTES, COLLECTIONS_SHOWN_MAX, COLUMNS_COUNTED_MAX, COLUMNS_MAX, DOCUMENTS_HTML_BYTES,
        DOCUMENTS_SHOWN_MAX, JSON_SHOWN_BYTES, NAME_SHOWN_BYTES,
    },
    scan::{Search, Sight},
    scope::{Scope, segment},
};

#[derive(Template)]
#[template(path = "documents.html")]
struct DocumentsPage {
    layout: Layout,
    /// Name, address, whether it is the one that is shown.
    collections: Vec<(String, String, bool)>,
    more_collections: bool,
    collection: String,
    query: String,
    is_json: bool,
    /// Why the query is none, and where, in characters from 0.
    error: Option<(String, usize)>,
    columns: Vec<String>,
    more_columns: usize,
    rows: Vec<Row>,
    looked: Option<Looked>,
    base: String,
    new: String,
}

/// A document of the page.
struct Row {
    path: String,
    id: String,
    /// One for each column.
    cells: Vec<Option<String>>,
    json: String,
}

/// How far the page looked.
struct Looked {
    at: String,
    is_cut: bool,
    /// The next page.
    next: Option<String>,
    is_first: bool,
    /// The first page.
    first: String,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let (names, more_collections) = collections(&scope).await?;
    let asked = scope.visit.query.filled("collection").or(names.first().map(String::as_str)).unwrap_or_default();
    let collection = asked.to_owned();
    let text = scope.visit.query.filled("query").unwrap_or("true").to_owned();
    let mut page = empty_page(&scope, names, more_collections, &collection, &text);
    let filter = match parse(&text) {
        Ok(filter) => filter,
        Err(error) => {
            page.error = Some(error);
            return Ok(layout::page(StatusCode::BAD_REQUEST, &page));
        }
    };
    if collection.is_empty() {
        return Ok(layout::page(StatusCode::OK, &page));
    }
    let search = search(&scope, &collection, filter)?;
    let is_first = search.after.is_none();
    let sight = scope.state().scans.look(scope.app.clone(), search).await?;
    fill(&mut page, &scope, &collection, sight, is_first);
    Ok(layout::page(StatusCode::OK, &page))
}

fn empty_page(scope: &Scope, names: Vec<String>, more: bool, collection: &str, query: &str) -> DocumentsPage {
    let base = scope.path("documents");
    let is_json = scope.visit.query.text("view") == "json";
    let view = if is_json { "&view=json" } else { "" };
    let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES / 4);
    let link = |name: String| {
        let address = format!("{base}?collection={}{view}", segment(&name));
        let is_here = name == collection;
        (clipper.clip(&name, NAME_SHOWN_BYTES), address, is_here)
    };
    DocumentsPage {
        layout: scope.layout("Documents", Section::Documents),
        collections: names.into_iter().map(link).collect(),
        more_collections: more,
        new: format!("{base}/new?collection={}", segment(collection)),
        base,
        collection: collection.to_owned(),
        query: query.to_owned(),
        is_json,
        error: None,
        columns: Vec::new(),
        more_columns: 0,
        rows: Vec::new(),
        looked: None,
    }
}

/// The first collections by name, and whether there are more.
async fn collections(scope: &Scope) -> Result<(Vec<String>, bool), Failure> {
    let app = scope.app.clone();
    let read = move || {
        let snapshot = app.snapshot()?;
        let names = snapshot.collections().take(COLLECTIONS_SHOWN_MAX + 1);
        names.map(|name| name.map(|name| name.as_str().to_owned())).collect::<Result<Vec<_>, _>>()
    };
    let mut names = tokio::task::spawn_blocking(read).await??;
    let more = names.len() > COLLECTIONS_SHOWN_MAX;
    names.truncate(COLLECTIONS_SHOWN_MAX);
    Ok((names, more))
}

/// The message of an error and its column from 0.
pub(crate) fn parse(text: &str) -> Result<Filter, (String, usize)> {
    let query = Query::parse(text).map_err(|error| (error.to_string(), error.column.saturating_sub(1)))?;
    query.bind(&Map::new()).map_err(|error| (error.to_string(), 0))
}

fn search(scope: &Scope, collection: &str, filter: Filter) -> Result<Search, Failure> {
    let collection = CollectionName::new(collection).map_err(|error| Failure::BadInput(error.to_string()))?;
    let after = scope.visit.query.filled("after").map(read_id).transpose()?;
    Ok(Search { collection, filter, after, take: DOCUMENTS_SHOWN_MAX })
}

/// An id as JSON.
pub(crate) fn read_id(json: &str) -> Result<DocumentId, Failure> {
    let value = Value::from_json(json.as_bytes()).map_err(|error| Failure::BadInput(format!("the id: {error}")))?;
    DocumentId::from_value(&value).map_err(|error| Failure::BadInput(error.to_string()))
}

fn fill(page: &mut DocumentsPage, scope: &Scope, collection: &str, sight: Sight, is_first: bool) {
    let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES);
    let columns = if page.is_json { Vec::new() } else { columns(&sight) };
    page.more_columns = columns.len().saturating_sub(COLUMNS_MAX);
    let columns: Vec<String> = columns.into_iter().take(COLUMNS_MAX).collect();
    for seen in &sight.found {
        let cell = |column: &String, clipper: &mut Clipper| {
            seen.fields.field(column).map(|value| clipper.clip(&json_text::line(value), CELL_SHOWN_BYTES))
        };
        page.rows.push(Row {
            path: document_path(scope.name(), collection, seen.id.as_json()),
            id: clipper.clip(seen.id.as_json(), NAME_SHOWN_BYTES),
            cells: columns.iter().map(|column| cell(column, &mut clipper)).collect(),
            json: if page.is_json {
                clipper.clip(&json_text::pretty(&seen.fields), JSON_SHOWN_BYTES)
            } else {
                String::new()
            },
        });
    }
    page.columns = columns.iter().map(|column| clipper.clip(column, NAME_SHOWN_BYTES)).collect();
    let view = if page.is_json { "&view=json" } else { "" };
    let first = format!("{}?collection={}&query={}{view}", page.base, segment(collection), segment(&page.query));
    let next = sight.stopped_at.map(|id| format!("{first}&after={}", segment(id.as_json())));
    page.looked =
        Some(Looked { at: figures::count(sight.looked_at as u64), is_cut: sight.is_cut, next, is_first, first });
}

/// The fields of the documents on the page, those first that most have.
fn columns(sight: &Sight) -> Vec<String> {
    let mut columns: Vec<(String, usize)> = Vec::new();
    for seen in &sight.found {
        for (name, _) in seen.fields.iter() {
            match columns.iter().position(|(known, _)| known == name) {
                Some(at) => columns[at].1 += 1,
                None if columns.len() < COLUMNS_COUNTED_MAX => columns.push((name.to_owned(), 1)),
                None => {}
            }
        }
    }
    columns.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    columns.into_iter().map(|(name, _)| name).collect()
}
