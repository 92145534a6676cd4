//! An app at a glance, live; and while it is empty, the way from there to a first consumed event.
//!
//! The figures and the charts are fragments of their own, which the page's script asks for again and again.

use std::time::Duration;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use operations::GroupLag;
use store::{App, AppStats};
use topics::AppTopics;

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::GROUPS_SHOWN_MAX,
    page::{
        overview_charts::{self, Charts, Range},
        warning_strip::Strip,
    },
    plural,
    reading::{
        process_memory,
        samples::Lately,
        timeline::{GroupPoint, Thing},
        trial::{self, Trial, Verdict},
    },
    scope::{Scope, segment},
    snippet::{self, Filling},
    state::State,
    table,
};

/// What counts as now, for rates.
const RATE_SPAN: Duration = Duration::from_secs(10);
/// What counts as now, for latencies.
const LATENCY_SPAN: Duration = Duration::from_secs(60);
/// The peer of what is written here, as events show it.
pub(crate) const PEER: &str = "portal";

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    layout: Layout,
    now: Now,
    guide: Option<Guide>,
    now_path: String,
    charts: Charts,
    charts_path: String,
}

#[derive(Template)]
#[template(path = "overview_now.html")]
struct NowFragment {
    now: Now,
}

/// The figures.
struct Now {
    /// Name, value, a note on it.
    figures: Vec<(&'static str, String, String)>,
    strip: Strip,
    takes_writes: bool,
    /// With how far behind each is, in words.
    groups: Vec<(GroupLag, String)>,
    groups_left_out: usize,
    consumers_path: String,
    has_events: bool,
}

/// The way to a first consumed event.
struct Guide {
    script: String,
    curl: String,
    settings_path: String,
    write_path: String,
    /// Once there is an event: what a consumer got.
    trial: Option<Trial>,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let now = now(&scope).await?;
    let wanted = scope.visit.query.filled("guide").is_some();
    let guide = if wanted || !now.has_events { Some(guide(&scope, now.has_events).await?) } else { None };
    let range = Range::of(&scope.visit.query);
    let charts = overview_charts::of_app(&scope, range);
    let page = Overview {
        layout: scope.layout("Overview", Section::Overview),
        now,
        guide,
        now_path: scope.path("now"),
        charts,
        charts_path: scope.path(&format!("charts?range={range}")),
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// The figures alone.
pub(crate) async fn fragment(scope: Scope) -> Result<Response, Failure> {
    Ok(layout::page(StatusCode::OK, &NowFragment { now: now(&scope).await? }))
}

/// Writes the document of the vendor's page, as its cURL does.
pub(crate) async fn write_first(scope: Scope) -> Result<Response, Failure> {
    let committed = scope.app.commit(susan()).await?;
    Ok(scope.done(format!("Written as transaction {}.", committed.txn_id.0), "?guide=1"))
}

fn susan() -> Changeset {
    let fields = Value::from_json(br#"{"name":"Susan","age":31}"#).expect("it is JSON");
    let Value::Map(value) = fields else { unreachable!("it is an object") };
    let operation = Operation {
        collection: CollectionName::new("people").expect("a collection's name"),
        id: DocumentId::from_value(&Value::String("abc123".into())).expect("an id"),
        condition: Condition::Always,
        action: Action::upsert(value),
    };
    let origin = Origin { peer: PEER.to_owned(), ..Origin::default() };
    Changeset { operations: vec![operation], queries: Vec::new(), origin }
}

async fn now(scope: &Scope) -> Result<Now, Failure> {
    let (state, app, topics) = (scope.state().clone(), scope.app.clone(), scope.topics.clone());
    let consumers_path = scope.path("consumers");
    // Sizes are asked of the file system.
    Ok(tokio::task::spawn_blocking(move || Now::of(&state, &app, &topics, consumers_path)).await?)
}

impl Now {
    fn of(state: &State, app: &App, topics: &AppTopics, consumers_path: String) -> Self {
        let (groups, groups_left_out) = state.operations.groups(topics).first(GROUPS_SHOWN_MAX);
        let behind = |group: GroupLag| {
            let thing = Thing::Group(app.name().as_str().to_owned(), group.name.clone());
            let age_ms = state.timelines.latest(&thing).map(|point| point[GroupPoint::AGE_MS]);
            let words = figures::lag(group.lag(), age_ms);
            (group, words)
        };
        let high_watermark = app.events().high_watermark();
        let lately = |span| state.samples.lately(app.name().as_str(), span);
        let mut figures = rates(lately(RATE_SPAN).as_ref());
        figures.push(latency(lately(LATENCY_SPAN).as_ref()));
        figures.extend(sizes(&app.stats()));
        figures.push(events_kept(app, high_watermark));
        Self {
            figures,
            strip: Strip::of(state, app.name().as_str()),
            takes_writes: app.write_obstacle().is_none(),
            groups: groups.into_iter().map(behind).collect(),
            groups_left_out,
            consumers_path,
            has_events: high_watermark > 0,
        }
    }

    /// The group's own page.
    fn path_of(&self, group: &str) -> String {
        format!("{}/{}", self.consumers_path, segment(group))
    }
}

type Figure = (&'static str, String, String);

fn rates(lately: Option<&Lately>) -> Vec<Figure> {
    let Some(lately) = lately else {
        return vec![("Writes", "\u{2013}".to_owned(), "measuring".to_owned())];
    };
    let span = format!("last {} s", lately.span.as_secs());
    vec![
        ("Transactions", format!("{}/s", figures::rate(lately.rate(lately.transactions))), span.clone()),
        ("Events", format!("{}/s", figures::rate(lately.rate(lately.events))), span),
    ]
}

fn latency(lately: Option<&Lately>) -> Figure {
    let quantile = |part| lately.and_then(|lately| lately.commit_quantile(part));
    let shown = |seconds: f64| match seconds {
        f64::INFINITY => "> 5 s".to_owned(),
        seconds => figures::micros(seconds * 1e6),
    };
    match (quantile(0.5), quantile(0.95), quantile(0.99)) {
        (Some(p50), Some(p95), Some(p99)) => {
            let note = format!("p95 {}, p99 {}, last minute", shown(p95), shown(p99));
            ("Commit latency, p50", shown(p50), note)
        }
        _ => ("Commit latency", "\u{2013}".to_owned(), "no writes in the last minute".to_owned()),
    }
}

fn sizes(stats: &AppStats) -> Vec<Figure> {
    let segments = if stats.journal_segments == 1 { "segment" } else { "segments" };
    let memory = process_memory::resident_bytes().map_or("\u{2013}".to_owned(), figures::bytes);
    vec![
        ("Journal", figures::bytes(stats.journal_bytes), format!("{} {segments}", stats.journal_segments)),
        ("Documents", figures::bytes(stats.documents_bytes), "on disk".to_owned()),
        ("Disk", figures::bytes(stats.disk_free_bytes), "free".to_owned()),
        ("Memory", memory, "resident, whole server".to_owned()),
    ]
}

fn events_kept(app: &App, high_watermark: u64) -> Figure {
    let log_start = app.events().log_start();
    let kept = figures::count(app.events().count_between(log_start, high_watermark));
    let note = format!("log start {}, high watermark {}", figures::count(log_start), figures::count(high_watermark));
    ("Events kept", kept, note)
}

async fn guide(scope: &Scope, has_events: bool) -> Result<Guide, Failure> {
    let bundle = scope.state().operations.bundle_files(scope.name(), None)?;
    let directory = bundle.directory.clone();
    let settings = tokio::task::spawn_blocking(move || bundle.settings()).await??;
    let trial = match has_events {
        true => Some(trial::run(&directory, &settings.endpoint, &settings.topic).await),
        false => None,
    };
    Ok(Guide {
        script: snippet::script(Filling::of(&settings, &settings.topic)),
        curl: curl(scope),
        settings_path: scope.path("settings"),
        write_path: scope.path("first-document"),
        trial,
    })
}

fn curl(scope: &Scope) -> String {
    let state = scope.state();
    let is_default = scope.name() == state.options.default_app.as_str();
    let app = if is_default { String::new() } else { format!("/{}", scope.name()) };
    let base = format!("{}{app}", state.options.http_base);
    snippet::write_curl("", &base, state.credentials.is_closed())
}
