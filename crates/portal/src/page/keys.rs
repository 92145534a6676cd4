//! API keys: who may call the HTTP API, and what each may do.
//!
//! Invariant: a secret is shown to the session that made it alone, for [`SECRET_SHOWN`], and is kept in
//! memory no longer.

use std::sync::Arc;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use credentials::{ApiKey, CredentialsError, Grant, NewKey, Permission, PermissionDocument};
use operations::KeyError;

use crate::{
    failure::Failure,
    form::Form,
    layout::{self, Layout, Section},
    limits::{ROWS_SHOWN_MAX, SECRET_SHOWN},
    moment,
    page::problem::sentence,
    permission_field::{self, PERMISSION},
    reach::Reach,
    scope::{Scope, app_path, segment},
    session::{MadeKey, Session},
    table,
};

/// Grants that the form has room for.
const GRANTS_SHOWN: usize = 3;

const PERMISSIONS: [(&str, Permission); 3] =
    [("read", Permission::Read), ("write", Permission::Write), ("admin", Permission::Admin)];

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    layout: Layout,
    rows: Vec<Row>,
    left_out: usize,
    /// Whether a key was made, though there may be none now.
    is_closed: bool,
    apps: Vec<String>,
    typed: Typed,
    error: Option<String>,
    permission_error: Option<String>,
    /// The key that was made, with its secret.
    made: Option<(String, String)>,
}

impl Keys {
    /// Whether something was typed that was not created.
    fn is_open(&self) -> bool {
        self.error.is_some() || self.permission_error.is_some() || self.layout.begin_anew.is_some()
    }

    fn permission_help(&self) -> &'static str {
        "Which documents it may read, and which of those write, of what the grants allow. Empty: all."
    }
}

struct Row {
    key: ApiKey,
    grants: Vec<String>,
    /// Its permission document; `None`: all documents.
    permission: Option<Reach>,
    revoke_path: String,
}

/// What the form holds.
struct Typed {
    name: String,
    grants: Vec<TypedGrant>,
    permission: String,
}

struct TypedGrant {
    app: String,
    collection: String,
    permissions: Vec<(&'static str, bool)>,
}

pub(crate) async fn show(scope: Scope) -> Response {
    let draft = scope.visit.draft(&action(&scope));
    let typed = draft.as_ref().map_or_else(|| Typed::empty(scope.name()), |draft| Typed::of(&draft.form));
    let errors = draft.map(|draft| draft.errors_beside(PERMISSION)).unwrap_or_default();
    page(&scope, StatusCode::OK, typed, errors, just_made(&scope))
}

/// Where the form goes.
fn action(scope: &Scope) -> String {
    scope.path("keys")
}

/// Makes a key. The page that it leads to shows its secret, for a minute and to this session alone.
pub(crate) async fn create(scope: Scope) -> Result<Response, Failure> {
    let typed = Typed::of(&scope.visit.form);
    let again_at_permission =
        |error| Ok(scope.visit.again_at(&action(&scope), &scope.path("keys#create"), PERMISSION, error));
    let permission = match permission_field::read(&typed.permission) {
        Ok(permission) => permission,
        Err(error) => return again_at_permission(error),
    };
    match scope.state().operations.create_key(typed.new_key(permission)).await {
        Ok((key, secret)) => {
            scope.visit.carried_out(&action(&scope));
            let made = MadeKey { at_ms: scope.state().now_ms(), name: key.name, secret };
            let session = scope.visit.visitor.session.ok_or(Failure::TokenMissing)?;
            scope.state().sessions.with(session, |session| session.made_key = Some(made));
            Ok(Redirect::to(&scope.path("keys?made")).into_response())
        }
        Err(KeyError::Credentials(error @ (CredentialsError::BadName { .. } | CredentialsError::Exists { .. }))) => {
            let message = sentence(&error.to_string());
            Ok(scope.visit.again(&action(&scope), &scope.path("keys#create"), Some(message)))
        }
        Err(KeyError::Permission(error)) => again_at_permission(sentence(&error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// The name and the secret of the key that was made just now. Its page can be loaded again for a
/// while; any other page of keys, or the end of that while, forgets it.
fn just_made(scope: &Scope) -> Option<(String, String)> {
    let now_ms = scope.state().now_ms();
    let is_asked = scope.visit.query.has("made");
    let take = |session: &mut Session| {
        let is_fresh = |made: &MadeKey| now_ms.saturating_sub(made.at_ms) < SECRET_SHOWN.as_millis() as u64;
        session.made_key = session.made_key.take().filter(|made| is_asked && is_fresh(made));
        session.made_key.as_ref().map(|made| (made.name.clone(), made.secret.clone()))
    };
    scope.state().sessions.with(scope.visit.visitor.session?, take).flatten()
}

pub(crate) async fn revoke(scope: Scope) -> Result<Response, Failure> {
    let name = scope.visit.param("name").to_owned();
    scope.state().operations.revoke_key(&name).await?;
    Ok(scope.done(format!("Revoked the key {name}."), "keys"))
}

fn page(
    scope: &Scope,
    status: StatusCode,
    typed: Typed,
    [error, permission_error]: [Option<String>; 2],
    made: Option<(String, String)>,
) -> Response {
    let keys = scope.state().credentials.keys();
    let left_out = keys.len().saturating_sub(ROWS_SHOWN_MAX);
    let row = |key: ApiKey| Row {
        grants: key.grants.iter().map(grant_text).collect(),
        permission: key.permission.as_deref().map(|document| Reach::of(document, "headwater key list --json")),
        revoke_path: app_path(scope.name(), &format!("keys/{}/revoke", segment(&key.name))),
        key,
    };
    let layout = scope.layout("Keys", Section::Keys);
    let rows = keys.into_iter().take(ROWS_SHOWN_MAX).map(row).collect();
    let is_closed = scope.state().credentials.is_closed();
    let apps = scope.state().app_names();
    layout::page(status, &Keys { layout, rows, left_out, is_closed, apps, typed, error, permission_error, made })
}

/// A grant as `headwater key create --grant` takes it.
fn grant_text(grant: &Grant) -> String {
    let permissions: Vec<&str> = grant.permissions.iter().map(|permission| word(*permission)).collect();
    let collection = grant.collection.as_ref().map(|collection| format!("/{collection}")).unwrap_or_default();
    format!("{}{collection}={}", grant.app, permissions.join(","))
}

fn word(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Admin => "admin",
    }
}

impl Typed {
    /// Read and write in the app, and room for more.
    fn empty(app: &str) -> Self {
        let grant = |n: usize| TypedGrant {
            app: if n == 0 { app.to_owned() } else { String::new() },
            collection: String::new(),
            permissions: PERMISSIONS
                .map(|(word, permission)| (word, n == 0 && permission != Permission::Admin))
                .to_vec(),
        };
        Self { name: String::new(), grants: (0..GRANTS_SHOWN).map(grant).collect(), permission: String::new() }
    }

    fn of(form: &Form) -> Self {
        let grant = |n: usize| {
            let field = format!("permission-{n}");
            let permissions: Vec<&str> = form.all(&field).collect();
            TypedGrant {
                app: form.text(&format!("app-{n}")).to_owned(),
                collection: form.text(&format!("collection-{n}")).trim().to_owned(),
                permissions: PERMISSIONS.map(|(word, _)| (word, permissions.contains(&word))).to_vec(),
            }
        };
        Self {
            name: form.text("name").trim().to_owned(),
            grants: (0..GRANTS_SHOWN).map(grant).collect(),
            permission: form.text(PERMISSION).trim().to_owned(),
        }
    }

    /// Rows without an app are not used.
    fn new_key(&self, permission: Option<PermissionDocument>) -> NewKey {
        let used = self.grants.iter().filter(|grant| !grant.app.is_empty());
        let grants = used.map(|grant| Grant {
            app: grant.app.clone(),
            collection: Some(grant.collection.clone()).filter(|collection| !collection.is_empty()),
            permissions: grant.granted(),
        });
        NewKey { name: self.name.clone(), grants: grants.collect(), permission: permission.map(Arc::new) }
    }
}

impl TypedGrant {
    fn granted(&self) -> Vec<Permission> {
        let chosen = |word: &str| self.permissions.iter().any(|(known, chosen)| *known == word && *chosen);
        PERMISSIONS.into_iter().filter(|(word, _)| chosen(word)).map(|(_, permission)| permission).collect()
    }
}
