//! What surrounds every page: title, app switcher, navigation, messages.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{address::app_path, asset, session::Flash, state::State, visitor::Visitor};

/// The parts of an app's portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Settings,
    LiveQueries,
    Documents,
    Indexes,
    Events,
    Consumers,
    Sinks,
    Peers,
    Certificates,
    Keys,
    Tokens,
    ApiDocs,
    Audit,
}

/// What an entry of the navigation is made of: the section, its words, its path below the app's.
type Known = (Section, &'static str, &'static str);

/// The navigation by groups. The first has no name.
const NAVIGATION: [(&str, &[Known]); 5] = [
    ("", &[(Section::Overview, "Overview", "")]),
    ("Data", &[(Section::Documents, "Documents", "documents"), (Section::Indexes, "Indexes", "indexes")]),
    (
        "Stream",
        &[
            (Section::LiveQueries, "Live queries", "live-queries"),
            (Section::Events, "Events", "events"),
            (Section::Consumers, "Consumers", "consumers"),
            (Section::Sinks, "Sinks", "sinks"),
            (Section::Settings, "Live Query Settings", "settings"),
        ],
    ),
    (
        "Access",
        &[
            (Section::Keys, "Keys", "keys"),
            (Section::Tokens, "Tokens", "tokens"),
            (Section::Certificates, "Certificates", "certificates"),
            (Section::Peers, "Peers", "peers"),
            (Section::Audit, "Audit log", "/portal/audit-log"),
        ],
    ),
    ("Reference", &[(Section::ApiDocs, "API docs", "/portal/api-docs")]),
];

/// What the layout's template shows.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) title: String,
    pub(crate) app: String,
    /// Every other app, with the path of its page of this section.
    pub(crate) others: Vec<(String, String)>,
    pub(crate) groups: Vec<Group>,
    pub(crate) csrf: String,
    pub(crate) signed_in: bool,
    pub(crate) flashes: Vec<Flash>,
    /// Where the page is without what was typed on it before, if it shows that.
    pub(crate) begin_anew: Option<String>,
    pub(crate) version: String,
}

/// Links of the navigation that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// A link of the navigation.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name in `templates/icons.html`.
    pub(crate) icon: &'static str,
    pub(crate) words: &'static str,
    pub(crate) path: String,
    pub(crate) is_here: bool,
}

impl Layout {
    /// Takes the messages that wait for the visitor.
    pub(crate) fn new(
        state: &State,
        visitor: Option<&Visitor>,
        app: &str,
        title: impl Into<String>,
        section: Option<Section>,
    ) -> Self {
        let session = visitor.and_then(|visitor| visitor.session);
        let here = NAVIGATION.iter().flat_map(|(_, known)| *known).find(|entry| Some(entry.0) == section);
        let rest = here.map_or("", |entry| entry.2);
        let others = state.app_names().into_iter().filter(|name| name != app && session.is_some());
        Self {
            title: title.into(),
            app: app.to_owned(),
            others: others.map(|name| (shown_name(state, &name), path_of(&name, rest))).collect(),
            groups: if session.is_some() { groups(app, section) } else { Vec::new() },
            csrf: visitor.map(|visitor| visitor.csrf.clone()).unwrap_or_default(),
            signed_in: session.is_some(),
            flashes: session.map(|session| state.sessions.take_flashes(session)).unwrap_or_default(),
            begin_anew: None,
            version: state.options.version.clone(),
        }
    }

    /// The address of an asset, for templates.
    pub(crate) fn asset(&self, file: &str) -> String {
        asset::address(file)
    }
}

fn groups(app: &str, section: Option<Section>) -> Vec<Group> {
    let entry = |&(of, words, rest): &Known| Entry {
        icon: icon(of),
        words,
        path: path_of(app, rest),
        is_here: Some(of) == section,
    };
    let group = |&(name, known): &(&'static str, &[Known])| Group { name, entries: known.iter().map(entry).collect() };
    NAVIGATION.iter().map(group).collect()
}

fn icon(section: Section) -> &'static str {
    match section {
        Section::Overview => "overview",
        Section::Settings => "settings",
        Section::LiveQueries => "live-queries",
        Section::Documents => "documents",
        Section::Indexes => "indexes",
        Section::Events => "events",
        Section::Consumers => "consumers",
        Section::Sinks => "sinks",
        Section::Peers => "peers",
        Section::Certificates => "certificates",
        Section::Keys => "keys",
        Section::Tokens => "tokens",
        Section::ApiDocs => "api-docs",
        Section::Audit => "audit",
    }
}

/// An app's name in the list of apps.
fn shown_name(state: &State, name: &str) -> String {
    let is_damaged = state.data_dir.damage(name).is_some() || state.credentials.bundle_damage(name).is_some();
    if is_damaged { format!("{name} (damaged)") } else { name.to_owned() }
}

/// A path that begins at the root names its app in the query.
fn path_of(app: &str, rest: &str) -> String {
    if rest.starts_with('/') { format!("{rest}?app={}", crate::address::segment(app)) } else { app_path(app, rest) }
}

/// A page as a reply.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    let html = template.render().expect("writing to a string does not fail");
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, content_type)], html).into_response()
}
