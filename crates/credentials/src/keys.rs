//! API keys: secrets with permissions.

use std::sync::Arc;

use crate::{PermissionDocument, UserToken};

/// What a grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Find, count, requery.
    Read,
    /// Upsert, update, remove.
    Write,
    /// Everything of the app, administration included.
    Admin,
}

/// A permission on one app, or on one of its collections.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The app's name; `*` is every app.
    pub app: String,
    /// One collection; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// What is allowed there.
    pub permissions: Vec<Permission>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewKey {
    /// Its name, unique: `[A-Za-z0-9._-]+`.
    pub name: String,
    /// What it may do; at least one.
    pub grants: Vec<Grant>,
    /// Which documents it may read and write, of what the grants allow; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::permission_document::shared")]
    pub permission: Option<Arc<PermissionDocument>>,
}

/// A key as it is listed; never its secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// When it was made, ms since the epoch.
    pub created_ms: u64,
    /// Which documents it may read and write, of what the grants allow; `None` is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::permission_document::shared")]
    pub permission: Option<Arc<PermissionDocument>>,
}

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The holder of the admin key.
    Admin,
    /// The holder of an API key.
    Key(ApiKey),
    /// A user of an app who has logged in.
    Token(Arc<UserToken>),
}

impl Principal {
    /// The name shown in the `peer` header.
    pub fn name(&self) -> &str {
        match self {
            Principal::Admin => "admin",
            Principal::Key(key) => &key.name,
            Principal::Token(token) => &token.user,
        }
    }

    /// Which documents it may read and write, of what its grants allow; `None`: no document is kept from it.
    pub fn permission(&self) -> Option<&Arc<PermissionDocument>> {
        match self {
            Principal::Admin => None,
            Principal::Key(key) => key.permission.as_ref(),
            Principal::Token(token) => Some(&token.permission),
        }
    }

    /// Whether anything at all is granted on the app.
    pub fn may_anything(&self, app: &str) -> bool {
        match self {
            Principal::Admin => true,
            Principal::Key(key) => key.grants.iter().any(|grant| grant.app == "*" || grant.app == app),
            Principal::Token(token) => token.app == app,
        }
    }

    /// Whether its grants allow this to a collection of an app; `None` asks for all collections. Which documents of
    /// them it concerns is said by [`Principal::permission`]. A token is for its app, and administrates nothing.
    pub fn may(&self, permission: Permission, app: &str, collection: Option<&str>) -> bool {
        let key = match self {
            Principal::Admin => return true,
            Principal::Token(token) => return token.app == app && permission != Permission::Admin,
            Principal::Key(key) => key,
        };
        key.grants.iter().any(|grant| {
            (grant.app == "*" || grant.app == app)
                && (grant.collection.is_none() || grant.collection.as_deref() == collection)
                && grant.permissions.iter().any(|&held| held == permission || held == Permission::Admin)
        })
    }
}
