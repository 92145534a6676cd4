//! Live Query Settings: what a consumer has to be given, with the words of the vendor's page.

use std::path::PathBuf;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use credentials::DEFAULT_USER;
use operations::{FILES, FilesError};
use wire::admin::LiveQuerySettings;

use crate::{
    failure::Failure,
    form::Form,
    layout::{self, Layout, Section},
    limits::{TOPICS_OFFERED_MAX, USERS_OFFERED_MAX},
    page::settings_received::{Received, chosen_topic},
    reading::trial::{self, Trial, Verdict},
    scope::{Scope, segment},
    snippet::{self, Filling, Snippet},
    state::State,
    table,
};

/// What is shown here, as Java's clients name it, and as librdkafka does.
const MAPPING: [(&str, &str, &str); 9] = [
    ("Endpoint", "bootstrap.servers", "bootstrap.servers"),
    ("Kafka Group", "group.id", "group.id"),
    ("(mutual TLS)", "security.protocol=SSL", "security.protocol=ssl"),
    ("Cluster Certificate", "ssl.truststore.location=cluster.p12", "ssl.ca.location=ca.pem"),
    ("its kind", "ssl.truststore.type=PKCS12", ""),
    ("its password", "ssl.truststore.password", ""),
    ("User Certificate", "ssl.keystore.location=user.p12", "ssl.certificate.location=user.pem"),
    ("its kind", "ssl.keystore.type=PKCS12", "ssl.key.location=user.key"),
    ("its password", "ssl.keystore.password", ""),
];

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
    users: Vec<(String, bool)>,
    /// Where downloads are, up to the file's name, and what follows it.
    files: String,
    files_query: String,
    snippets: [Snippet; 5],
    /// The same files and more in one.
    archive: String,
    trial: Option<Trial>,
    received: Received,
    received_path: String,
}

/// What the page is about.
struct Chosen {
    topic: String,
    user: Option<String>,
    settings: LiveQuerySettings,
    /// Where the files are.
    directory: PathBuf,
    /// Everybody whose files can be shown, and whether it is them.
    users: Vec<(String, bool)>,
}

impl Chosen {
    async fn of(scope: &Scope, fields: &Form) -> Result<Self, Failure> {
        let user = fields.filled("user").map(str::to_owned);
        let topic = chosen_topic(scope, fields.filled("topic"))?;
        let bundle = scope.state().operations.bundle_files(scope.name(), user.as_deref())?;
        let (state, app) = (scope.state().clone(), scope.name().to_owned());
        let shown = user.clone().unwrap_or_else(|| DEFAULT_USER.to_owned());
        let read = move || Ok::<_, FilesError>((bundle.settings()?, bundle.directory, users(&state, &app, &shown)));
        let (settings, directory, users) = tokio::task::spawn_blocking(read).await??;
        Ok(Self { topic, user, settings, directory, users })
    }
}

/// Whose certificates are good, the app's own user first. Looks at the disk for each.
fn users(state: &State, app: &str, shown: &str) -> Vec<(String, bool)> {
    let is_there = |user: &str| {
        let files = state.operations.bundle_files(app, Some(user));
        files.is_ok_and(|files| files.exist().unwrap_or(false))
    };
    let good = state.credentials.users(Some(app)).into_iter().filter(|one| one.revoked_ms.is_none());
    let mut names: Vec<String> = good.map(|one| one.user).filter(|user| is_there(user)).collect();
    names.sort_by_key(|user| (user != shown, user != DEFAULT_USER, user.clone()));
    names.dedup();
    names.truncate(USERS_OFFERED_MAX);
    names.sort_by_key(|user| (user != DEFAULT_USER, user.clone()));
    let chosen = |user: String| {
        let is_shown = user == shown;
        (user, is_shown)
    };
    names.into_iter().map(chosen).collect()
}

/// Of the main feed and the app's own user; `?topic=` and `?user=` name others. After the Test button,
/// with what it finds now.
pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let chosen = Chosen::of(&scope, &scope.visit.query).await?;
    let is_tested = scope.visit.names_draft() && scope.visit.draft(&action(&scope)).is_some();
    let trial = match is_tested {
        true => Some(trial::run(&chosen.directory, &chosen.settings.endpoint, &chosen.topic).await),
        false => None,
    };
    let page = SettingsPage { trial, ..filled_in(&scope, chosen) };
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

/// All of them in one ZIP archive, in a folder of the app's name.
pub(crate) async fn archive(scope: Scope) -> Result<Response, Failure> {
    let user = scope.visit.query.filled("user").map(str::to_owned);
    let bundle = scope.state().operations.bundle_files(scope.name(), user.as_deref())?;
    let folder = match &user {
        Some(user) => format!("headwater-{}-{user}", scope.name()),
        None => format!("headwater-{}", scope.name()),
    };
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{folder}.zip\"")).expect("names are plain");
    let bytes = tokio::task::spawn_blocking(move || bundle.archive(&folder)).await??;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, bytes).into_response())
}

fn filled_in(scope: &Scope, chosen: Chosen) -> SettingsPage {
    let Chosen { topic, user, settings, users, .. } = chosen;
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
    let with_user = user.as_deref().map(|user| format!("?user={}", segment(user))).unwrap_or_default();
    let default_app = &scope.state().options.default_app;
    let base = if scope.name() == default_app.as_str() { String::new() } else { format!("/{}", scope.name()) };
    SettingsPage {
        http_api: format!("https://{}{base}/api/v4", settings.endpoint),
        layout: scope.layout("Live Query Settings", Section::Settings),
        topics,
        users,
        files: scope.path("settings/files/"),
        archive: scope.path(&format!("settings/bundle.zip{with_user}")),
        files_query: with_user,
        received: Received::of(scope, &topic),
        received_path: scope.path(&format!("settings/received?topic={}", segment(&topic))),
        snippets: snippet::all(filling),
        trial: None,
        user,
        topic,
        settings,
    }
}
