//! API keys: what a key may do, and how it is listed.
//!
//! Not here: which names are taken (`credentials`); permission documents (`permission`).

use document::Value;
use serde::{Deserialize, Serialize};

use super::PermissionDocument;
use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

/// The body of `POST /admin/v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub name: String,
    /// What it may do; at least one.
    pub grants: Vec<Grant>,
    /// Which documents it may read and write, of what the grants allow; absent: all.
    pub permission: Option<PermissionDocument>,
}

/// What a key may do on an app, or on one of its collections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The app's name; `*` is every app.
    pub app: String,
    /// One collection; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub collection: Option<String>,
    /// At least one.
    pub permissions: Vec<Permission>,
}

/// One thing that a grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Find, count, requery.
    Read,
    /// Upsert, update, remove.
    Write,
    /// Both; and on a whole app, administering it.
    Admin,
}

/// A key as it is listed, and once, when it is made, with its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReply {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// When it was made, ms since the epoch.
    pub created_ms: u64,
    /// Which documents it may read and write, of what the grants allow; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub permission: Option<PermissionDocument>,
    /// What is sent as `Authorization: Bearer <secret>`; only in the reply that made the key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret: Option<String>,
}

/// `GET /admin/v1/keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysReply {
    /// Sorted by name.
    pub keys: Vec<KeyReply>,
}

/// The body of `POST /admin/v1/open-again`: a file that the caller left in the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAgain {
    /// Its name.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// `DELETE /admin/v1/keys/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevokedReply {
    /// The key that no longer opens anything.
    pub revoked: String,
}

impl OpenAgain {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let (file, text) = (fields.string("file")?, fields.string("text")?);
        fields.finish(&["file", "text"])?;
        Ok(Self { file, text })
    }
}

impl NewKey {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        let grants = fields.required("grants")?;
        let permission = PermissionDocument::take_optional(&mut fields)?;
        fields.finish(&["name", "grants", "permission"])?;
        let place = Place::Body.field("grants");
        let grants = shape::non_empty_array(&place, grants)?
            .into_iter()
            .enumerate()
            .map(|(index, grant)| Grant::take(&place.element(index), grant))
            .collect::<Result<_, _>>()?;
        Ok(Self { name, grants, permission })
    }
}

impl Grant {
    fn take(place: &Place<'_>, value: Value) -> Result<Self, RequestError> {
        let mut fields = Fields::of(place, value)?;
        let app = fields.string("app")?;
        let collection = fields.optional_collection("collection")?.map(|name| name.as_str().to_owned());
        let permissions = fields.required("permissions")?;
        fields.finish(&["app", "collection", "permissions"])?;
        let place = place.field("permissions");
        let permissions = shape::non_empty_array(&place, permissions)?
            .into_iter()
            .enumerate()
            .map(|(index, permission)| Permission::take(&place.element(index), permission))
            .collect::<Result<_, _>>()?;
        Ok(Self { app, collection, permissions })
    }
}

impl Permission {
    fn take(place: &Place<'_>, value: Value) -> Result<Self, RequestError> {
        match shape::string(place, value)?.as_str() {
            "read" => Ok(Permission::Read),
            "write" => Ok(Permission::Write),
            "admin" => Ok(Permission::Admin),
            other => Err(place.fault(format_args!("unknown permission {other:?}; known are read, write, admin"))),
        }
    }
}
