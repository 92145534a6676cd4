//! `/admin/v1/apps/{app}/tokens`: users who have logged in.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::{ListedToken, Permission, UserToken};
use wire::admin::{TokenReply, TokenRevokedReply, TokensQuery, TokensReply, TokensRevokedReply};

use crate::{call::AdminCall, failure::Failure, limits::TOKENS_LISTED_MAX, reply, state::Shared};

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let TokensQuery { user, limit } = TokensQuery::parse(&call.query)?;
    let app = state.app(call.param("app")).await?;
    let (name, most) = (app.name().as_str(), limit.unwrap_or(TOKENS_LISTED_MAX).clamp(1, TOKENS_LISTED_MAX));
    let tokens = state.credentials.tokens(name, user.as_deref(), most, state.clock.now_ms());
    let count = state.credentials.token_count(name);
    Ok(reply::json_of(StatusCode::OK, &TokensReply { tokens: tokens.into_iter().map(shown).collect(), count }))
}

/// Its sessions end.
pub(crate) async fn revoke(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let revoked = call.param("id").to_owned();
    state.operations.revoke_token(call.param("app"), &revoked).await?;
    Ok(reply::json_of(StatusCode::OK, &TokenRevokedReply { revoked }))
}

/// All of a user's.
pub(crate) async fn revoke_all(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let TokensQuery { user, .. } = TokensQuery::parse(&call.query)?;
    let user = user.ok_or(Failure::NoUserNamed)?;
    let revoked = state.operations.revoke_tokens_of(call.param("app"), &user).await?;
    Ok(reply::json_of(StatusCode::OK, &TokensRevokedReply { revoked }))
}

fn shown(listed: ListedToken) -> TokenReply {
    let ListedToken { token, last_used_ms } = listed;
    let UserToken { user, id, provider, created_ms, expires_ms, permission, .. } = &*token;
    let half = |permission_of| permission.half(permission_of).and_then(|half| serde_json::to_value(half).ok());
    TokenReply {
        id: id.clone(),
        user: user.clone(),
        provider: provider.clone(),
        created_ms: *created_ms,
        expires_ms: *expires_ms,
        last_used_ms,
        read: half(Permission::Read).unwrap_or_default(),
        write: half(Permission::Write).unwrap_or_default(),
    }
}
