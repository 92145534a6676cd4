//! Live queries: all of an app's, making another, and whether its filter is right.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::CollectionName;
use topics::{ChangeError, Compression, LiveQuery, LiveQueryError, OnGap, QueryLanguage};
use wire::admin::{NewLiveQuery, PermissionDocument};

use crate::{
    failure::Failure,
    figures,
    form::Form,
    layout::{self, Layout, Section},
    limits::ROWS_SHOWN_MAX,
    matching::{self, FilterFault, Matches},
    page::{live_query, problem::sentence},
    permission_field::{self, PERMISSION},
    plural,
    reading::traffic,
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "live_queries.html")]
struct LiveQueries {
    layout: Layout,
    rows: Vec<Row>,
    /// Paths of the pages before and behind this one.
    earlier: Option<String>,
    later: Option<String>,
    typed: Typed,
    error: Option<String>,
    permission_error: Option<String>,
    preview: Option<Preview>,
    preview_path: String,
}

impl LiveQueries {
    /// Whether something was typed that was not created.
    fn is_open(&self) -> bool {
        let is_wrong = self.error.is_some() || self.permission_error.is_some();
        is_wrong || self.preview.is_some() || self.layout.begin_anew.is_some()
    }

    fn permission_help(&self) -> &'static str {
        "Which documents of the collection it may carry, whatever the filter says: those that may be read. Certificates \
         can be issued for it alone. Empty: all."
    }
}

#[derive(Template)]
#[template(path = "live_query_preview.html")]
struct PreviewFragment {
    preview: Option<Preview>,
}

struct Row {
    query: LiveQuery,
    topic: String,
    path: String,
    rate: String,
    high_watermark: String,
}

/// What the form holds.
#[derive(Debug, Default)]
struct Typed {
    name: String,
    collection: String,
    query: String,
    query_language: QueryLanguage,
    partitions: String,
    snapshot: bool,
    compression: Compression,
    permission: String,
}

/// Whether a filter is right, and what matches it now.
enum Preview {
    Fault { fault: FilterFault, caret: String },
    Matching { matches: Matches },
}

/// The list and the form; what was typed before and not made is in it, with what became of it.
pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let Some(draft) = scope.visit.draft(&action(&scope)) else {
        return Ok(page(&scope, StatusCode::OK, Typed::default(), [None, None], None));
    };
    let typed = Typed::of(&draft.form);
    let preview = if scope.visit.names_draft() { preview_of(&scope, &typed).await? } else { None };
    Ok(page(&scope, StatusCode::OK, typed, draft.errors_beside(PERMISSION), preview))
}

/// Where the form goes.
fn action(scope: &Scope) -> String {
    scope.path("live-queries")
}

/// Makes a live query; with the form's other button, only says what it would carry.
pub(crate) async fn create(scope: Scope) -> Result<Response, Failure> {
    let typed = Typed::of(&scope.visit.form);
    let again = |error| Ok(scope.visit.again(&action(&scope), &scope.path("live-queries#create"), error));
    if scope.visit.form.text("act") == "check" {
        return again(None);
    }
    let again_at_permission =
        |error| Ok(scope.visit.again_at(&action(&scope), &scope.path("live-queries#create"), PERMISSION, error));
    let permission = match permission_field::read(&typed.permission) {
        Ok(permission) => permission.map(permission_field::of_live_query),
        Err(error) => return again_at_permission(error),
    };
    let made = match typed.live_query(permission) {
        Ok(new) => scope.state().operations.create_live_query(&scope.topics, new).await,
        Err(message) => return again(Some(message)),
    };
    match made {
        Ok(_) => {
            scope.visit.carried_out(&action(&scope));
            let text = format!("Created the live query {}. Its topic has its whole history at once.", typed.name);
            Ok(scope.done(text, &format!("live-queries/{}", segment(&typed.name))))
        }
        Err(ChangeError::Invalid(error @ LiveQueryError::Permission(_))) => {
            again_at_permission(sentence(&error.to_string()))
        }
        Err(error @ (ChangeError::Invalid(_) | ChangeError::Exists(_) | ChangeError::TooMany)) => {
            again(Some(sentence(&error.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

/// For the page's script: is the filter right, and which documents match now. Asked for nothing, it is the page of a
/// live query of that name.
pub(crate) async fn preview(scope: Scope) -> Result<Response, Failure> {
    if scope.visit.query.is_empty() {
        return live_query::show_named(&scope, "preview").await;
    }
    let preview = preview_of(&scope, &Typed::of(&scope.visit.query)).await?;
    Ok(layout::page(StatusCode::OK, &PreviewFragment { preview }))
}

/// `None` where nothing was typed that could be wrong or right.
async fn preview_of(scope: &Scope, typed: &Typed) -> Result<Option<Preview>, Failure> {
    if typed.collection.is_empty() && typed.query.is_empty() {
        return Ok(None);
    }
    let collection = Some(typed.collection.as_str()).filter(|name| !name.is_empty()).map(CollectionName::new);
    let collection = match collection.transpose() {
        Ok(collection) => collection,
        Err(error) => return Ok(Some(fault(&typed.query, FilterFault { message: error.to_string(), column: None }))),
    };
    let text = if typed.query.is_empty() { "true" } else { &typed.query };
    let filter = match matching::parse(text, typed.query_language, collection.as_ref()) {
        Ok(filter) => filter,
        Err(found) => return Ok(Some(fault(text, found))),
    };
    let app = scope.app.clone();
    let looked = tokio::task::spawn_blocking(move || matching::look(&app, collection.as_ref(), &filter));
    Ok(Some(Preview::Matching { matches: looked.await?? }))
}

fn fault(text: &str, fault: FilterFault) -> Preview {
    let one_line = text.replace(char::is_control, " ");
    let caret = fault.column.map(|column| format!("{one_line}\n{}^", " ".repeat(column.saturating_sub(1))));
    let fault = FilterFault { message: sentence(&fault.message), ..fault };
    Preview::Fault { fault, caret: caret.unwrap_or_default() }
}

fn page(
    scope: &Scope,
    status: StatusCode,
    typed: Typed,
    [error, permission_error]: [Option<String>; 2],
    preview: Option<Preview>,
) -> Response {
    let queries = scope.topics.live_queries();
    let number = scope.visit.query.text("page").parse::<usize>().unwrap_or(1).clamp(1, queries.len().max(1));
    let first = (number - 1).saturating_mul(ROWS_SHOWN_MAX).min(queries.len());
    let path = |number: usize| scope.path(&format!("live-queries?page={number}"));
    let later = (first + ROWS_SHOWN_MAX < queries.len()).then(|| path(number + 1));
    let rows = queries.into_iter().skip(first).take(ROWS_SHOWN_MAX).map(|query| row(scope, query)).collect();
    let page = LiveQueries {
        layout: scope.layout("Live queries", Section::LiveQueries),
        rows,
        earlier: (number > 1).then(|| path(number - 1)),
        later,
        typed,
        error,
        permission_error,
        preview,
        preview_path: scope.path("live-queries/preview"),
    };
    layout::page(status, &page)
}

fn row(scope: &Scope, query: LiveQuery) -> Row {
    let topic = scope.topics.topic_of(&query);
    Row {
        path: scope.path(&format!("live-queries/{}", segment(&query.name))),
        rate: traffic::rate(&scope.state().samples, scope.name(), &query, &topic)
            .map_or("\u{2013}".to_owned(), figures::rate),
        high_watermark: traffic::high_watermark(&scope.topics, &topic).map_or(String::new(), figures::count),
        topic,
        query,
    }
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        Self {
            name: text("name"),
            collection: text("collection"),
            query: text("query"),
            query_language: QueryLanguage::of_name(form.text("query-language")).unwrap_or_default(),
            partitions: text("partitions"),
            snapshot: form.text("on-gap") == "snapshot",
            compression: Compression::of_name(form.text("compression")).unwrap_or_default(),
            permission: text(PERMISSION),
        }
    }

    fn live_query(&self, permission: Option<PermissionDocument>) -> Result<NewLiveQuery, String> {
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let partitions = match self.partitions.as_str() {
            "" => 1,
            text => text.parse().map_err(|_| format!("Partitions must be a number from 1 to 1000, not {text:?}."))?,
        };
        Ok(NewLiveQuery {
            name: self.name.clone(),
            collection: filled(&self.collection),
            query: filled(&self.query),
            query_language: self.query_language,
            partitions,
            on_gap: if self.snapshot { OnGap::Snapshot } else { OnGap::Requery },
            compression: self.compression,
            permission,
        })
    }
}
