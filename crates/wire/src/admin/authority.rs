//! The certificate authority, the server's certificate, and replacing them
//! (docs/reference/http-api.md, "Administration").

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::UserReply;
use crate::{
    RequestError,
    shape::{Fields, Place},
};

/// `GET /admin/v1/authority`. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityReply {
    /// The subject of the authority in force.
    pub subject: String,
    /// When it ends.
    pub ends_ms: u64,
    /// The server certificate's serial number, lower-case hex.
    pub server_serial: Option<String>,
    /// When the server's certificate ends; it is renewed by itself.
    pub server_ends_ms: Option<u64>,
    /// When the certificate ends that HTTPS has from files; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub https_file_ends_ms: Option<u64>,
    /// While the authority is being replaced.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rotation: Option<RotationReply>,
}

/// Where the replacement of the authority stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationReply {
    /// When it began.
    pub began_ms: u64,
    /// The next authority's subject.
    pub next_subject: String,
    /// When the next authority ends.
    pub next_ends_ms: u64,
    /// Certificates of the authority in force that are neither revoked nor ended.
    pub former: Vec<FormerCertificateReply>,
}

/// A certificate of the authority that is being replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormerCertificateReply {
    /// The certificate.
    #[serde(flatten)]
    pub user: UserReply,
    /// Connections that it has now.
    pub connections: usize,
    /// When it was last seen; absent: not since the server's start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_seen_ms: Option<u64>,
    /// Whether its user was not seen to have changed over to a newer one.
    pub needed: bool,
}

/// The body of `POST /admin/v1/authority/rotation`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BeginRotation {
    /// Two absolute paths on the server's disk, of PEM files: the next authority's certificate, with
    /// those above it, and its private key. `None`: one is made.
    pub files: Option<(PathBuf, PathBuf)>,
}

/// The body of `POST /admin/v1/authority/rotation/finish`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FinishRotation {
    /// Also where certificates of the former authority are needed still. `false` if not given.
    pub force: bool,
}

/// The body of `POST /admin/v1/apps/{app}/renew-credentials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RenewCredentials {
    /// Only users whose files are of the authority that is being replaced. `false` if not given.
    pub only_former: bool,
}

/// What was revoked with the former authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationFinishedReply {
    /// The certificates that are refused from now on.
    pub revoked: Vec<UserReply>,
}

/// The new certificates of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewedReply {
    /// Their files are where the old ones were.
    pub renewed: Vec<UserReply>,
    /// Users whose files the server does not have: they need to be issued another certificate.
    pub elsewhere: Vec<String>,
}

impl BeginRotation {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let certificate = fields.optional_string("certificateFile")?.map(PathBuf::from);
        let key = fields.optional_string("keyFile")?.map(PathBuf::from);
        fields.finish(&["certificateFile", "keyFile"])?;
        for (name, path) in [("certificateFile", &certificate), ("keyFile", &key)] {
            if path.as_ref().is_some_and(|path| !path.is_absolute()) {
                return Err(Place::Body.field(name).fault("must be an absolute path"));
            }
        }
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Self { files: Some((certificate, key)) }),
            (None, None) => Ok(Self { files: None }),
            (Some(_), None) => Err(Place::Body.field("keyFile").fault("is needed with certificateFile")),
            (None, Some(_)) => Err(Place::Body.field("certificateFile").fault("is needed with keyFile")),
        }
    }
}

impl FinishRotation {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let force = fields.optional_bool("force")?.unwrap_or(false);
        fields.finish(&["force"])?;
        Ok(Self { force })
    }
}

impl RenewCredentials {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let only_former = fields.optional_bool("onlyFormer")?.unwrap_or(false);
        fields.finish(&["onlyFormer"])?;
        Ok(Self { only_former })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_or_none_by_absolute_paths() {
        let parse = |body: &str| BeginRotation::parse(body.as_bytes());
        assert_eq!(parse("{}").unwrap(), BeginRotation { files: None });
        let both = parse(r#"{"certificateFile":"/a","keyFile":"/b"}"#).unwrap();
        assert_eq!(both.files, Some(("/a".into(), "/b".into())));
        for body in
            [r#"{"keyFile":"/b"}"#, r#"{"certificateFile":"/a"}"#, r#"{"certificateFile":"a","keyFile":"/b"}"#, "[]"]
        {
            assert!(parse(body).is_err(), "{body}");
        }
    }
}
