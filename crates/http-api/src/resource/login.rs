//! `/_ditto/auth/login`: a user of an app logs in (docs/reference/access.md, "Login").
//!
//! Invariant: a browser's page calls this from any origin (`edge`), so nothing is done here that the form's own token
//! does not earn.

use axum::{
    extract::{FromRequest, FromRequestParts as _, RawPathParams, Request, State},
    http::{StatusCode, header},
    response::Response,
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    body::ReadBody,
    body_error::BodyError,
    call,
    failure::Failure,
    limits::LOGIN_BYTES_MAX,
    login::{self, form::LoginForm},
    reply,
    state::Shared,
};

/// A login, read.
#[derive(Debug)]
pub(crate) struct Login {
    form: LoginForm,
    address: std::net::IpAddr,
}

/// The vendor's answer, field for field.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoginReply<'t> {
    result: &'static str,
    user_id: &'t str,
    access_token: &'t str,
    access_expiry: String,
    /// There is none: whose token ends logs in again.
    refresh_token: Option<String>,
    audiences: [&'static str; 1],
}

pub(crate) async fn handle(State(state): State<Shared>, login: Login) -> Result<Response, Failure> {
    let (token, secret) = login::log_in(&state, login.address, login.form).await?;
    let ends = i64::try_from(token.expires_ms / 1000).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let reply = LoginReply {
        result: "success",
        user_id: &token.user,
        access_token: &secret,
        access_expiry: ends.and_then(|ends| ends.format(&Rfc3339).ok()).unwrap_or_default(),
        refresh_token: None,
        audiences: ["sync"],
    };
    Ok(reply::json_of(StatusCode::OK, &reply))
}

/// Whether a path is this one's: below the server, or below an app, and nothing else that ends so.
pub(crate) fn is_login(path: &str) -> bool {
    let below = path.strip_suffix(PATH);
    below.is_some_and(|app| app.is_empty() || app.strip_prefix('/').is_some_and(|app| !app.contains('/')))
}

/// Below the server, or below an app.
pub(crate) const PATH: &str = "/_ditto/auth/login";

impl FromRequest<Shared> for Login {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let address = call::door(&parts).peer.ip();
        state.logins.take_turn(address)?;
        let params = RawPathParams::from_request_parts(&mut parts, state).await.ok();
        let app = params.as_ref().and_then(|params| params.iter().find(|(name, _)| *name == "app"));
        let app = app.map(|(_, value)| value.to_owned());
        let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let too_long = || BodyError::TooLong { max_bytes: LOGIN_BYTES_MAX };
        if announced.is_some_and(|length: usize| length > LOGIN_BYTES_MAX) {
            return Err(too_long().into());
        }
        let body = ReadBody::read(state, &parts.headers, call::guest(&parts), body).await?;
        if body.bytes.len() > LOGIN_BYTES_MAX {
            return Err(too_long().into());
        }
        let form = LoginForm::parse(&body.bytes, app.as_deref(), state.options.default_app.as_str())?;
        Ok(Self { form, address })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_other_path_is_taken_for_a_login() {
        for (path, is_one) in [
            ("/_ditto/auth/login", true),
            ("/shop/_ditto/auth/login", true),
            ("/portal/apps/shop/_ditto/auth/login", false),
            ("shop/_ditto/auth/login", false),
            ("/_ditto/auth/login/x", false),
        ] {
            assert_eq!(super::is_login(path), is_one, "{path}");
        }
    }
}
