//! Which request below `/admin` is which action of the audit log, and who did it to what.
//!
//! Invariants: whatever is not a `GET` below `/admin` is in the log, whether it has a word of its own
//! or not; who has no good key is not, so that nobody fills the log who may do nothing; of a body only
//! the name of what it makes is taken.
//! Not here: the log (`operations`).

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::{
    extract::{RawPathParams, Request},
    http::{Method, StatusCode},
};
use credentials::Principal;
use operations::{Actor, AuditEntry, Outcome};
use serde::Deserialize;

use crate::{
    access::{self, Door},
    state::State,
};

/// Method, path of the route, and the action's name. Never renamed.
const ACTIONS: [(&str, &str, &str); 36] = [
    ("POST", "/admin/v1/apps", "app.create"),
    ("DELETE", "/admin/v1/apps/{app}", "app.delete"),
    ("POST", "/admin/v1/apps/{app}/credentials", "user.issue"),
    ("DELETE", "/admin/v1/apps/{app}/credentials/{user}", "user.revoke"),
    ("POST", "/admin/v1/apps/{app}/renew-credentials", "user.renew"),
    ("POST", "/admin/v1/authority/rotation", "authority.rotate"),
    ("POST", "/admin/v1/authority/rotation/finish", "authority.finishRotation"),
    ("POST", "/admin/v1/server-certificate", "serverCertificate.renew"),
    ("POST", "/admin/v1/apps/{app}/live-queries", "liveQuery.create"),
    ("PATCH", "/admin/v1/apps/{app}/live-queries/{name}", "liveQuery.change"),
    ("DELETE", "/admin/v1/apps/{app}/live-queries/{name}", "liveQuery.delete"),
    ("POST", "/admin/v1/apps/{app}/sinks", "sink.create"),
    ("PATCH", "/admin/v1/apps/{app}/sinks/{name}", "sink.change"),
    ("DELETE", "/admin/v1/apps/{app}/sinks/{name}", "sink.delete"),
    ("POST", "/admin/v1/apps/{app}/sinks/{name}/pause", "sink.pause"),
    ("POST", "/admin/v1/apps/{app}/sinks/{name}/resume", "sink.resume"),
    ("DELETE", "/admin/v1/apps/{app}/sinks/{name}/set-aside", "sink.dropSetAside"),
    ("POST", "/admin/v1/apps/{app}/sinks/{name}/set-aside/replay", "sink.replay"),
    ("POST", "/admin/v1/apps/{app}/indexes", "index.create"),
    ("DELETE", "/admin/v1/apps/{app}/indexes/{collection}/{name}", "index.drop"),
    ("POST", "/admin/v1/apps/{app}/groups/{group}/reset", "group.reset"),
    ("DELETE", "/admin/v1/apps/{app}/groups/{group}", "group.delete"),
    ("POST", "/admin/v1/apps/{app}/peers/{site}/revoke", "peer.revoke"),
    ("POST", "/admin/v1/apps/{app}/peers/{site}/allow", "peer.allow"),
    ("POST", "/admin/v1/apps/{app}/login-hook", "loginHook.set"),
    ("DELETE", "/admin/v1/apps/{app}/login-hook", "loginHook.delete"),
    ("DELETE", "/admin/v1/apps/{app}/tokens", "token.revokeAll"),
    ("DELETE", "/admin/v1/apps/{app}/tokens/{id}", "token.revoke"),
    ("POST", "/admin/v1/keys", "key.create"),
    ("DELETE", "/admin/v1/keys/{name}", "key.revoke"),
    ("POST", "/admin/v1/open-again", "api.openAgain"),
    ("POST", "/admin/v1/accept-clock", "clock.accept"),
    ("POST", "/admin/v1/backups", "backup.create"),
    ("POST", "/admin/v1/app-exports", "app.export"),
    ("POST", "/admin/v1/app-imports", "app.import"),
    ("POST", "/admin/v1/scrub", "scrub.start"),
];

/// Link to sign in, which is made by every `headwater portal`.
const SIGN_IN_LINK: (&str, &str, &str) = ("POST", "/admin/v1/sign-in-links", "signInLink.create");

/// The action of a route; `None` where it is none.
pub(crate) fn action_of(method: &Method, path: &'static str) -> Option<String> {
    if !path.starts_with("/admin/") || *method == Method::GET || *method == Method::HEAD {
        return None;
    }
    let known = ACTIONS.iter().chain([&SIGN_IN_LINK]).find(|(of, at, _)| *of == method.as_str() && *at == path);
    Some(known.map_or_else(|| format!("{method} {path}"), |(.., action)| (*action).to_owned()))
}

/// What an action is done to; known once the request is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject(Arc<OnceLock<(Option<String>, String)>>);

impl Subject {
    /// What stands in the path, and for what is made its name in the body.
    pub(crate) fn tell(&self, params: &RawPathParams, body: &[u8]) {
        #[derive(Deserialize)]
        struct Named {
            name: Option<String>,
            user: Option<String>,
        }
        let app = params.iter().find(|(name, _)| *name == "app").map(|(_, value)| value.to_owned());
        let in_path: Vec<&str> = params.iter().filter(|(name, _)| *name != "app").map(|(_, value)| value).collect();
        let named = serde_json::from_slice::<Named>(body).ok().and_then(|named| named.name.or(named.user));
        let target = if in_path.is_empty() { named.unwrap_or_default() } else { in_path.join("/") };
        drop(self.0.set((app, target)));
    }
}

/// Who asks for an action, as far as the log wants to know.
#[derive(Debug)]
pub(crate) struct Asked {
    actor: Actor,
    address: Option<IpAddr>,
    subject: Subject,
}

impl Asked {
    /// `None` for who has no good key. The request carries the subject on.
    pub(crate) fn of(state: &State, request: &mut Request) -> Option<Self> {
        let actor = match access::identify_holder(state, request.headers()).ok()? {
            Principal::Admin => Actor::Admin { key: state.credentials.admin_fingerprint(), session: None },
            Principal::Key(key) => Actor::ApiKey { name: key.name.clone() },
            // It is no key, and administrates nothing.
            Principal::Token(_) => return None,
        };
        let address = request.extensions().get::<Door>().map(|door| door.peer.ip());
        let subject = Subject::default();
        request.extensions_mut().insert(subject.clone());
        Some(Self { actor, address, subject })
    }

    pub(crate) fn entry(self, at_ms: u64, action: &str, status: StatusCode) -> AuditEntry {
        let (app, target) = self.subject.0.get().cloned().unwrap_or_default();
        AuditEntry {
            at_ms,
            via: "admin".to_owned(),
            actor: self.actor,
            address: self.address,
            action: action.to_owned(),
            app,
            target,
            outcome: Outcome::of_status(status.as_u16()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_below_admin_is_an_action() {
        let action = |method, path| action_of(&method, path);
        assert_eq!(action(Method::POST, "/admin/v1/keys").as_deref(), Some("key.create"));
        assert_eq!(action(Method::POST, "/admin/v1/sign-in-links").as_deref(), Some("signInLink.create"));
        assert_eq!(action(Method::PUT, "/admin/v1/later").as_deref(), Some("PUT /admin/v1/later"));
        assert_eq!([action(Method::GET, "/admin/v1/keys"), action(Method::POST, "/store/write")], [None, None]);
    }
}
