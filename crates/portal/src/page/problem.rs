//! The page of everything that failed: what happened, and what to do.
//!
//! What a form came to has an address of its own while its session lives, so that the page can be
//! loaded again, and come back to, without the form being sent once more.

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::Response,
};

use crate::{
    failure::{Failure, Told},
    layout::{self, Layout},
    scope::Visit,
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
pub(crate) fn render(state: &State, visitor: &Visitor, path: &str, told: Told, response: Response) -> Response {
    let mut shown = page(state, visitor, path, &told, response.status());
    for name in [header::RETRY_AFTER, header::CONNECTION, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown
}

/// What a form of this session came to.
pub(crate) async fn show_again(visit: Visit) -> Result<Response, Failure> {
    let number = visit.param("number").parse().unwrap_or(0);
    let kept = visit.visitor.session.and_then(|key| visit.state.sessions.with(key, |it| it.problem(number))).flatten();
    let problem = kept.ok_or(Failure::PageNotFound)?;
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(page(&visit.state, &visit.visitor, &problem.path, &problem.told, status))
}

fn page(state: &State, visitor: &Visitor, path: &str, told: &Told, status: StatusCode) -> Response {
    let title = status.canonical_reason().unwrap_or("It did not work");
    let app = named_app(path).filter(|app| state.has_app(app));
    let app = app.unwrap_or(state.options.default_app.as_str());
    let layout = Layout::new(state, Some(visitor), app, title, None);
    layout::page(status, &Problem { layout, status: status.as_u16(), what: sentence(&told.what), advice: told.advice })
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
