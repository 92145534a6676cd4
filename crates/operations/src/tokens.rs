//! Users who log in: who is asked for them, and which tokens they hold.

use std::sync::Arc;

use credentials::{CredentialsError, LoginHook};

use crate::{blocking::blocking, keys::KeyError, operations::Operations};

impl Operations {
    /// Sets who is asked when a user of the app logs in; with the secret, which is not shown again.
    pub async fn set_login_hook(
        self: &Arc<Self>,
        app: &str,
        url: String,
        secret: Option<String>,
    ) -> Result<LoginHook, KeyError> {
        let (it, app) = (self.clone(), app.to_owned());
        blocking(move || {
            sinks::check_url(&url).map_err(|message| CredentialsError::BadName {
                message: format!("the URL of a login hook {message}"),
            })?;
            it.credentials.set_login_hook(&app, url, secret, it.clock.now_ms())
        })
        .await
    }

    /// From now on nobody logs in to the app.
    pub async fn delete_login_hook(self: &Arc<Self>, app: &str) -> Result<(), KeyError> {
        let (it, app) = (self.clone(), app.to_owned());
        blocking(move || it.credentials.delete_login_hook(&app)).await
    }

    /// Revokes a token of the app.
    pub async fn revoke_token(self: &Arc<Self>, app: &str, id: &str) -> Result<(), KeyError> {
        let (it, app, id) = (self.clone(), app.to_owned(), id.to_owned());
        blocking(move || it.credentials.revoke_token(&app, &id)).await
    }

    /// Revokes all tokens of a user of the app; gives how many there were.
    pub async fn revoke_tokens_of(self: &Arc<Self>, app: &str, user: &str) -> Result<usize, KeyError> {
        let (it, app, user) = (self.clone(), app.to_owned(), user.to_owned());
        blocking(move || it.credentials.revoke_tokens_of(&app, &user)).await
    }
}
