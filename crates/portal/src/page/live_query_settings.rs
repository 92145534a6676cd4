//! Live Query Settings: what a consumer has to be given, with the words of the vendor's page.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use operations::FILES;
use wire::admin::LiveQuerySettings;

use crate::{
    failure::Failure,
    layout::{self, Layout, Section},
    limits::TOPICS_OFFERED_MAX,
    reading::trial::{self, Trial, Verdict},
    scope::{Scope, segment},
    snippet::{self, Filling, Snippet},
};

#[derive(Template)]
#[template(path = "live_query_settings.html")]
struct SettingsPage {
    layout: Layout,
    topic: String,
    settings: LiveQuerySettings,
    /// Where the HTTP API is on the endpoint's port.
    http_api: String,
    /// Every live query: its topic, its name, whether it is the one that is shown.
    topics: Vec<(String, String, bool)>,
    user: Option<String>,
    /// Where downloads are, up to the file's name, and what follows it.
    files: String,
    files_query: String,
    snippets: [Snippet; 5],
    trial: Option<Trial>,
}

/// Of the main feed and the app's own user; `?topic=` and `?user=` name others. After the Test button,
/// with what it finds now.
pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let user = scope.visit.query.filled("user").map(str::to_owned);
    let topic = chosen_topic(&scope, scope.visit.query.filled("topic"))?;
    let bundle = scope.state().operations.bundle_files(scope.name(), user.as_deref())?;
    let directory = bundle.directory.clone();
    let settings = tokio::task::spawn_blocking(move || bundle.settings()).await??;
    let is_tested = scope.visit.names_draft() && scope.visit.draft(&action(&scope)).is_some();
    let trial = if is_tested { Some(trial::run(&directory, &settings.endpoint, &topic).await) } else { None };
    let page = SettingsPage { trial, ..filled_in(&scope, topic, user, settings) };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Where the Test button's form goes.
fn action(scope: &Scope) -> String {
    scope.path("settings/test")
}

/// Leads to the same page with what the Test button finds.
pub(crate) async fn test(scope: Scope) -> Result<Response, Failure> {
    let form = &scope.visit.form;
    let topic = chosen_topic(&scope, form.filled("topic"))?;
    let user = form.filled("user").map(|user| format!("&user={}", segment(user))).unwrap_or_default();
    let page = scope.path(&format!("settings?topic={}{user}#test", segment(&topic)));
    Ok(scope.visit.again(&action(&scope), &page, None))
}

/// One of the certificate files, as it lies on disk.
pub(crate) async fn download(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("file");
    let absent = || Failure::NotFound { kind: "file", name: name.to_owned() };
    let (name, content_type) = FILES.into_iter().find(|(known, _)| *known == name).ok_or_else(absent)?;
    let bundle = scope.state().operations.bundle_files(scope.name(), scope.visit.query.filled("user"))?;
    let bytes = tokio::task::spawn_blocking(move || bundle.read(name)).await??;
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")).expect("its name is plain");
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type)), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

fn chosen_topic(scope: &Scope, topic: Option<&str>) -> Result<String, Failure> {
    let main = scope.topics.main();
    let topic = topic.unwrap_or(main.name());
    match scope.topics.by_name(topic) {
        Some(found) => Ok(found.name().to_owned()),
        None => Err(Failure::NotFound { kind: "topic", name: topic.to_owned() }),
    }
}

fn filled_in(scope: &Scope, topic: String, user: Option<String>, settings: LiveQuerySettings) -> SettingsPage {
    let filling = Filling::of(&settings, &topic);
    let of_topic = |query: topics::LiveQuery| {
        let name = scope.topics.topic_of(&query);
        let chosen = name == topic;
        (name, query.name, chosen)
    };
    let mut topics: Vec<_> = scope.topics.live_queries().into_iter().map(of_topic).collect();
    let chosen = topics.iter().position(|(_, _, chosen)| *chosen).unwrap_or(0);
    if chosen >= TOPICS_OFFERED_MAX {
        topics.swap(TOPICS_OFFERED_MAX - 1, chosen);
    }
    topics.truncate(TOPICS_OFFERED_MAX);
    let default_app = &scope.state().options.default_app;
    let base = if scope.name() == default_app.as_str() { String::new() } else { format!("/{}", scope.name()) };
    SettingsPage {
        http_api: format!("https://{}{base}/api/v4", settings.endpoint),
        layout: scope.layout("Live Query Settings", Section::Settings),
        topics,
        files: scope.path("settings/files/"),
        files_query: user.as_deref().map(|user| format!("?user={}", segment(user))).unwrap_or_default(),
        snippets: snippet::all(filling),
        trial: None,
        user,
        topic,
        settings,
    }
}
