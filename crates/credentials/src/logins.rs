//! Users of apps who log in: whom an app asks about them, and the tokens that they have.
//!
//! Not here: how tokens and hooks are kept (`tokens`, `login_hooks`), asking the hook.

use std::sync::Arc;

use crate::{Credentials, CredentialsError, ListedToken, LoginHook, NewToken, NoToken, UserToken, names};

impl Credentials {
    /// Gives a user of an app who has logged in a token; the second value is what the user presents, shown once and
    /// stored hashed. It is durable when this returns; blocks on disk.
    pub fn create_token(&self, new: NewToken, now_ms: u64) -> Result<(Arc<UserToken>, String), NoToken> {
        names::check_app(&new.app)?;
        self.tokens.create(new, now_ms)
    }

    /// An app's tokens that count, of one user or of all, the newest first; at most `most`.
    pub fn tokens(&self, app: &str, user: Option<&str>, most: usize, now_ms: u64) -> Vec<ListedToken> {
        self.tokens.list(app, user, most, now_ms)
    }

    /// How many tokens an app has.
    pub fn token_count(&self, app: &str) -> usize {
        self.tokens.count(app)
    }

    /// Revokes a token of an app, at once and for good. If `tokens.log` cannot be written it is an error, and the token
    /// is refused all the same until the next start.
    pub fn revoke_token(&self, app: &str, id: &str) -> Result<(), CredentialsError> {
        match self.tokens.revoke(app, |token| token.id == id)? {
            0 => Err(CredentialsError::NotFound { kind: "token", name: id.to_owned() }),
            _ => Ok(()),
        }
    }

    /// The same of every token of a user; gives how many there were.
    pub fn revoke_tokens_of(&self, app: &str, user: &str) -> Result<usize, CredentialsError> {
        self.tokens.revoke(app, |token| token.user == user)
    }

    /// Where the app's users are asked for when they log in.
    pub fn login_hook(&self, app: &str) -> Option<LoginHook> {
        self.login_hooks.of(app)
    }

    /// Sets where the app's users are asked for, in place of what was set before. Without a secret it keeps the one
    /// that it has, or gets a new one. `url` is to be checked by who calls it.
    pub fn set_login_hook(
        &self,
        app: &str,
        url: String,
        secret: Option<String>,
        now_ms: u64,
    ) -> Result<LoginHook, CredentialsError> {
        names::check_app(app)?;
        self.login_hooks.set(app, url, secret, now_ms)
    }

    /// From now on nobody logs in to the app; tokens that were given out stay. [`CredentialsError::NotFound`] if none
    /// is set.
    pub fn delete_login_hook(&self, app: &str) -> Result<(), CredentialsError> {
        match self.login_hooks.delete(app)? {
            true => Ok(()),
            false => Err(CredentialsError::NotFound { kind: "login hook of the app", name: app.to_owned() }),
        }
    }
}
