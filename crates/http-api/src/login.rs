//! Logging in: the app's hook is asked, and whoever it knows gets a token (docs/reference/access.md, "Login").
//!
//! Invariants: nothing is told of why a login is refused, but to the log; a token of the provider's is in no log; a
//! hook is asked once for each login, and what it says is believed only if all of it can be kept. Not here: the route
//! (`resource::login`), the call itself (`outbound`), tokens (`credentials`).

pub(crate) mod answer;
pub(crate) mod form;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use credentials::{LoginHook, NewToken, NoToken, UserToken};
use outbound::{CallError, HeaderName, HeaderValue, StatusCode};

use self::{
    answer::{AnswerError, Known},
    form::LoginForm,
};
use crate::{limits::LOGIN_HOOK_TIMEOUT, login_error::LoginRefused, state::State};

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const SIGNATURE: HeaderName = HeaderName::from_static("ditto-signature");

/// Why nobody is logged in, as the log says.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("the app has no login hook: `headwater login-hook set` gives it one")]
    NoHook,
    #[error("the login hook's URL {0}")]
    Url(#[from] outbound::BadUrl),
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("the login hook answered {}", .0.as_u16())]
    Status(StatusCode),
    #[error("the login hook's answer {0}")]
    Answer(#[from] AnswerError),
    #[error("the login hook does not know the user")]
    Unknown,
    #[error("{0}")]
    Token(#[from] NoToken),
    #[error("the server failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Why {
    /// By which `/metrics` counts it.
    fn outcome(&self) -> &'static str {
        match self {
            Self::NoHook => "no_hook",
            Self::Unknown => "refused",
            Self::Url(_) | Self::Call(_) | Self::Status(_) => "hook_failed",
            Self::Answer(_) | Self::Token(NoToken::Bad(_)) => "bad_answer",
            Self::Token(_) | Self::Panicked(_) => "no_token",
        }
    }
}

/// Logs in; with the token as its holder presents it.
pub(crate) async fn log_in(
    state: &Arc<State>,
    address: IpAddr,
    form: LoginForm,
) -> Result<(Arc<UserToken>, String), LoginRefused> {
    let logins = &state.logins;
    let _place = logins.place()?;
    let (app, provider) = (form.app.clone(), form.provider.clone());
    match tried(state, form).await {
        Ok((token, secret)) => {
            logins.count("success");
            Ok((token, secret))
        }
        Err(why) => {
            logins.count(why.outcome());
            tracing::warn!(app, provider, %address, "a login is refused: {why}");
            Err(LoginRefused::Refused)
        }
    }
}

async fn tried(state: &Arc<State>, form: LoginForm) -> Result<(Arc<UserToken>, String), Why> {
    let hook = state.credentials.login_hook(&form.app).ok_or(Why::NoHook)?;
    let Known { user, life_ms, permission } = asked(state, &hook, &form).await?.ok_or(Why::Unknown)?;
    let new = NewToken { app: form.app, user, provider: form.provider, life_ms, permission };
    let it = state.clone();
    Ok(tokio::task::spawn_blocking(move || it.credentials.create_token(new, it.clock.now_ms())).await??)
}

/// What the app's hook says of the user; `None`: it does not know them.
async fn asked(state: &State, hook: &LoginHook, form: &LoginForm) -> Result<Option<Known>, Why> {
    let endpoint = state.logins.endpoint(&hook.app, &hook.url)?;
    let body = Bytes::from(form.question());
    let signature = outbound::signature(&[&hook.secret], state.clock.now_ms() / 1000, &body);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (SIGNATURE, HeaderValue::try_from(signature).expect("digits and letters are a header's value")),
    ];
    let (status, body) = state.operations.sinks.outbound().ask(&endpoint, &headers, body, LOGIN_HOOK_TIMEOUT).await?;
    match status {
        StatusCode::OK => Ok(answer::read(&body)?),
        // A hook may say no by its status.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
        other => Err(Why::Status(other)),
    }
}
