//! What an administrator does to a server: one file for each kind of thing that it is done to.
//!
//! An edge reads what was asked, calls an operation, and shows what came of it. Invariants: both
//! edges refuse the same; each operation has errors of its own, which an edge maps to its statuses
//! and pages in one exhaustive match.
//! Not here: who may ask, JSON and pages (the edges); what each change keeps true (the store,
//! topics, credentials).

mod app_deletion;
mod app_import;
mod apps;
mod audit_entry;
mod audit_log;
mod authority;
mod blocking;
mod bundle_files;
mod certificates;
mod collections;
mod consumer_groups;
mod groups;
mod import_job;
mod indexes;
mod job;
mod keys;
mod live_queries;
mod maintenance;
mod operations;
mod peer_directory;
mod peers;
mod reset;
mod status;
mod tokens;
mod users;
mod warning;
mod warnings;

pub use app_deletion::{DeleteAppError, DeletedApp, finish_deletions};
pub use app_import::{ImportError, ImportRequest, Imported, import_app};
pub use apps::AppError;
pub use audit_entry::{AUDIT_TARGET_BYTES_MAX, Actor, AuditEntry, Outcome};
pub use audit_log::{AUDIT_FILE, AUDIT_FILE_BYTES_MAX, AUDIT_FILES_MAX, AuditLog};
pub use authority::AuthorityState;
pub use bundle_files::{BundleFiles, FILES, FilesError, settings_of};
pub use certificates::{
    APPS_COUNTED_MAX, AUTHORITY_WARNING_MS, AppCertificates, CERTIFICATE_WARNING_MS, certificate_warnings,
};
pub use collections::{DropCollectionError, DroppedDocuments};
pub use consumer_groups::{ConsumerGroup, ConsumerGroups, GroupMember};
pub use groups::{AppGroups, GroupLag};
pub use indexes::IndexError;
pub use job::{Ended, JobState, Running};
pub use keys::KeyError;
pub use maintenance::{BackedUp, BackupError, BackupRequest, Maintenance, SCRUB_BYTES_PER_SECOND, Scrubbed};
pub use operations::Operations;
pub use peer_directory::{PeerConnection, PeerDirectory, SeenPeer};
pub use peers::{Peer, PeerError, PeerPage};
pub use reset::{DeleteGroupError, Move, ResetError, Target};
pub use status::{AppStatus, GroupStatus, Status};
pub use users::UserError;
pub use warning::{Severity, Warning};
pub use warnings::{DISK_FREE_BYTES_MIN, GAP_WARNING_MS, GROUPS_LOOKED_AT_MAX};
