//! User certificates, and what a client needs to use one.
//!
//! Not here: who is a user, and where files may lie (`credentials`).

use std::path::PathBuf;

use document::Value;
use serde::{Deserialize, Serialize};

use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

/// The body of `POST /admin/v1/apps/{app}/credentials`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The user's name; which are taken is for the crate `credentials` alone to say.
    pub user: String,
    /// Where, on the server, its files shall be; an absolute path. `None`: among the app's
    /// credentials.
    pub directory: Option<PathBuf>,
    /// The live queries that it opens, each with a permission; `None`: all of the app.
    pub live_queries: Option<Vec<String>>,
}

/// A user certificate as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserReply {
    /// The user (CN).
    pub user: String,
    /// The app it opens (O).
    pub app: String,
    /// The serial number, lower-case hex.
    pub serial: String,
    /// When it was issued, ms since the epoch.
    pub issued_ms: u64,
    /// When it ends, ms since the epoch.
    pub expires_ms: u64,
    /// When it was revoked, ms since the epoch; absent where it is valid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_ms: Option<u64>,
    /// The live queries that it opens; absent: all of the app.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live_queries: Option<Vec<String>>,
}

/// `GET /admin/v1/apps/{app}/credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsersReply {
    /// Every certificate ever issued for the app, the revoked ones too.
    pub credentials: Vec<UserReply>,
}

/// `DELETE /admin/v1/apps/{app}/credentials/{user}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRevokedReply {
    /// The certificates that this call revoked.
    pub revoked: Vec<UserReply>,
}

/// The reply that issued a user certificate: where its files are, and the settings a client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserIssuedReply {
    /// The certificate.
    #[serde(flatten)]
    pub user: UserReply,
    /// The directory, on the server, that holds the files.
    pub directory: String,
    /// As in `live-query-settings.json`.
    pub settings: LiveQuerySettings,
}

/// What the portal's Live Query Settings shows, and `live-query-settings.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveQuerySettings {
    /// The Kafka endpoint.
    pub endpoint: String,
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The truststore.
    pub cluster_certificate: CertificateFile,
    /// The keystore.
    pub user_certificate: CertificateFile,
}

/// A PKCS#12 file and what opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFile {
    /// Where it is on the server.
    pub path: String,
    /// Its password.
    pub password: String,
}

impl NewUser {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let user = fields.string("user")?;
        let directory = fields.optional_string("directory")?.map(PathBuf::from);
        let live_queries = fields.optional("liveQueries").map(names).transpose()?;
        fields.finish(&["user", "directory", "liveQueries"])?;
        if directory.as_ref().is_some_and(|directory| !directory.is_absolute()) {
            return Err(Place::Body.field("directory").fault("must be an absolute path"));
        }
        Ok(Self { user, directory, live_queries })
    }
}

/// Of live queries; at least one.
fn names(value: Value) -> Result<Vec<String>, RequestError> {
    let place = Place::Body.field("liveQueries");
    let names = shape::non_empty_array(&place, value)?.into_iter().enumerate();
    names.map(|(index, name)| shape::string(&place.element(index), name)).collect()
}
