//! `/admin/v1/apps/{app}/login-hook` and `…/tokens`: users who log in (docs/reference/http-api.md, "Administration").

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{RequestError, query_string, shape::Fields};

/// The body of `POST /admin/v1/apps/{app}/login-hook`.
#[derive(Clone, PartialEq, Eq)]
pub struct NewLoginHook {
    /// Who is asked: https, or http to the server's own machine.
    pub url: String,
    /// Signs what is asked; absent: it stays, or one is made.
    pub secret: Option<String>,
}

/// A login hook as the admin API shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginHookReply {
    /// Who is asked.
    pub url: String,
    /// Since when, ms since the epoch.
    pub set_ms: u64,
    /// Signs what is asked; only where it was just set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
}

/// `DELETE /admin/v1/apps/{app}/login-hook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginHookDeletedReply {
    /// The app to which nobody logs in any more.
    pub deleted: String,
}

/// What `GET` and `DELETE /admin/v1/apps/{app}/tokens` are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokensQuery {
    /// Whose; absent: everybody's.
    pub user: Option<String>,
    /// How many there may be.
    pub limit: Option<usize>,
}

/// `GET /admin/v1/apps/{app}/tokens`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokensReply {
    /// The newest first.
    pub tokens: Vec<TokenReply>,
    /// How many the app has, those that are not shown too.
    pub count: usize,
}

/// A user who has logged in. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenReply {
    /// By which it is revoked.
    pub id: String,
    /// Whose it is: the `userID` of the login hook's answer.
    pub user: String,
    /// The provider by which they logged in.
    pub provider: String,
    /// Since when.
    pub created_ms: u64,
    /// Until when.
    pub expires_ms: u64,
    /// When it was last presented; absent: not since the server's start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_ms: Option<u64>,
    /// What its user may read: a half of a permission document.
    pub read: Value,
    /// What its user may write.
    pub write: Value,
}

/// `DELETE /admin/v1/apps/{app}/tokens/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevokedReply {
    /// The token that counts no more.
    pub revoked: String,
}

/// `DELETE /admin/v1/apps/{app}/tokens?user=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensRevokedReply {
    /// How many tokens count no more.
    pub revoked: usize,
}

impl NewLoginHook {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let (url, secret) = (fields.string("url")?, fields.optional_string("secret")?);
        fields.finish(&["url", "secret"])?;
        Ok(Self { url, secret })
    }
}

impl TokensQuery {
    /// Reads a query string.
    pub fn parse(query: &str) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(&query_string::body_of(query)?)?;
        let (user, limit) = (fields.optional_string("user")?, fields.optional_size("limit")?);
        fields.finish(&["user", "limit"])?;
        Ok(Self { user, limit })
    }
}
