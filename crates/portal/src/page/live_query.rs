//! One live query: what it carries, how fast, who reads it, and how long what it carries is kept.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use operations::GroupLag;
use topics::{Compression, LiveQuery, MAIN, OnGap};
use wire::admin::LiveQueryChange;

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::GROUPS_SHOWN_MAX,
    moment,
    reach::Reach,
    reading::{kept::Kept, traffic},
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "live_query.html")]
struct LiveQueryPage {
    layout: Layout,
    query: LiveQuery,
    topic: String,
    /// Which documents it may carry; `None`: all.
    permission: Option<Reach>,
    is_main: bool,
    rate: String,
    high_watermark: String,
    /// What is kept, and what is left until it is not: name, value, note.
    kept: Vec<(&'static str, String, String)>,
    groups: Vec<Reader>,
    groups_left_out: usize,
    path: String,
    settings_path: String,
}

/// A group that has committed on the topic.
struct Reader {
    group: GroupLag,
    lag: u64,
    gap_ahead: bool,
    /// Partitions that it has committed in.
    partitions: usize,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let query = named(&scope, scope.visit.param("name"))?;
    render(&scope, query).await
}

/// The page of a live query whose name another route has taken.
pub(crate) async fn show_named(scope: &Scope, name: &str) -> Result<Response, Failure> {
    render(scope, named(scope, name)?).await
}

async fn render(scope: &Scope, query: LiveQuery) -> Result<Response, Failure> {
    let topic = scope.topics.topic_of(&query);
    let (state, topics) = (scope.state().clone(), scope.topics.clone());
    let (groups, _) = tokio::task::spawn_blocking(move || state.operations.groups(&topics).first(usize::MAX)).await?;
    let mut readers: Vec<Reader> = groups.into_iter().filter_map(|group| reader(group, &topic)).collect();
    let groups_left_out = readers.len().saturating_sub(GROUPS_SHOWN_MAX);
    readers.truncate(GROUPS_SHOWN_MAX);
    let page = LiveQueryPage {
        layout: scope.layout(format!("Live query {}", query.name), Section::LiveQueries),
        permission: query.permission.as_ref().map(|carried| {
            let collection = query.collection.as_deref().unwrap_or_default();
            Reach::of_carried(carried, collection, "headwater live-query show --json")
        }),
        is_main: query.name == MAIN,
        rate: traffic::rate(&scope.state().samples, scope.name(), &query, &topic)
            .map_or("\u{2013}".to_owned(), figures::rate),
        high_watermark: traffic::high_watermark(&scope.topics, &topic).map_or(String::new(), figures::count),
        kept: kept(scope, &Kept::of(&scope.app, scope.state().now_ms()).await),
        groups: readers,
        groups_left_out,
        path: scope.path(&format!("live-queries/{}", segment(&query.name))),
        settings_path: scope.path(&format!("settings?topic={}", segment(&topic))),
        topic,
        query,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

pub(crate) async fn delete(scope: Scope) -> Result<Response, Failure> {
    let query = named(&scope, scope.visit.param("name"))?;
    scope.state().operations.delete_live_query(&scope.topics, &query.name).await?;
    Ok(scope.done(
        format!("Deleted the live query {}, its topic, and what groups had committed on it.", query.name),
        "live-queries",
    ))
}

/// Sets what a consumer gets when events were trimmed.
pub(crate) async fn set_on_gap(scope: Scope) -> Result<Response, Failure> {
    let query = named(&scope, scope.visit.param("name"))?;
    let on_gap = match scope.visit.form.text("on-gap") {
        "requery" => OnGap::Requery,
        "snapshot" => OnGap::Snapshot,
        other => return Err(Failure::BadInput(format!("a gap gets \"requery\" or \"snapshot\", not {other:?}"))),
    };
    change(&scope, &query, LiveQueryChange { on_gap: Some(on_gap), compression: None }).await?;
    Ok(scope.done(
        match on_gap {
            OnGap::Requery => "Saved. When events were trimmed, consumers get a list of the documents.",
            OnGap::Snapshot => "Saved. When events were trimmed, consumers get the documents as they are.",
        },
        &format!("live-queries/{}", segment(&query.name)),
    ))
}

/// Sets how the topic is compressed.
pub(crate) async fn set_compression(scope: Scope) -> Result<Response, Failure> {
    let query = named(&scope, scope.visit.param("name"))?;
    let given = scope.visit.form.text("compression");
    let compression = Compression::of_name(given);
    let compression = compression.ok_or_else(|| Failure::BadInput(format!("{given:?} is no compression")))?;
    change(&scope, &query, LiveQueryChange { on_gap: None, compression: Some(compression) }).await?;
    let text = format!("From now on Kafka clients get the topic with the compression {}.", compression.name());
    Ok(scope.done(text, &format!("live-queries/{}", segment(&query.name))))
}

fn named(scope: &Scope, name: &str) -> Result<LiveQuery, Failure> {
    Ok(scope.state().operations.live_query(&scope.topics, name)?)
}

async fn change(scope: &Scope, query: &LiveQuery, change: LiveQueryChange) -> Result<(), Failure> {
    scope.state().operations.change_live_query(&scope.topics, &query.name, change).await?;
    Ok(())
}

fn reader(group: GroupLag, topic: &str) -> Option<Reader> {
    let own = group.on_topic(topic);
    if own.is_empty() && group.name != topic {
        return None;
    }
    let (lag, gap_ahead) = (own.iter().map(|it| it.lag).sum(), own.iter().any(|it| it.gap_ahead));
    Some(Reader { lag, gap_ahead, partitions: own.len(), group })
}

/// Retention is the journal's: the same for every live query of the app.
fn kept(scope: &Scope, found: &Kept) -> Vec<(&'static str, String, String)> {
    let options = &scope.state().options;
    let &Kept { log_start, age_ms, journal_bytes } = found;
    let age = age_ms.map_or("\u{2013}".to_owned(), figures::span);
    let mut kept =
        vec![("Oldest event kept", age, format!("old; offset {} of the journal", figures::count(log_start)))];
    if let Some(limit_ms) = options.retention_ms {
        let left = limit_ms.saturating_sub(age_ms.unwrap_or(0));
        kept.push(("Left by age", figures::span(left), format!("at least; kept for {}", figures::span(limit_ms))));
    }
    if let Some(limit) = options.retention_bytes {
        let left = figures::bytes(limit.saturating_sub(journal_bytes));
        kept.push(("Left by size", left, format!("at least; {} are kept", figures::bytes(limit))));
    }
    if options.retention_ms.is_none() && options.retention_bytes.is_none() {
        kept.push(("Retention", "everything".to_owned(), "no limit is set".to_owned()));
    }
    kept
}
