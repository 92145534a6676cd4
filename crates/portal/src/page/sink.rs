//! One sink: how it is set up, how far it is, what it has set aside.
//!
//! Invariant: no secret is shown.
//! Not here: pausing, resuming and deleting it (`page::sinks`).

use askama::Template;
use axum::{http::StatusCode, response::Response};
use sinks::SetAsideEvent;
use wire::admin::{OnGap, SinkFormat, SinkReply, SinkStart, SinkState};

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::{ROWS_SHOWN_MAX, SET_ASIDE_SHOWN_BYTES},
    moment, plural,
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "sink.html")]
struct SinkPage {
    layout: Layout,
    sink: SinkReply,
    target: String,
    lag: String,
    /// Since when the oldest of them waits.
    lag_time: Option<String>,
    rate: String,
    /// Names and values; `***` for a secret.
    config: Vec<(String, String)>,
    set_aside: Vec<SetAsideRow>,
    left_out: u64,
    path: String,
}

struct SetAsideRow {
    event: SetAsideEvent,
    /// As much of it as is shown.
    shown: String,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name");
    let sinks = &scope.state().operations.sinks;
    let sink = sinks.show(&scope.topics, name)?;
    let set_aside = match sink.url {
        Some(_) => sinks.set_aside(&scope.topics, name, None, ROWS_SHOWN_MAX).await?,
        None => Vec::new(),
    };
    let left_out = sink.set_aside.unwrap_or(0).saturating_sub(set_aside.len() as u64);
    let page = SinkPage {
        layout: scope.layout(format!("Sink {name}"), Section::Sinks),
        target: sink.url.clone().or_else(|| sink.topic.clone()).unwrap_or_default(),
        lag: sink.lag_events.map_or("\u{2013}".to_owned(), figures::count),
        lag_time: sink.lag_ms.filter(|ms| *ms >= 1000).map(figures::span),
        rate: figures::rate(sink.events_last_minute as f64 / 60.0),
        config: sink.config.clone().unwrap_or_default().into_iter().collect(),
        set_aside: set_aside.into_iter().map(row).collect(),
        left_out,
        path: scope.path(&format!("sinks/{}", segment(name))),
        sink,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn row(event: SetAsideEvent) -> SetAsideRow {
    let end = event.value.floor_char_boundary(SET_ASIDE_SHOWN_BYTES);
    let is_cut = end < event.value.len();
    SetAsideRow { shown: format!("{}{}", &event.value[..end], if is_cut { "…" } else { "" }), event }
}

/// Sends one event once more, or all that are set aside.
pub(crate) async fn replay(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name");
    let count = scope.state().operations.sinks.replay(&scope.topics, name, chosen(&scope)?).await?;
    let text = format!("{} will be sent once more, as soon as the sink runs.", plural::counted(count, "event"));
    Ok(scope.done(text, &page_of(name)))
}

/// Forgets one event, or all that are set aside.
pub(crate) async fn drop_set_aside(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name");
    let count = scope.state().operations.sinks.drop_set_aside(&scope.topics, name, chosen(&scope)?).await?;
    Ok(scope.done(format!("Dropped {}.", plural::counted(count, "event")), &page_of(name)))
}

fn page_of(name: &str) -> String {
    format!("sinks/{}", segment(name))
}

/// The number of the event that the form names; `None`: all.
fn chosen(scope: &Scope) -> Result<Option<Vec<u64>>, Failure> {
    let given = scope.visit.form.text("id");
    if given.is_empty() {
        return Ok(None);
    }
    let id = given.parse().map_err(|_| Failure::BadInput(format!("{given:?} is no number of an event")))?;
    Ok(Some(vec![id]))
}
