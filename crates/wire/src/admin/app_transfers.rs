//! One app to another server (docs/reference/http-api.md, "Administration").

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{BackupPointReply, RunningReply};
use crate::{
    RequestError,
    shape::{Fields, Place},
};

/// The body of `POST /admin/v1/app-exports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppExport {
    /// The app.
    pub name: String,
    /// An absolute path on the server's disk: a folder of this app's exports, or an empty one, or one
    /// that is not there.
    pub to: PathBuf,
}

/// The body of `POST /admin/v1/app-imports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppImport {
    /// The app, by its name there and here.
    pub name: String,
    /// An absolute path on the server's disk: a folder of exports or backups, or a copy of a data
    /// directory.
    pub from: PathBuf,
    /// Which of its points, by name; the newest if it is not said.
    pub point: Option<String>,
    /// The server's clock is right, though it stands before the app's newest transaction.
    pub accept_clock: bool,
}

/// `GET /admin/v1/app-exports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppExportsReply {
    /// The one that is under way.
    pub running: Option<RunningReply>,
    /// The one that ended last, since the server's start.
    pub last: Option<AppExportReply>,
}

/// An export that has ended. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppExportReply {
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
    pub exported: Option<ExportedAppReply>,
}

/// An app that was exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedAppReply {
    /// Its name.
    pub app: String,
    /// Its last transaction that is in the export; 0 if there is none.
    pub last_txn: u64,
    /// When that was committed, ms since the epoch.
    pub last_commit_ms: u64,
    /// The offset behind its last event.
    pub next_offset: u64,
    /// The point in the folder.
    pub point: BackupPointReply,
}

/// `GET /admin/v1/app-imports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppImportsReply {
    /// The one that is under way.
    pub running: Option<RunningReply>,
    /// The one that ended last, since the server's start.
    pub last: Option<AppImportReply>,
}

/// An import that has ended. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppImportReply {
    /// The app.
    pub app: String,
    /// When it began.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// Why it failed, and there is no such app; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// What is there now; absent if it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub imported: Option<ImportedAppReply>,
}

/// An app that was imported, and lives another life from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedAppReply {
    /// What it was made of: "backup 2026…".
    pub from: String,
    /// Its last transaction of the life before; 0 if there is none.
    pub last_txn: u64,
    /// When that was committed, ms since the epoch.
    pub last_commit_ms: u64,
    /// Its next transaction.
    pub first_txn: u64,
    /// The next offset of its main feed.
    pub first_offset: u64,
    /// The leader epoch from there on.
    pub leader_epoch: u32,
    /// The directory, on the server, that holds its first user's certificates and settings; of a server
    /// that is stopped they are made at its next start.
    pub credentials: String,
}

impl NewAppExport {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let (name, to) = (fields.string("name")?, PathBuf::from(fields.string("to")?));
        fields.finish(&["name", "to"])?;
        absolute("to", &to)?;
        Ok(Self { name, to })
    }
}

impl NewAppImport {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let (name, from) = (fields.string("name")?, PathBuf::from(fields.string("from")?));
        let point = fields.optional_string("point")?;
        let accept_clock = fields.optional_bool("acceptClock")?.unwrap_or(false);
        fields.finish(&["name", "from", "point", "acceptClock"])?;
        absolute("from", &from)?;
        Ok(Self { name, from, point, accept_clock })
    }
}

fn absolute(field: &'static str, path: &std::path::Path) -> Result<(), RequestError> {
    if path.is_absolute() { Ok(()) } else { Err(Place::Body.field(field).fault("must be an absolute path")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_and_what_is_known() {
        let export = NewAppExport::parse(br#"{"name":"shop","to":"/e"}"#).unwrap();
        assert_eq!(export, NewAppExport { name: "shop".into(), to: "/e".into() });
        let import = NewAppImport::parse(br#"{"name":"shop","from":"/e","point":"p","acceptClock":true}"#).unwrap();
        let expected =
            NewAppImport { name: "shop".into(), from: "/e".into(), point: Some("p".into()), accept_clock: true };
        assert_eq!(import, expected);
        for body in ["{}", r#"{"name":"shop","to":"e"}"#, r#"{"name":"shop","to":"/e","keepMs":1}"#, r#"{"to":"/e"}"#] {
            assert!(NewAppExport::parse(body.as_bytes()).is_err(), "{body}");
        }
        for body in [r#"{"name":"shop"}"#, r#"{"name":"shop","from":"e"}"#, r#"{"name":1,"from":"/e"}"#] {
            assert!(NewAppImport::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
