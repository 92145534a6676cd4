//! An app at a glance.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    scope::Scope,
};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    layout: Layout,
    high_watermark: String,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let high_watermark = figures::count(scope.app.events().high_watermark());
    Ok(layout::page(StatusCode::OK, &Overview { layout: scope.layout("Overview", Section::Overview), high_watermark }))
}
