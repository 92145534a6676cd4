//! Which form of the portal is which action of the audit log, and who sent it.
//!
//! Invariants: whatever is sent to a page and carried out is in the log, whether it has a word of its
//! own or not, and so is the download of a consumer's secret; what only shows something (a preview, a
//! mistake that is shown again, the Test button) is not.
//! Not here: the log (`operations`), its page (`page::audit_log`).

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
};
use operations::{Actor, AuditEntry, Outcome};

use crate::{form::Form, state::State, visitor::Visitor};

/// Path of the route below an app's, and the action's name. Never renamed.
const ACTIONS: [(&str, &str); 27] = [
    ("apps", "app.create"),
    ("delete", "app.delete"),
    ("api-docs/{call}", "api.try"),
    ("first-document", "document.write"),
    ("live-queries", "liveQuery.create"),
    ("live-queries/{name}/delete", "liveQuery.delete"),
    ("live-queries/{name}/on-gap", "liveQuery.change"),
    ("live-queries/{name}/compression", "liveQuery.change"),
    ("certificates", "user.issue"),
    ("certificates/{serial}/revoke", "certificate.revoke"),
    ("keys", "key.create"),
    ("keys/{name}/revoke", "key.revoke"),
    ("tokens/{id}/revoke", "token.revoke"),
    ("documents/new", "document.write"),
    ("documents/{collection}/{id}/edit", "document.write"),
    ("documents/{collection}/{id}/remove", "document.remove"),
    ("collections/{collection}/drop", "collection.drop"),
    ("indexes", "index.create"),
    ("indexes/{collection}/{name}/drop", "index.drop"),
    ("consumers/{group}/reset", "group.reset"),
    ("sinks/{name}/pause", "sink.pause"),
    ("sinks/{name}/resume", "sink.resume"),
    ("sinks/{name}/delete", "sink.delete"),
    ("sinks/{name}/set-aside/replay", "sink.replay"),
    ("sinks/{name}/set-aside/drop", "sink.dropSetAside"),
    ("peers/{site}/revoke", "peer.revoke"),
    ("peers/{site}/allow", "peer.allow"),
];

/// What makes no difference.
const SHOWS_ONLY: [&str; 1] = ["settings/test"];

/// The files that hold a secret, one by one and all in one.
const DOWNLOADS: [&str; 2] = ["settings/files/{file}", "settings/bundle.zip"];

/// Put on an answer of a form by which nothing was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NothingDone;

/// An action that is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    action: String,
    app: Option<String>,
    target: String,
}

impl Asked {
    /// `None` where a request is no action.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let route = request.extensions().get::<MatchedPath>()?.as_str();
        let below = route.strip_prefix("/portal/apps/{app}/").or_else(|| route.strip_prefix("/portal/"))?;
        let action = match *request.method() {
            Method::GET if DOWNLOADS.contains(&below) => "credentials.download".to_owned(),
            Method::POST if !SHOWS_ONLY.contains(&below) && !below.starts_with("sign-") => {
                let known = ACTIONS.iter().find(|(path, _)| *path == below);
                known.map_or_else(|| format!("POST {route}"), |(_, action)| (*action).to_owned())
            }
            _ => return None,
        };
        let params = params(route, request.uri().path());
        let app = params.iter().find(|(name, _)| *name == "app").map(|(_, value)| value.clone());
        let in_path: Vec<String> = params.into_iter().filter(|(name, _)| *name != "app").map(|(_, it)| it).collect();
        let named = || request.extensions().get::<Form>().map(in_form).unwrap_or_default();
        let target = if in_path.is_empty() { named() } else { in_path.join("/") };
        Some(Self { action, app, target })
    }

    pub(crate) fn entry(self, state: &State, visitor: &Visitor, status: StatusCode) -> AuditEntry {
        let Self { action, app, target } = self;
        let outcome = Outcome::of_status(status.as_u16());
        AuditEntry { app, target, outcome, ..entry(state, visitor, &action) }
    }
}

/// Something that was done, by whoever asks.
pub(crate) fn entry(state: &State, visitor: &Visitor, action: &str) -> AuditEntry {
    let admin = |session: crate::secret::SecretDigest| Actor::Admin {
        key: state.sessions.admin().short(),
        session: Some(session.short()),
    };
    AuditEntry {
        at_ms: state.now_ms(),
        via: "portal".to_owned(),
        actor: visitor.session.map_or(Actor::Nobody, admin),
        address: visitor.peer.map(|peer| peer.ip()),
        action: action.to_owned(),
        app: None,
        target: String::new(),
        outcome: Outcome::Done,
    }
}

/// What stands at the `{…}` of a route.
fn params<'r>(route: &'r str, path: &str) -> Vec<(&'r str, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = route.split('/').zip(path.split('/'));
    let param = |(of, value): (&'r str, &str)| Some((of.strip_prefix('{')?.strip_suffix('}')?, decoded(value)));
    pairs.filter_map(param).collect()
}

/// The name of what a form makes. No other field is looked at: some are secret.
fn in_form(form: &Form) -> String {
    let named = ["collection", "id", "name", "user"].map(|name| form.text(name).trim());
    match named {
        ["", "", name, user] => format!("{name}{user}"),
        [collection, "", "", ""] => collection.to_owned(),
        [collection, id, "", ""] => format!("{collection}/{id}"),
        [collection, _, name, _] => format!("{collection}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_called_by_its_name() {
        let named = |text: &str| in_form(&Form::parse(text.as_bytes()).unwrap());
        assert_eq!(named("name=till&app-0=shop"), "till");
        assert_eq!(named("user=warehouse"), "warehouse");
        assert_eq!(named("name=by-age&collection=people"), "people/by-age");
        assert_eq!(named("collection=people&id=%22a%22&text=secret"), "people/\"a\"");
        assert_eq!(named("collection=&name=adults&query=x"), "adults");
        assert_eq!(named("key=secret"), "");
    }

    #[test]
    fn what_stands_in_a_path_is_decoded() {
        let found =
            params("/portal/apps/{app}/documents/{collection}/{id}/edit", "/portal/apps/a/documents/p/%22x%2F%22/edit");
        assert_eq!(found, [("app", "a".to_owned()), ("collection", "p".to_owned()), ("id", "\"x/\"".to_owned())]);
    }
}
