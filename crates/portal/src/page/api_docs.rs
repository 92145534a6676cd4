//! The HTTP API as `/openapi.json` describes it, for people: all calls, and a page for each with its types, its cURL
//! and a form that tries it.
//!
//! Not here: reading the description (`reading::description`), making a call (`page::api_call`).

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::api_call::{Call, Outcome, Typed};
use crate::{
    address::segment,
    failure::Failure,
    layout::{self, Layout, Section},
    prose,
    reading::description::{Description, Route},
    scope::Visit,
    table,
};

#[derive(Template)]
#[template(path = "api_docs.html")]
struct ApiDocs<'d> {
    layout: Layout,
    description: &'d Description,
}

impl ApiDocs<'_> {
    fn path_of(&self, route: &Route) -> String {
        page_path(route, &self.layout.app)
    }
}

#[derive(Template)]
#[template(path = "api_call.html")]
struct ApiCallPage<'d> {
    layout: Layout,
    group: &'d str,
    route: &'d Route,
    back: String,
    action: String,
    curl: String,
    typed: Typed,
    error: Option<String>,
    outcome: Option<Outcome>,
}

impl ApiCallPage<'_> {
    fn has_headers(&self) -> bool {
        self.route.parameters.iter().any(|field| field.place == "header" && !field.is_old)
    }
}

/// All calls.
pub(crate) async fn show(visit: Visit) -> Response {
    let layout = visit.layout("API docs", Some(Section::ApiDocs));
    layout::page(StatusCode::OK, &ApiDocs { layout, description: &visit.state.description })
}

/// One call.
pub(crate) async fn show_call(visit: Visit) -> Result<Response, Failure> {
    let route = named(&visit)?;
    let app = visit.named_app().to_owned();
    Ok(render(&visit, route, &app, Typed::examples(route, &app), None, None))
}

/// Makes the call that was typed, and shows what it answered.
pub(crate) async fn try_call(visit: Visit) -> Result<Response, Failure> {
    let route = named(&visit)?;
    let app = visit.named_app().to_owned();
    let typed = Typed::of(route, &visit.form);
    let outcome = match Call::of(route, &typed, &app, visit.state.options.default_app.as_str()) {
        Ok(call) => call.make(&visit.state, route, &typed.key).await,
        Err(message) => return Ok(render(&visit, route, &app, typed, Some(message), None)),
    };
    let mut response = render(&visit, route, &app, typed, None, Some(outcome));
    if !route.gives_secret() {
        // So that Back leads to what was answered.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    Ok(response)
}

/// The page of a call.
fn page_path(route: &Route, app: &str) -> String {
    format!("/portal/api-docs/{}?app={}", segment(&route.id), segment(app))
}

fn named(visit: &Visit) -> Result<&Route, Failure> {
    let id = visit.param("call");
    let found = visit.state.description.find(id);
    Ok(found.ok_or_else(|| Failure::NotFound { kind: "call", name: id.to_owned() })?.1)
}

fn render(
    visit: &Visit,
    route: &Route,
    app: &str,
    typed: Typed,
    error: Option<String>,
    outcome: Option<Outcome>,
) -> Response {
    let state = &visit.state;
    let group = state.description.find(&route.id).map_or("", |(group, _)| group.about.as_str());
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = ApiCallPage {
        layout: visit.layout_of(app, format!("{} · API docs", route.summary), Some(Section::ApiDocs)),
        group,
        back: format!("/portal/api-docs?app={}", segment(app)),
        action: page_path(route, app),
        curl: Call::shown(route, &typed, app, state.options.default_app.as_str()).curl(&state.options.http_base),
        route,
        typed,
        error,
        outcome,
    };
    layout::page(status, &page)
}
