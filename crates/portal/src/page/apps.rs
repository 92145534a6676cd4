//! Every app of the server: making one, and deleting one, for which its name is typed.
//!
//! Not here: what deleting does (`operations`).

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use operations::AppError;
use store::CreateAppError;

use crate::{
    failure::Failure,
    layout::{self, Layout},
    limits::ROWS_SHOWN_MAX,
    page::problem::sentence,
    scope::{Visit, app_path},
    table,
};

const PATH: &str = "/portal/apps";

#[derive(Template)]
#[template(path = "apps.html")]
struct AppsPage {
    layout: Layout,
    rows: Vec<Row>,
    left_out: usize,
    /// What was typed, where it could not be done.
    name: String,
    error: Option<String>,
}

struct Row {
    name: String,
    path: String,
    is_default: bool,
    /// Why it cannot be used.
    damage: Option<String>,
    delete_path: String,
}

#[derive(Template)]
#[template(path = "app_delete.html")]
struct DeletePage {
    layout: Layout,
    name: String,
    action: String,
    error: Option<String>,
}

pub(crate) async fn show(visit: Visit) -> Response {
    let draft = visit.draft(PATH).unwrap_or_default();
    render(&visit, draft.form.text("name").trim().to_owned(), draft.error)
}

/// Makes an app, and leads to its overview.
pub(crate) async fn create(visit: Visit) -> Result<Response, Failure> {
    let name = visit.form.text("name").trim().to_owned();
    match visit.state.operations.create_app(&name).await {
        Ok(made) => {
            visit.carried_out(PATH);
            visit.tell(true, format!("Created the app {}, with its topic and its certificates.", made.as_str()));
            Ok(Redirect::to(&app_path(made.as_str(), "")).into_response())
        }
        Err(error @ (AppError::Name(_) | AppError::Create(CreateAppError::Exists(_)))) => {
            Ok(visit.again(PATH, PATH, Some(sentence(&error.to_string()))))
        }
        Err(error) => Err(error.into()),
    }
}

/// What deleting an app would do.
pub(crate) async fn deletion(visit: Visit) -> Result<Response, Failure> {
    let name = named(&visit)?;
    let action = deletion_path(&name);
    let error = visit.draft(&action).unwrap_or_default().error;
    let layout = visit.layout(format!("Delete the app {name}"), None);
    Ok(layout::page(StatusCode::OK, &DeletePage { layout, name, action, error }))
}

/// Deletes an app whose name was typed.
pub(crate) async fn delete(visit: Visit) -> Result<Response, Failure> {
    let name = named(&visit)?;
    let path = deletion_path(&name);
    if visit.form.text("name").trim() != name {
        let error = format!("Nothing was deleted: type the app's name, {name}.");
        return Ok(visit.again(&path, &path, Some(error)));
    }
    let deleted = visit.state.operations.delete_app(&name).await?;
    visit.carried_out(&path);
    let rest = if deleted.is_finished { "" } else { " Its files go once nobody holds them any more." };
    visit.tell(true, format!("Deleted the app {name}, with everything that opened it.{rest}"));
    Ok(Redirect::to(PATH).into_response())
}

fn deletion_path(name: &str) -> String {
    app_path(name, "delete")
}

/// The app of the route, which may be damaged.
fn named(visit: &Visit) -> Result<String, Failure> {
    let name = visit.param("app");
    match visit.state.has_app(name) {
        true => Ok(name.to_owned()),
        false => Err(Failure::NotFound { kind: "app", name: name.to_owned() }),
    }
}

fn render(visit: &Visit, name: String, error: Option<String>) -> Response {
    let names = visit.state.app_names();
    let left_out = names.len().saturating_sub(ROWS_SHOWN_MAX);
    let rows = names.into_iter().take(ROWS_SHOWN_MAX).map(|name| row(visit, name)).collect();
    let page = AppsPage { layout: visit.layout("Apps", None), rows, left_out, name, error };
    layout::page(StatusCode::OK, &page)
}

fn row(visit: &Visit, name: String) -> Row {
    let state = &visit.state;
    let damage = state.data_dir.damage(&name).map(|damage| damage.to_string());
    Row {
        path: app_path(&name, ""),
        is_default: name == state.options.default_app.as_str(),
        damage: damage.or_else(|| state.credentials.bundle_damage(&name)),
        delete_path: deletion_path(&name),
        name,
    }
}
