//! The documents of an app: its collections, a query over one of them, page by page, or a DQL
//! statement that reads; and by which plan either is answered.
//!
//! Invariant: a page searches for a bounded time, says so where it stops, and leads a query on from
//! there; what need not be searched takes no longer the more documents there are.
//! Not here: running statements (`statement`).

mod asked;
mod collections;
mod hint;
mod listed;
mod results;
mod steps;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::Map;
use query::{Filter, Query, dql::Select};
use store::{App, Snapshot};

pub(crate) use self::asked::read_id;
use self::{
    asked::Listing,
    collections::Collections,
    hint::Hint,
    listed::{Listed, field_paths},
    results::Results,
    steps::Steps,
};
use crate::{
    failure::Failure,
    layout::{self, Layout, Section},
    limits::FIELD_NAMES_MAX,
    page::problem::sentence,
    plural,
    scan::{Reach, Search},
    scope::{Scope, segment},
    statement::{self, Asked, Extent, ServerFacts, StatementFault},
};

#[derive(Template)]
#[template(path = "documents.html")]
struct DocumentsPage {
    layout: Layout,
    collections: Collections,
    collection: String,
    /// Whether it is a DQL statement.
    is_dql: bool,
    /// A query, or a statement.
    query: String,
    /// The statement for all documents of the collection.
    all: String,
    is_json: bool,
    error: Option<Fault>,
    /// What completes a name in the query box.
    field_names: Vec<String>,
    /// What a query found.
    listed: Option<Listed>,
    /// Which index would spare a search to look at everything.
    hint: Option<Hint>,
    /// What a statement made.
    results: Option<Results>,
    /// The plan, where it was asked for.
    plan: Option<Steps>,
    /// Where an index that would help is made.
    helping_index: Option<String>,
    base: String,
    new: String,
    /// Where the collection is dropped.
    drop: String,
}

/// Why a text is no query, or no statement.
struct Fault {
    message: String,
    /// The line that is wrong, and where, in characters from 0.
    caret: Option<(String, usize)>,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let is_dql = scope.visit.query.text("language") == "dql";
    let view = if scope.visit.query.text("view") == "json" { "&view=json" } else { "" };
    let language = if is_dql { "&language=dql" } else { "" };
    let collections = Collections::of(&scope, &format!("{language}{view}")).await?;
    let asked = scope.visit.query.filled("collection").or(collections.first()).unwrap_or_default();
    let mut collection = asked.to_owned();
    if !is_dql {
        let page = empty_page(&scope, collections, &collection, false);
        return show_query(scope, page).await;
    }
    let text = query(&scope, &collection, true);
    let read = (!text.is_empty()).then(|| statement::read(&text, &scope.app, explains(&scope)));
    if let Some(Ok(statement)) = &read {
        collection = statement.collection().unwrap_or(asked).to_owned();
    }
    let page = DocumentsPage { query: text, ..empty_page(&scope, collections, &collection, true) };
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
    let listing = Listing::of(&scope, &page.collection, &page.query, page.is_json);
    let filter = match parse(&page.query) {
        Ok(filter) => filter,
        Err((message, column)) => {
            page.field_names = sampled_names(&scope, &listing).await;
            let caret = Some((page.query.clone(), column));
            return Ok(refused(page, Fault { message, caret }));
        }
    };
    if page.collection.is_empty() {
        return Ok(layout::page(StatusCode::OK, &page));
    }
    let search = match listing.search(filter) {
        Ok(search) => search,
        Err(Failure::BadInput(message)) => return Ok(refused(page, Fault { message, caret: None })),
        Err(other) => return Err(other),
    };
    if explains(&scope) {
        page.field_names = sampled_names(&scope, &listing).await;
        let Search { collection, filter, .. } = search;
        let look = move |_: &App, snapshot: &Snapshot| steps::of_query(snapshot, collection, &filter);
        let plan = scope.state().scans.run(scope.app.clone(), look).await?;
        show_plan(&mut page, &scope, plan);
        return Ok(layout::page(StatusCode::OK, &page));
    }
    let sight = scope.state().scans.look(scope.app.clone(), search.clone()).await?;
    page.field_names = match sight.found.is_empty() {
        true => sampled_names(&scope, &listing).await,
        false => field_paths(&sight.found, FIELD_NAMES_MAX),
    };
    page.hint = Hint::of(&scope, &search, &sight);
    page.listed = Some(Listed::of(scope.name(), &listing, &search, &sight, page.is_json));
    Ok(layout::page(StatusCode::OK, &page))
}

/// The names of fields of some documents of the collection; none where there is no such.
async fn sampled_names(scope: &Scope, listing: &Listing) -> Vec<String> {
    let Some(search) = parse("true").ok().and_then(|all| listing.first_of_all(all)) else { return Vec::new() };
    let sight = scope.state().scans.look(scope.app.clone(), search).await;
    sight.map(|sight| field_paths(&sight.found, FIELD_NAMES_MAX)).unwrap_or_default()
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
    let bounds = state.options.search;
    let look = move |app: &App, snapshot: &Snapshot| statement::look(app, snapshot, &of_look, &facts, bounds);
    let _turn = state.scans.search_turn().await;
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

fn empty_page(scope: &Scope, collections: Collections, collection: &str, is_dql: bool) -> DocumentsPage {
    let base = scope.path("documents");
    DocumentsPage {
        layout: scope.layout("Documents", Section::Documents),
        collections,
        new: format!("{base}/new?collection={}", segment(collection)),
        drop: scope.path(&format!("collections/{}/drop", segment(collection))),
        base,
        collection: collection.to_owned(),
        is_dql,
        query: query(scope, collection, is_dql),
        all: statement::all_of(collection),
        is_json: scope.visit.query.text("view") == "json",
        error: None,
        field_names: Vec::new(),
        listed: None,
        hint: None,
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

/// The message of an error and its column from 0.
pub(crate) fn parse(text: &str) -> Result<Filter, (String, usize)> {
    let query = Query::parse(text).map_err(|error| (error.to_string(), error.column.saturating_sub(1)))?;
    query.bind(&Map::new()).map_err(|error| (error.to_string(), 0))
}
