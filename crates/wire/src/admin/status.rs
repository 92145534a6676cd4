//! `GET /admin/v1/status`: how the server does (docs/reference/http-api.md, "Administration").

use serde::{Deserialize, Serialize};

/// `GET /admin/v1/status`. Times are ms since the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReply {
    /// The server's version.
    pub version: String,
    /// The time by its clock.
    pub now_ms: u64,
    /// Whether requests need a key; while none was made, the API is open where it may be.
    pub keys_needed: bool,
    /// Every app, sorted by name.
    pub apps: Vec<AppStatusReply>,
    /// Consumer groups of open apps, the one that is furthest behind first; at most 100.
    pub groups: Vec<GroupStatusReply>,
    /// The file system of the data directory; `None` where that cannot be read.
    pub disk: Option<DiskReply>,
    /// What ends when.
    pub certificates: CertificatesReply,
    /// What somebody should look at; empty if all is well.
    pub warnings: Vec<String>,
}

/// How an app does. What is `None` is not known while the app is not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppStatusReply {
    /// Its name.
    pub name: String,
    /// Whether it is open; it is opened when it is next used.
    pub open: bool,
    /// Why it cannot be opened; absent for one that can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub damaged: Option<String>,
    /// Its newest transaction.
    pub txn_id: Option<u64>,
    /// The offset that its next event gets.
    pub next_offset: Option<u64>,
    /// The offset of its oldest event that is kept.
    pub log_start: Option<u64>,
    /// How many documents it has.
    pub documents: Option<u64>,
    /// What its journal takes on disk.
    pub journal_bytes: Option<u64>,
    /// What its documents take on disk.
    pub documents_bytes: Option<u64>,
}

/// How far behind a consumer group is, over all its partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupStatusReply {
    /// Its app.
    pub app: String,
    /// Its name.
    pub group: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// How many members it has.
    pub members: usize,
    /// Events that it has still to read.
    pub lag: u64,
    /// In time, of its latest partition; `None` where that is not known.
    pub lag_seconds: Option<f64>,
    /// Whether what it reads next was trimmed.
    pub gap_ahead: bool,
}

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskReply {
    /// Free bytes.
    pub free_bytes: u64,
    /// All of them.
    pub total_bytes: u64,
}

/// What ends when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificatesReply {
    /// The certificate authority.
    pub authority_ends_ms: u64,
    /// The server's own certificate, which is renewed by itself.
    pub server_ends_ms: Option<u64>,
    /// How many user certificates count.
    pub users: usize,
    /// When the first of them ends.
    pub first_user_ends_ms: Option<u64>,
}
