//! Logging in: the server asks the app's login hook, and gives a token for what a provider gave.
//!
//! Invariant: what a provider gave goes to the peer's own server and nowhere else. Waits for the network.
//! Not here: the request (`http`), what becomes of the token (`core`), when a user is to log in again (`peer-core`).

use std::io;

use serde::Deserialize;

use crate::{
    Error,
    connection::Server,
    http::{Request, encoded},
    limits::LOGIN_ANSWER_BYTES_MAX,
};

/// A user who has logged in.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Login {
    /// Who it is, as the app's login hook says.
    pub user_id: String,
    /// What the server knows the user by from now on. The peer uses it by itself.
    pub access_token: String,
    /// When that ends: RFC 3339, in UTC.
    pub access_expiry: String,
}

/// Without the secret.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user_id, access_expiry, .. } = self;
        f.debug_struct("Login").field("user_id", user_id).field("ends", access_expiry).finish_non_exhaustive()
    }
}

/// Logs in. `token` is what the provider gave.
pub(crate) fn log_in(server: &Server, token: &str, provider: &str) -> Result<Login, Error> {
    let failed = |why: String| Error::Login { is_refused: false, why };
    let form = format!("appId=&provider={}&token={}&siteId=0", encoded(provider), encoded(token));
    let length = form.len() as u64;
    let request = Request {
        method: "POST",
        path: server.endpoint.login_path(),
        headers: vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())],
        body: Some((&mut form.as_bytes(), length)),
    };
    let response = request.send(server).map_err(|error| failed(error.to_string()))?;
    if response.status != 200 {
        return Err(Error::Login { is_refused: response.status == 401, why: response.why() });
    }
    let login = response.bytes(LOGIN_ANSWER_BYTES_MAX);
    let login = login.and_then(|body| serde_json::from_slice(&body).map_err(io::Error::from));
    login.map_err(|error| failed(format!("the server's answer is none: {error}")))
}
