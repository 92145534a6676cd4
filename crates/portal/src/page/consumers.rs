//! The consumer groups of an app: who reads, and how far behind.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use operations::GroupLag;

use crate::{
    clip::Clipper,
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::{GROUPS_SHOWN_MAX, NAME_SHOWN_BYTES},
    plural,
    reading::timeline::{GroupPoint, Thing},
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "consumers.html")]
struct ConsumersPage {
    layout: Layout,
    rows: Vec<Row>,
    left_out: usize,
    settings: String,
}

struct Row {
    name: String,
    path: String,
    state: String,
    members: usize,
    topics: Vec<String>,
    events: String,
    is_behind: bool,
    /// As it was sampled last.
    age: Option<String>,
    is_trimmed: bool,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let (groups, left_out) = scope.state().operations.groups(&scope.topics).first(GROUPS_SHOWN_MAX);
    let mut clipper = Clipper::new(32 * 1024);
    let row = |group: GroupLag| {
        let mut topics: Vec<String> = group.partitions.iter().map(|place| place.topic.clone()).collect();
        topics.dedup();
        let thing = Thing::Group(scope.name().to_owned(), group.name.clone());
        let sampled = scope.state().timelines.latest(&thing);
        Row {
            path: scope.path(&format!("consumers/{}", segment(&group.name))),
            name: clipper.clip(&group.name, NAME_SHOWN_BYTES),
            topics: topics.into_iter().take(3).collect(),
            events: figures::count(group.lag()),
            is_behind: group.lag() > 0,
            age: sampled.map(|point| figures::span(point[GroupPoint::AGE_MS])),
            is_trimmed: group.gap_ahead(),
            members: group.members,
            state: group.state,
        }
    };
    let rows = groups.into_iter().map(row).collect();
    let layout = scope.layout("Consumers", Section::Consumers);
    let page = ConsumersPage { layout, rows, left_out, settings: scope.path("settings") };
    Ok(layout::page(StatusCode::OK, &page))
}
