//! The HTTP API as `/openapi.json` describes it, for people.
//!
//! Not here: reading the description (`reading::description`).

use askama::Template;
use axum::{http::StatusCode, response::Response};

use crate::{
    layout::{self, Layout, Section},
    reading::description::Description,
    scope::Visit,
};

#[derive(Template)]
#[template(path = "api_docs.html")]
struct ApiDocs<'d> {
    layout: Layout,
    description: &'d Description,
}

pub(crate) async fn show(visit: Visit) -> Response {
    let layout = visit.layout("API docs", Some(Section::ApiDocs));
    layout::page(StatusCode::OK, &ApiDocs { layout, description: &visit.state.description })
}
