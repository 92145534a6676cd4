//! `/admin/v1/apps/{app}/login-hook`: who is asked when a user of the app logs in.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::LoginHook;
use wire::admin::{LoginHookDeletedReply, LoginHookReply, NewLoginHook};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

/// The hook with its secret, which is not shown again.
pub(crate) async fn set(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let NewLoginHook { url, secret } = NewLoginHook::parse(call.body())?;
    let app = state.app(call.param("app")).await?;
    let LoginHook { url, secret, set_ms, .. } =
        state.operations.set_login_hook(app.name().as_str(), url, secret).await?;
    Ok(reply::json_of(StatusCode::OK, &LoginHookReply { url, set_ms, secret: Some(secret) }))
}

pub(crate) async fn show(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = call.param("app");
    state.app(app).await?;
    let hook = state.credentials.login_hook(app);
    let LoginHook { url, set_ms, .. } = hook.ok_or_else(|| Failure::NoLoginHook { app: app.to_owned() })?;
    Ok(reply::json_of(StatusCode::OK, &LoginHookReply { url, set_ms, secret: None }))
}

pub(crate) async fn delete(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = call.param("app").to_owned();
    state.operations.delete_login_hook(&app).await?;
    Ok(reply::json_of(StatusCode::OK, &LoginHookDeletedReply { deleted: app }))
}
