//! The page of everything that failed: what happened, and what to do.

use askama::Template;
use axum::{http::header, response::Response};

use crate::{
    failure::Told,
    layout::{self, Layout},
    state::State,
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    layout: Layout,
    status: u16,
    what: String,
    advice: &'static str,
}

/// Puts the page into a failure's answer; `path` is what was asked for.
pub(crate) fn render(state: &State, visitor: Option<&Visitor>, path: &str, told: Told, response: Response) -> Response {
    let status = response.status();
    let title = status.canonical_reason().unwrap_or("It did not work");
    let app = named_app(path).filter(|app| state.has_app(app));
    let app = app.unwrap_or(state.options.default_app.as_str());
    let layout = Layout::new(state, visitor, app, title, None);
    let page = Problem { layout, status: status.as_u16(), what: sentence(&told.what), advice: told.advice };
    let mut shown = layout::page(status, &page);
    for name in [header::RETRY_AFTER, header::CONNECTION, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown
}

fn named_app(path: &str) -> Option<&str> {
    path.strip_prefix("/portal/apps/")?.split('/').next()
}

/// A message in lower case as a sentence.
pub(crate) fn sentence(message: &str) -> String {
    let mut characters = message.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}
