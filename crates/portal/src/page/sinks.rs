//! The sinks of an app: where events are delivered to, what each does and why, how far behind it is.
//!
//! Making one is the command's and the API's: a form would hold passwords and keys.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use wire::admin::{SinkReply, SinkState};

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    moment,
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "sinks.html")]
struct SinksPage {
    layout: Layout,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    delivers: Option<String>,
    kind: String,
    target: String,
    /// The brokers, of one into a Kafka.
    at: Option<String>,
    state: SinkState,
    reason: Option<String>,
    next_try_ms: Option<u64>,
    lag: Option<String>,
    lag_time: Option<String>,
    events: String,
    errors: Option<String>,
    set_aside: Option<String>,
    path: String,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let sinks = scope.state().operations.sinks.list(&scope.topics);
    let rows = sinks.into_iter().map(|sink| row(&scope, sink)).collect();
    let page = SinksPage { layout: scope.layout("Sinks", Section::Sinks), rows };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(crate) async fn pause(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name").to_owned();
    scope.state().operations.sinks.set_paused(&scope.topics, &name, true).await?;
    Ok(scope.done(format!("Paused the sink {name}."), "sinks"))
}

pub(crate) async fn resume(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name").to_owned();
    scope.state().operations.sinks.set_paused(&scope.topics, &name, false).await?;
    Ok(scope.done(format!("The sink {name} goes on."), "sinks"))
}

pub(crate) async fn delete(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name").to_owned();
    scope.state().operations.sinks.delete(&scope.topics, &name).await?;
    Ok(scope.done(format!("Deleted the sink {name}. What it has delivered stays."), "sinks"))
}

fn row(scope: &Scope, sink: SinkReply) -> Row {
    let some = |count: u64| Some(count).filter(|count| *count > 0).map(figures::count);
    let at = sink.config.as_ref().and_then(|config| config.get("bootstrap.servers")).cloned();
    Row {
        path: scope.path(&format!("sinks/{}", segment(&sink.name))),
        name: sink.name,
        delivers: sink.live_query,
        kind: sink.kind,
        target: sink.topic.or(sink.url).unwrap_or_default(),
        at,
        state: sink.state,
        reason: sink.reason,
        next_try_ms: sink.next_try_ms,
        lag: sink.lag_events.map(figures::count),
        lag_time: sink.lag_ms.filter(|ms| *ms >= 1000).map(figures::span),
        events: figures::count(sink.events),
        errors: some(sink.errors),
        set_aside: sink.set_aside.and_then(some),
    }
}
