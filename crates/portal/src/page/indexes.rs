//! Indexes: all of an app's, how far each is built, making and dropping one.

use std::time::Duration;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::{CollectionName, Path};
use operations::IndexError;
use store::{CreateIndexError, IndexStatus};
use wire::{find::Sort, index::NewIndex};

use crate::{
    failure::Failure,
    figures,
    form::Form,
    layout::{self, Layout, Section},
    limits::ROWS_SHOWN_MAX,
    page::problem::sentence,
    scope::{Scope, segment},
    table,
};

/// How long the form's answer waits for a small index to be built.
const READY_WITHIN: Duration = Duration::from_secs(2);

#[derive(Template)]
#[template(path = "indexes.html")]
struct Indexes {
    layout: Layout,
    rows: Vec<Row>,
    left_out: usize,
    typed: Typed,
    error: Option<String>,
}

impl Indexes {
    /// Whether something was typed that was not created.
    fn is_open(&self) -> bool {
        self.error.is_some() || self.layout.begin_anew.is_some() || !self.typed.collection.is_empty()
    }
}

struct Row {
    name: String,
    collection: String,
    keys: String,
    is_ready: bool,
    entries: String,
    documents: String,
    /// Of a hundred.
    percent: u64,
    drop_path: String,
}

/// What the form holds.
#[derive(Debug, Default)]
struct Typed {
    name: String,
    collection: String,
    keys: String,
}

pub(crate) async fn show(scope: Scope) -> Response {
    let typed = |name: &str| scope.visit.query.text(name).to_owned();
    let (collection, keys) = (typed("collection"), typed("keys"));
    // What the address asks for counts more than what was typed once and left.
    let is_asked = !(collection.is_empty() && keys.is_empty());
    match scope.visit.draft(&action(&scope)).filter(|_| !is_asked) {
        Some(draft) => page(&scope, StatusCode::OK, Typed::of(&draft.form), draft.error),
        None => page(&scope, StatusCode::OK, Typed { collection, keys, ..Typed::default() }, None),
    }
}

/// Where the form goes.
fn action(scope: &Scope) -> String {
    scope.path("indexes")
}

/// Makes an index.
pub(crate) async fn create(scope: Scope) -> Result<Response, Failure> {
    let typed = Typed::of(&scope.visit.form);
    let again = |error| Ok(scope.visit.again(&action(&scope), &scope.path("indexes#create"), Some(error)));
    let new = match typed.new_index() {
        Ok(new) => new,
        Err(message) => return again(message),
    };
    let made = scope.state().operations.create_index(&scope.app, new, READY_WITHIN).await;
    let words = match made {
        Ok(made) if made.is_ready => format!("Created the index {}.", typed.name),
        Ok(_) => format!("Created the index {}. It is being built.", typed.name),
        Err(
            error @ (IndexError::Definition(_)
            | IndexError::Create(CreateIndexError::NameTaken { .. } | CreateIndexError::TooMany)),
        ) => return again(sentence(&error.to_string())),
        Err(error) => return Err(error.into()),
    };
    scope.visit.carried_out(&action(&scope));
    Ok(scope.done(words, "indexes"))
}

pub(crate) async fn drop(scope: Scope) -> Result<Response, Failure> {
    let (collection, name) = (scope.visit.param("collection").to_owned(), scope.visit.param("name").to_owned());
    scope.state().operations.drop_index(&scope.app, &collection, &name).await?;
    Ok(scope.done(format!("Dropped the index {name} of {collection}."), "indexes"))
}

fn page(scope: &Scope, status: StatusCode, typed: Typed, error: Option<String>) -> Response {
    let indexes = scope.app.indexes();
    let left_out = indexes.len().saturating_sub(ROWS_SHOWN_MAX);
    let rows = indexes.into_iter().take(ROWS_SHOWN_MAX).map(|index| row(scope, &index)).collect();
    let layout = scope.layout("Indexes", Section::Indexes);
    layout::page(status, &Indexes { layout, rows, left_out, typed, error })
}

fn row(scope: &Scope, index: &IndexStatus) -> Row {
    let IndexStatus { definition, is_ready, entries, documents } = index;
    let (name, collection) = (definition.name.clone(), definition.collection.as_str().to_owned());
    let key = |key: &store::IndexKey| match key.descending {
        true => format!("{} desc", key.path),
        false => key.path.to_string(),
    };
    Row {
        keys: definition.keys.iter().map(key).collect::<Vec<_>>().join(", "),
        is_ready: *is_ready,
        entries: figures::count(*entries),
        documents: figures::count(*documents),
        percent: (entries * 100 / (*documents).max(1)).min(100),
        drop_path: scope.path(&format!("indexes/{}/{}/drop", segment(&collection), segment(&name))),
        name,
        collection,
    }
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        Self { name: text("name"), collection: text("collection"), keys: text("keys") }
    }

    fn new_index(&self) -> Result<NewIndex, String> {
        let collection = CollectionName::new(&self.collection).map_err(|error| sentence(&error.to_string()))?;
        let keys = self.keys.split(',').map(str::trim).filter(|key| !key.is_empty()).map(|key| {
            let (property, descending) = match key.rsplit_once(|letter: char| letter.is_whitespace() || letter == ':') {
                Some((property, direction)) if direction.eq_ignore_ascii_case("desc") => (property.trim(), true),
                Some((property, direction)) if direction.eq_ignore_ascii_case("asc") => (property.trim(), false),
                Some((property, other)) if !other.contains(']') => {
                    return Err(format!(
                        "A direction is asc or desc, not {other:?}. A field of that name is written ['{property} {other}']."
                    ));
                }
                _ => (key, false),
            };
            let property = Path::parse(property).map_err(|error| sentence(&format!("{property:?}: {error}")))?;
            Ok::<_, String>(Sort { property, descending })
        });
        Ok(NewIndex { name: self.name.clone(), collection, keys: keys.collect::<Result<_, _>>()? })
    }
}
