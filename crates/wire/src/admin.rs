//! `/admin/v1`: the bodies and replies of administration (docs/reference/http-api.md, "Administration"), a module for
//! each resource.
//!
//! Not here: what the names mean, which are taken and who may ask (`credentials`, `http-api`).

mod app_transfers;
mod apps;
mod authority;
mod backups;
mod collections;
mod group_reset;
mod groups;
mod keys;
mod live_queries;
mod peers;
mod permission;
mod scrubs;
mod set_aside;
mod sinks;
mod status;
mod tokens;
mod users;

use serde::{Deserialize, Serialize};

pub use self::app_transfers::{
    AppExportReply, AppExportsReply, AppImportReply, AppImportsReply, ExportedAppReply, ImportedAppReply, NewAppExport,
    NewAppImport,
};
pub use self::apps::{AppDeletedReply, AppReply, AppsReply, NewApp};
pub use self::authority::{
    AuthorityReply, BeginRotation, FinishRotation, FormerCertificateReply, RenewCredentials, RenewedReply,
    RotationFinishedReply, RotationReply,
};
pub use self::backups::{BackupPointReply, BackupReply, BackupsReply, LeftOutReply, NewBackup, RunningReply};
pub use self::collections::{CollectionReply, CollectionsReply};
pub use self::group_reset::{GroupDeletedReply, GroupMoveReply, GroupReset, GroupResetReply, ResetTo};
pub use self::groups::{GroupDescriptionReply, GroupMemberReply, GroupPartitionReply, GroupReply, GroupsReply};
pub use self::keys::{Grant, KeyReply, KeyRevokedReply, KeysReply, NewKey, OpenAgain, Permission};
pub use self::live_queries::{
    Compression, LiveQueriesReply, LiveQueryChange, LiveQueryDeletedReply, LiveQueryReply, NewLiveQuery, OnGap,
    QueryLanguage,
};
pub use self::peers::{PeerAllowedReply, PeerConnectionReply, PeerReply, PeerRevokedReply, PeersQuery, PeersReply};
pub use self::permission::{GrantedQueries, LiveQueryPermission, PermissionDocument};
pub use self::scrubs::{NewScrub, ScrubReply, ScrubsReply};
pub use self::set_aside::{SetAsideChoice, SetAsideDoneReply, SetAsideEventReply, SetAsideQuery, SetAsideReply};
pub use self::sinks::{
    HIDDEN, NewSink, SinkChange, SinkDeletedReply, SinkFormat, SinkReply, SinkStart, SinkState, SinkTarget, SinksReply,
};
pub use self::status::{AppStatusReply, CertificatesReply, DiskReply, GroupStatusReply, StatusReply};
pub use self::tokens::{
    LoginHookDeletedReply, LoginHookReply, NewLoginHook, TokenReply, TokenRevokedReply, TokensQuery, TokensReply,
    TokensRevokedReply,
};
pub use self::users::{
    CertificateFile, LiveQuerySettings, NewUser, UserIssuedReply, UserReply, UserRevokedReply, UsersReply,
};

/// `POST /admin/v1/accept-clock`: the machine's clock as it was accepted. Times are ms since the
/// epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockReply {
    /// Whether writes were refused because of it.
    pub was_refused: bool,
    /// What the clock said when it was accepted.
    pub accepted_ms: u64,
    /// What it would have said if it had gone on as it was last believed; `None` where that is not
    /// known.
    pub expected_ms: Option<u64>,
}

/// `POST /admin/v1/sign-in-links`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInLinkReply {
    /// Opens the portal, once.
    pub url: String,
    /// Until when, ms since the epoch.
    pub expires_ms: u64,
}
