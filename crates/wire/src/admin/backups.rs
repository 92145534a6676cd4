//! Backups (docs/reference/http-api.md, "Administration").

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{
    RequestError,
    shape::{Fields, Place},
};

/// The body of `POST /admin/v1/backups`.
#[derive(Clone, PartialEq, Eq)]
pub struct NewBackup {
    /// An absolute path on the server's disk: a folder of backups, or an empty one, or one that is
    /// not there.
    pub to: PathBuf,
    /// Has private keys and tokens copied too, under it.
    pub passphrase: Option<String>,
    /// Removes points that are older, in ms, afterwards.
    pub keep_ms: Option<u64>,
}

impl std::fmt::Debug for NewBackup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewBackup").field("to", &self.to).field("keep_ms", &self.keep_ms).finish_non_exhaustive()
    }
}

/// `GET /admin/v1/backups`. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupsReply {
    /// The one that is under way.
    pub running: Option<RunningReply>,
    /// The one that ended last, since the server's start.
    pub last: Option<BackupReply>,
}

/// A job that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningReply {
    /// The folder that it goes to; of a look for damage, the data directory.
    pub about: String,
    /// When it began.
    pub began_ms: u64,
    /// Bytes that are done.
    pub done_bytes: u64,
    /// Bytes in all, as far as they are known.
    pub total_bytes: u64,
}

/// A backup that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupReply {
    /// The folder.
    pub to: String,
    /// When it began.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// Why it failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// What is there now; absent if it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub point: Option<BackupPointReply>,
}

/// A point in a folder of backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupPointReply {
    /// Its name.
    pub name: String,
    /// Bytes that a data directory made of it has.
    pub bytes: u64,
    /// Bytes that were written for it.
    pub new_bytes: u64,
    /// How many apps it has.
    pub apps: usize,
    /// The apps that it lacks, each with the reason.
    pub left_out: Vec<LeftOutReply>,
    /// Whether private keys and tokens are in it.
    pub has_secrets: bool,
    /// How many old points were removed afterwards.
    pub pruned: usize,
}

/// An app that could not be backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutReply {
    /// Its name.
    pub app: String,
    /// Why.
    pub reason: String,
}

impl NewBackup {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let to = PathBuf::from(fields.string("to")?);
        let passphrase = fields.optional_string("passphrase")?;
        let keep_ms = fields.optional_size("keepMs")?.map(|ms| ms as u64);
        fields.finish(&["to", "passphrase", "keepMs"])?;
        if !to.is_absolute() {
            return Err(Place::Body.field("to").fault("must be an absolute path"));
        }
        Ok(Self { to, passphrase, keep_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_and_what_is_known() {
        let parse = |body: &str| NewBackup::parse(body.as_bytes());
        let expected = NewBackup { to: "/b".into(), passphrase: Some("x".into()), keep_ms: Some(5) };
        assert_eq!(parse(r#"{"to":"/b","passphrase":"x","keepMs":5}"#).unwrap(), expected);
        assert!(!format!("{expected:?}").contains("\"x\""));
        for body in ["{}", r#"{"to":"b"}"#, r#"{"to":"/b","more":1}"#, r#"{"to":"/b","keepMs":-1}"#] {
            assert!(parse(body).is_err(), "{body}");
        }
    }
}
