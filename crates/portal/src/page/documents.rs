//! The documents of an app: its collections, a query over one of them, page by page, or a DQL
//! statement that reads; and by which plan either is answered.
//!
//! Invariant: a page looks at a bounded number of documents for a bounded time, says so where it
//! stops, and leads a query on from there.
//! Not here: running statements (`statement`).

mod results;
mod steps;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::{CollectionName, DocumentId, Map, Value};
use query::{Filter, Query, dql::Select};
use store::{App, Snapshot};

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
    page::problem::sentence,
    plural,
    scan::{Search, Sight},
    scope::{Scope, segment},
    statement::{self, Asked, Extent, ServerFacts, StatementFault},
    table,
};
use results::Results;
use steps::Steps;

#[derive(Template)]
#[template(path = "documents.html")]
struct DocumentsPage {
    layout: Layout,
    /// Name, address, whether it is the one that is shown.
    collections: Vec<(String, String, bool)>,
    more_collections: bool,
    collection: String,
    /// Whether it is a DQL statement.
    is_dql: bool,
    /// A query, or a statement.
    query: String,
    /// The statement for all documents of the collection.
    all: String,
    is_json: bool,
    error: Option<Fault>,
    columns: Vec<String>,
    more_columns: usize,
    rows: Vec<Row>,
    looked: Option<Looked>,
    /// What a statement made.
    results: Option<Results>,
    /// The plan, where it was asked for.
    plan: Option<Steps>,
    /// Where an index that would help is made.
    helping_index: Option<String>,
    base: String,
    new: String,
}

/// Why a text is no query, or no statement.
struct Fault {
    message: String,
    /// The line that is wrong, and where, in characters from 0.
    caret: Option<(String, usize)>,
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
    let mut collection = asked.to_owned();
    if scope.visit.query.text("language") != "dql" {
        let page = empty_page(&scope, names, more_collections, &collection, false);
        return show_query(scope, page).await;
    }
    let text = query(&scope, &collection, true);
    let read = (!text.is_empty()).then(|| statement::read(&text, &scope.app, explains(&scope)));
    if let Some(Ok(statement)) = &read {
        collection = statement.collection().unwrap_or(asked).to_owned();
    }
    let page = DocumentsPage { query: text, ..empty_page(&scope, names, more_collections, &collection, true) };
    match read {
        Some(Ok(statement)) => show_statement(scope, page, statement).await,
        Some(Err(fault)) => {
            let fault = Fault::of_statement(&page.query, fault);
            Ok(refused(page, fault))
        }
        None => Ok(layout::page(StatusCode::OK, &page)),
    }
}

async fn show_query(scope: Scope, mut page: DocumentsPage) -> Result<Response, Failure> {
    let filter = match parse(&page.query) {
        Ok(filter) => filter,
        Err((message, column)) => {
            let caret = Some((page.query.clone(), column));
            return Ok(refused(page, Fault { message, caret }));
        }
    };
    if page.collection.is_empty() {
        return Ok(layout::page(StatusCode::OK, &page));
    }
    let search = search(&scope, &page.collection, filter)?;
    if explains(&scope) {
        let Search { collection, filter, .. } = search;
        let look = move |_: &App, snapshot: &Snapshot| steps::of_query(snapshot, collection, &filter);
        let plan = scope.state().scans.run(scope.app.clone(), look).await?;
        show_plan(&mut page, &scope, plan);
        return Ok(layout::page(StatusCode::OK, &page));
    }
    let is_first = search.after.is_none();
    let collection = page.collection.clone();
    let sight = scope.state().scans.look(scope.app.clone(), search).await?;
    fill(&mut page, &scope, &collection, sight, is_first);
    Ok(layout::page(StatusCode::OK, &page))
}

async fn show_statement(scope: Scope, mut page: DocumentsPage, statement: Asked) -> Result<Response, Failure> {
    let done = match statement {
        Asked::Rows(select) => run(&mut page, &scope, select).await,
        Asked::Plan(bound) => {
            let look = move |_: &App, snapshot: &Snapshot| steps::of_statement(snapshot, &bound);
            let plan = scope.state().scans.run(scope.app.clone(), look).await;
            plan.map(|plan| show_plan(&mut page, &scope, plan))
        }
    };
    match done {
        Ok(()) => Ok(layout::page(StatusCode::OK, &page)),
        Err(Failure::BadInput(message)) => Ok(refused(page, Fault { message, caret: None })),
        Err(other) => Err(other),
    }
}

async fn run(page: &mut DocumentsPage, scope: &Scope, select: Select) -> Result<(), Failure> {
    let state = scope.state();
    let keys_needed = !state.credentials.keys().is_empty();
    let facts = ServerFacts { version: state.options.version.clone(), keys_needed };
    let of_look = select.clone();
    let look = move |app: &App, snapshot: &Snapshot| statement::look(app, snapshot, &of_look, &facts);
    let seen = state.scans.run(scope.app.clone(), look).await?;
    page.results = Some(Results::of(scope.name(), &select, seen, page.is_json));
    Ok(())
}

/// Whether the plan is asked for, and not what it would find.
fn explains(scope: &Scope) -> bool {
    !scope.visit.query.text("explain").is_empty()
}

fn show_plan(page: &mut DocumentsPage, scope: &Scope, plan: Steps) {
    let typed = |field: &str| field.chars().all(|letter| letter.is_alphanumeric() || "_-.[]".contains(letter));
    page.helping_index = plan.helps.as_ref().map(|help| {
        let keys = if typed(&help.field) { help.field.as_str() } else { "" };
        scope.path(&format!("indexes?collection={}&keys={}#create", segment(&help.collection), segment(keys)))
    });
    page.plan = Some(plan);
}

fn refused(mut page: DocumentsPage, mut fault: Fault) -> Response {
    fault.message = sentence(&fault.message);
    page.error = Some(fault);
    layout::page(StatusCode::BAD_REQUEST, &page)
}

impl Fault {
    fn of_statement(text: &str, fault: StatementFault) -> Self {
        let caret = fault.place.map(|(line, column)| {
            let line = text.split('\n').nth(line - 1).unwrap_or_default();
            (line.trim_end_matches('\r').replace('\t', " "), column - 1)
        });
        Self { message: fault.message, caret }
    }
}

fn empty_page(scope: &Scope, names: Vec<String>, more: bool, collection: &str, is_dql: bool) -> DocumentsPage {
    let base = scope.path("documents");
    let is_json = scope.visit.query.text("view") == "json";
    let view = if is_json { "&view=json" } else { "" };
    let language = if is_dql { "&language=dql" } else { "" };
    let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES / 4);
    let link = |name: String| {
        let address = format!("{base}?collection={}{language}{view}", segment(&name));
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
        is_dql,
        query: query(scope, collection, is_dql),
        all: statement::all_of(collection),
        is_json,
        error: None,
        columns: Vec::new(),
        more_columns: 0,
        rows: Vec::new(),
        looked: None,
        results: None,
        plan: None,
        helping_index: None,
    }
}

/// What stands in the box. What means all documents in one language means them in the other.
fn query(scope: &Scope, collection: &str, is_dql: bool) -> String {
    let all = statement::all_of(collection);
    match (is_dql, scope.visit.query.filled("query")) {
        (true, None | Some("true")) => all,
        (false, None) => "true".to_owned(),
        (false, Some(typed)) if typed == all => "true".to_owned(),
        (_, Some(typed)) => typed.to_owned(),
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
