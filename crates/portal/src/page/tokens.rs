//! The users of an app who have logged in: what each token may do, when it was used, and its end.
//!
//! Not here: making one (a user does, by logging in), the login hook (the command's and the API's).

use askama::Template;
use axum::{http::StatusCode, response::Response};
use credentials::ListedToken;

use crate::{
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::ROWS_SHOWN_MAX,
    moment,
    reach::Reach,
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    layout: Layout,
    rows: Vec<Row>,
    left_out: Option<String>,
    /// Who is asked when a user logs in.
    hook: Option<String>,
}

struct Row {
    user: String,
    provider: String,
    reach: Reach,
    created_ms: u64,
    last_used_ms: Option<u64>,
    expires_ms: u64,
    revoke_path: String,
}

pub(crate) async fn show(scope: Scope) -> Response {
    let (credentials, now_ms) = (&scope.state().credentials, scope.state().now_ms());
    let rows: Vec<Row> =
        credentials.tokens(scope.name(), None, ROWS_SHOWN_MAX, now_ms).into_iter().map(|it| row(&scope, it)).collect();
    let left_out = credentials.token_count(scope.name()).saturating_sub(rows.len());
    let left_out = Some(left_out).filter(|count| *count > 0 && rows.len() == ROWS_SHOWN_MAX);
    let hook = credentials.login_hook(scope.name()).map(|hook| hook.url.clone());
    let layout = scope.layout("Tokens", Section::Tokens);
    layout::page(
        StatusCode::OK,
        &Tokens { layout, rows, left_out: left_out.map(|count| figures::count(count as u64)), hook },
    )
}

pub(crate) async fn revoke(scope: Scope) -> Result<Response, Failure> {
    let id = scope.visit.param("id").to_owned();
    scope.state().operations.revoke_token(scope.name(), &id).await?;
    Ok(scope.done("Revoked the token.".to_owned(), "tokens"))
}

fn row(scope: &Scope, ListedToken { token, last_used_ms }: ListedToken) -> Row {
    Row {
        user: token.user.clone(),
        provider: token.provider.clone(),
        reach: Reach::of(&token.permission, "headwater token list --json"),
        created_ms: token.created_ms,
        last_used_ms,
        expires_ms: token.expires_ms,
        revoke_path: scope.path(&format!("tokens/{}/revoke", segment(&token.id))),
    }
}
