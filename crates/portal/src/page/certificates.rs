//! The certificates that open an app's topics: issued ones, issuing another, revoking.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use credentials::{CredentialsError, UserCertificate};
use operations::{AuthorityState, UserError};

use crate::{
    failure::Failure,
    layout::{self, Layout, Section},
    limits::ROWS_SHOWN_MAX,
    moment,
    page::problem::sentence,
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "certificates.html")]
struct Certificates {
    layout: Layout,
    rows: Vec<Row>,
    left_out: usize,
    authority: AuthorityState,
    /// What was typed, where it could not be done.
    user: String,
    error: Option<String>,
}

impl Certificates {
    /// How many certificates of an authority that is being replaced are needed still.
    fn needed(&self) -> usize {
        let former = self.authority.rotation.iter().flat_map(|rotation| &rotation.former);
        former.filter(|former| former.is_needed).count()
    }
}

struct Row {
    certificate: UserCertificate,
    standing: Standing,
    /// Where its files are shown, if they are where the portal finds them.
    settings_path: Option<String>,
    revoke_path: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Revoked,
    Expired,
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let draft = scope.visit.draft(&action(&scope)).unwrap_or_default();
    let user = draft.form.text("user").trim().to_owned();
    render(&scope, StatusCode::OK, user, draft.error).await
}

/// Where the form goes.
fn action(scope: &Scope) -> String {
    scope.path("certificates")
}

/// Issues a certificate, and leads to its files.
pub(crate) async fn issue(scope: Scope) -> Result<Response, Failure> {
    let user = scope.visit.form.text("user").trim().to_owned();
    match scope.state().operations.issue_user(scope.app.name(), &user, None, None).await {
        Ok((_, bundle)) => {
            scope.visit.carried_out(&action(&scope));
            let directory = bundle.directory.display();
            let text = format!("Issued a certificate for {user}. Its files are in {directory} on the server.");
            Ok(scope.done(text, &format!("settings?user={}", segment(&user))))
        }
        Err(UserError::Credentials(error @ (CredentialsError::BadName { .. } | CredentialsError::Exists { .. }))) => {
            let message = sentence(&error.to_string());
            Ok(scope.visit.again(&action(&scope), &scope.path("certificates"), Some(message)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Revokes one certificate; its connections are cut.
pub(crate) async fn revoke(scope: Scope) -> Result<Response, Failure> {
    let serial = scope.visit.param("serial").to_owned();
    let revoked = scope.state().operations.revoke_certificate(scope.app.name(), &serial).await?;
    let text = match revoked {
        Some(certificate) => format!("Revoked {}'s certificate {serial}. Its connections were cut.", certificate.user),
        None => format!("The certificate {serial} was revoked before."),
    };
    scope.visit.tell(true, text);
    Ok(Redirect::to(&scope.path("certificates")).into_response())
}

async fn render(scope: &Scope, status: StatusCode, user: String, error: Option<String>) -> Result<Response, Failure> {
    let certificates = scope.state().credentials.users(Some(scope.name()));
    let left_out = certificates.len().saturating_sub(ROWS_SHOWN_MAX);
    let (state, app) = (scope.state().clone(), scope.name().to_owned());
    // Looks at the disk for each.
    let rows = tokio::task::spawn_blocking(move || {
        let newest_first = certificates.into_iter().rev().take(ROWS_SHOWN_MAX);
        newest_first.map(|certificate| row(&state, &app, certificate)).collect()
    });
    let layout = scope.layout("Certificates", Section::Certificates);
    let authority = scope.state().operations.authority();
    let page = Certificates { layout, rows: rows.await?, left_out, authority, user, error };
    Ok(layout::page(status, &page))
}

fn row(state: &crate::state::Shared, app: &str, certificate: UserCertificate) -> Row {
    let standing = match certificate.revoked_ms {
        Some(_) => Standing::Revoked,
        None if certificate.expires_ms <= state.now_ms() => Standing::Expired,
        None => Standing::Good,
    };
    let files = state.operations.bundle_files(app, Some(&certificate.user));
    let found = standing == Standing::Good && files.is_ok_and(|files| files.exist().unwrap_or(false));
    let settings = format!("settings?user={}", segment(&certificate.user));
    Row {
        settings_path: found.then(|| crate::scope::app_path(app, &settings)),
        revoke_path: crate::scope::app_path(app, &format!("certificates/{}/revoke", segment(&certificate.serial))),
        standing,
        certificate,
    }
}
