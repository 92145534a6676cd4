//! `/admin/v1`: apps, API keys and user certificates (docs/reference/http-api.md,
//! "Administration").
//!
//! Not here: what the names mean, which are taken and who may ask (`credentials`, `http-api`).

mod app_transfers;
mod authority;
mod backups;
mod group_reset;
mod peers;
mod permission;
mod scrubs;
mod set_aside;
mod sinks;
mod status;
mod tokens;

use std::path::PathBuf;

use document::Value;
use serde::{Deserialize, Serialize};

pub use self::app_transfers::{
    AppExportReply, AppExportsReply, AppImportReply, AppImportsReply, ExportedAppReply, ImportedAppReply, NewAppExport,
    NewAppImport,
};
pub use self::authority::{
    AuthorityReply, BeginRotation, FinishRotation, FormerCertificateReply, RenewCredentials, RenewedReply,
    RotationFinishedReply, RotationReply,
};
pub use self::backups::{BackupPointReply, BackupReply, BackupsReply, LeftOutReply, NewBackup, RunningReply};
pub use self::group_reset::{GroupDeletedReply, GroupMoveReply, GroupReset, GroupResetReply, ResetTo};
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
use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

/// The body of `POST /admin/v1/apps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApp {
    /// Its name.
    pub name: String,
}

/// An app as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppReply {
    /// Its name.
    pub name: String,
    /// The topic of its main feed.
    pub topic: String,
    /// The consumer group of its main feed.
    pub group: String,
    /// The Kafka endpoint that clients connect to.
    pub endpoint: String,
    /// Its newest transaction; absent while that is not known: the app was not opened since the
    /// start.
    #[serde(rename = "txnId", skip_serializing_if = "Option::is_none", default)]
    pub txn_id: Option<u64>,
    /// The directory, on the server, that holds its first user's certificates and settings.
    pub credentials: String,
    /// Why it cannot be opened; absent for an app that can, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub damaged: Option<String>,
}

/// `GET /admin/v1/apps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppsReply {
    /// Sorted by name.
    pub apps: Vec<AppReply>,
}

/// `DELETE /admin/v1/apps/{app}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppDeletedReply {
    /// The app that is gone.
    pub deleted: String,
    /// How many certificates were revoked with it.
    pub certificates_revoked: usize,
    /// The API keys that could do nothing else and are revoked.
    pub keys_revoked: Vec<String>,
    /// Whether its files are gone too. While somebody holds them, they stay, and its name is taken.
    pub finished: bool,
}

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

/// The body of `POST /admin/v1/apps/{app}/live-queries`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLiveQuery {
    /// Its name.
    pub name: String,
    /// The collection; `None`: all.
    pub collection: Option<String>,
    /// In `query_language`; `None`: every document.
    pub query: Option<String>,
    /// `Legacy` if not given.
    pub query_language: QueryLanguage,
    /// 1 if not given.
    pub partitions: u16,
    /// `Requery` if not given.
    pub on_gap: OnGap,
    /// `None` if not given.
    pub compression: Compression,
    /// Which documents it may carry, by the document's half for reading; `None`: all.
    pub permission: Option<PermissionDocument>,
}

/// The body of `PATCH /admin/v1/apps/{app}/live-queries/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveQueryChange {
    /// What a gap gets from here on.
    pub on_gap: Option<OnGap>,
    /// How it is compressed from here on.
    pub compression: Option<Compression>,
}

/// What a consumer gets in the place of trimmed events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnGap {
    /// The names of the documents that it has to read again.
    #[default]
    Requery,
    /// Those documents themselves; only what is gone is named.
    Snapshot,
}

/// The language of a live query's query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryLanguage {
    /// The legacy query language.
    #[default]
    Legacy,
    /// DQL: a condition, as it stands behind WHERE.
    Dql,
}

/// How the batches of a live query's topic are compressed for Kafka clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4.
    Lz4,
    /// Zstandard. Clients need Fetch 10, of Kafka 2.1; older ones get it uncompressed.
    Zstd,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
}

/// A live query as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveQueryReply {
    /// Its name; `main` is the app's main feed.
    pub name: String,
    /// The collection; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub collection: Option<String>,
    /// The query; absent: every document.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub query: Option<String>,
    /// The query's language; absent: the legacy one.
    #[serde(skip_serializing_if = "QueryLanguage::is_legacy", default)]
    pub query_language: QueryLanguage,
    /// How many partitions its topic has.
    pub partitions: u16,
    /// What a gap gets.
    pub on_gap: OnGap,
    /// How its batches are compressed; absent: not at all.
    #[serde(skip_serializing_if = "Compression::is_none", default)]
    pub compression: Compression,
    /// Which documents it may carry; absent: all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub permission: Option<LiveQueryPermission>,
    /// Its topic.
    pub topic: String,
    /// The consumer group that is meant for it.
    pub group: String,
    /// The Kafka endpoint.
    pub endpoint: String,
}

/// `GET /admin/v1/apps/{app}/live-queries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveQueriesReply {
    /// The main feed, then the others by name.
    pub live_queries: Vec<LiveQueryReply>,
}

/// `DELETE /admin/v1/apps/{app}/live-queries/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveQueryDeletedReply {
    /// The live query that is gone, with its topic.
    pub deleted: String,
}

/// `GET /admin/v1/apps/{app}/collections`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionsReply {
    /// Sorted by name. One whose documents are all removed is not there.
    pub collections: Vec<CollectionReply>,
}

/// A collection that has documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectionReply {
    /// Its name.
    pub name: String,
    /// How many documents it has; removed ones do not count.
    pub documents: u64,
}

/// `GET /admin/v1/apps/{app}/groups`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupsReply {
    /// Sorted by name.
    pub groups: Vec<GroupReply>,
    /// How many more there are than are listed; absent where there are none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub left_out: usize,
}

/// A consumer group over all its partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupReply {
    /// Its name.
    pub group: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// How many members it has.
    pub members: usize,
    /// Offsets that it has still to read.
    pub lag: u64,
    /// The largest of its partitions; `None` if one is not known.
    pub lag_seconds: Option<f64>,
    /// Whether anywhere what it reads next was trimmed.
    pub gap_ahead: bool,
    /// Whether anywhere it is told next that the data was restored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restore_ahead: bool,
    /// The smallest of its partitions; `None` where that is nowhere to be expected.
    pub seconds_until_gap: Option<f64>,
}

/// `GET /admin/v1/apps/{app}/groups/{group}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDescriptionReply {
    /// Its name.
    pub group: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: String,
    /// By id.
    pub members: Vec<GroupMemberReply>,
    /// Where it has committed something, by topic and partition.
    pub partitions: Vec<GroupPartitionReply>,
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupMemberReply {
    /// Its id.
    pub member_id: String,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from, as Kafka shows it: `/192.0.2.7`.
    pub host: String,
}

/// Where a group is in one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupPartitionReply {
    /// The topic.
    pub topic: String,
    /// The partition, from 0.
    pub partition: i32,
    /// The offset it reads next.
    pub committed: u64,
    /// The offset that the next event gets.
    pub high_watermark: u64,
    /// Offsets that it has still to read.
    pub lag: u64,
    /// How long ago the event was committed that it reads next; 0 where it has read everything,
    /// `None` where that is not known.
    pub lag_seconds: Option<f64>,
    /// Whether what it reads next was trimmed: it gets a gap first.
    pub gap_ahead: bool,
    /// Whether it stands before the place where restored data goes on, and is told there to begin
    /// again. Offsets that a restore skipped do not count in `lag`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restore_ahead: bool,
    /// When what it reads next will be trimmed, if it goes on as before; `None` where that is not to
    /// be expected.
    pub seconds_until_gap: Option<f64>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl NewLiveQuery {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        let collection = fields.optional_collection("collection")?.map(|name| name.as_str().to_owned());
        let query = fields.optional_string("query")?;
        let query_language = QueryLanguage::take(&mut fields)?;
        let partitions = fields.optional_size("partitions")?.unwrap_or(1);
        let on_gap = OnGap::take(&mut fields)?;
        let compression = Compression::take(&mut fields)?.unwrap_or_default();
        let permission = PermissionDocument::take_optional(&mut fields)?;
        fields.finish(&[
            "name",
            "collection",
            "query",
            "queryLanguage",
            "partitions",
            "onGap",
            "compression",
            "permission",
        ])?;
        let partitions = u16::try_from(partitions).map_err(|_| {
            Place::Body.field("partitions").fault(format_args!("must be from 1 to 1000, not {partitions}"))
        })?;
        let on_gap = on_gap.unwrap_or_default();
        Ok(Self { name, collection, query, query_language, partitions, on_gap, compression, permission })
    }
}

impl LiveQueryChange {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        for name in ["name", "collection", "query", "queryLanguage", "partitions", "permission"] {
            if fields.take(name).is_some() {
                let message = "cannot be changed, only onGap and compression can: make a new live query";
                return Err(Place::Body.field(name).fault(message));
            }
        }
        let on_gap = OnGap::take(&mut fields)?;
        let compression = Compression::take(&mut fields)?;
        fields.finish(&["onGap", "compression"])?;
        if on_gap.is_none() && compression.is_none() {
            return Err(Place::Body.fault("must say what to change; known are onGap and compression"));
        }
        Ok(Self { on_gap, compression })
    }
}

impl QueryLanguage {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Dql];

    /// Whether it is the legacy one.
    pub fn is_legacy(&self) -> bool {
        *self == Self::Legacy
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Dql => "dql",
        }
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    fn take(fields: &mut Fields<'_>) -> Result<Self, RequestError> {
        let Some(name) = fields.optional_string("queryLanguage")? else { return Ok(Self::default()) };
        let unknown = || {
            let names = Self::ALL.map(Self::name).join(" or ");
            Place::Body.field("queryLanguage").fault(format_args!("must be {names}, not {name:?}"))
        };
        Self::of_name(&name).ok_or_else(unknown)
    }
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Lz4, Self::Zstd, Self::Gzip, Self::Snappy];

    /// Whether it is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Its name, which is Kafka's too.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
        }
    }

    /// The one of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    fn take(fields: &mut Fields<'_>) -> Result<Option<Self>, RequestError> {
        let Some(name) = fields.optional_string("compression")? else { return Ok(None) };
        let unknown = || {
            let names = Self::ALL.map(Self::name).join(", ");
            Place::Body.field("compression").fault(format_args!("must be one of {names}, not {name:?}"))
        };
        Self::of_name(&name).map(Some).ok_or_else(unknown)
    }
}

impl OnGap {
    fn take(fields: &mut Fields<'_>) -> Result<Option<Self>, RequestError> {
        match fields.optional_string("onGap")?.as_deref() {
            None => Ok(None),
            Some("requery") => Ok(Some(OnGap::Requery)),
            Some("snapshot") => Ok(Some(OnGap::Snapshot)),
            Some(other) => Err(Place::Body
                .field("onGap")
                .fault(format_args!("must be \"requery\" or \"snapshot\", not {other:?}"))),
        }
    }
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

impl NewApp {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let name = fields.string("name")?;
        fields.finish(&["name"])?;
        Ok(Self { name })
    }
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
        let grants = non_empty(&place, grants)?
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
        let permissions = non_empty(&place, permissions)?
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
    let names = non_empty(&place, value)?.into_iter().enumerate();
    names.map(|(index, name)| shape::string(&place.element(index), name)).collect()
}

fn non_empty(place: &Place<'_>, value: Value) -> Result<Vec<Value>, RequestError> {
    let elements = shape::array(place, value)?;
    if elements.is_empty() { Err(place.fault("must not be empty")) } else { Ok(elements) }
}
