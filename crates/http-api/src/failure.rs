//! Every way in which a call can fail, and the status of each.

use std::time::Duration;

use attachments::AttachmentError;
use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use credentials::CredentialsError;
use executor::ExecuteError;
use find::{CursorError, SortTooLarge};
use operations::{
    AppError, BackupError, DeleteAppError, DeleteGroupError, IndexError, KeyError, PeerError, ResetError, UserError,
};
use permissions::RightsError;
use query::{
    BindError, ParseError, TooExpensive,
    dql::{RowsError, SyntaxError},
};
use sinks::SinkError;
use store::{AppNameError, AppUnavailable, CommitError, CreateAppError, CreateIndexError, Refusal, SnapshotError};
use topics::ChangeError;
use wire::RequestError;

use crate::{
    attachment::multipart::MultipartError,
    body_error::BodyError,
    denied::Denied,
    limits,
    login_error::{FormError, LoginRefused},
    reply,
};

/// Why a call failed. Its message is what the caller reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("permission: {0}")]
    Permission(RightsError),
    #[error(
        "liveQueries: {live_query:?} has no permission; make one with a permission, and issue the certificate for that"
    )]
    Unrestricted { live_query: String },
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{place}: {error}")]
    Query { place: String, error: ParseError },
    #[error("{place}: {error}")]
    QueryArgs { place: String, error: BindError },
    #[error("{header} must be a decimal number of at most 64 bits, not {value:?}")]
    TxnIdMalformed { header: &'static str, value: String },
    #[error("{header} must be true or false, not {value:?}")]
    FlagMalformed { header: &'static str, value: String },
    #[error("a GET asks in its query string or in its body, not in both")]
    QueryStringAndBody,
    #[error("X-Headwater-Request-Id must be 1 to 64 visible characters, not {value:?}")]
    RequestIdMalformed { value: String },
    #[error("transaction {wanted} was not applied within {} s, the newest is {newest}; nothing was done", timeout.as_secs_f32())]
    TxnNotApplied { wanted: u64, newest: u64, timeout: Duration },
    #[error(
        "transaction {wanted} is not there and never will be: the app was restored to transaction {last}, and goes on with {first}; nothing was done"
    )]
    TxnLost { wanted: u64, last: u64, first: u64 },
    #[error(transparent)]
    App(#[from] AppUnavailable),
    #[error("there is no document {id} in the collection {collection:?}")]
    DocumentNotFound { collection: String, id: String },
    #[error(transparent)]
    Multipart(#[from] MultipartError),
    #[error("the attachment is longer than {bytes_max} bytes")]
    AttachmentTooLong { bytes_max: u64 },
    #[error("{id:?} is no attachment's id: the SHA-256 of the file, as base64url without padding")]
    AttachmentId { id: String },
    #[error(
        "send Content-Length, and of a part where it stands: Content-Range: bytes 0-4/5, or bytes */5 to ask what came"
    )]
    ContentRange,
    #[error("there is no attachment {id:?}")]
    AttachmentNotFound { id: String },
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    #[error("there is no attachment {id:?}: upload it before its token is written")]
    AttachmentMissing { id: String },
    #[error("the len of the attachment {id:?} is wrong{}", len.map_or(String::new(), |len| format!(": it has {len} bytes")))]
    AttachmentLength { id: String, len: Option<u64> },
    #[error("there is nothing at {path}{}", if hint.is_empty() { String::new() } else { format!(": {hint}") })]
    PathNotFound { path: String, hint: String },
    #[error("{path} does not take {method}")]
    MethodNotAllowed { path: String, method: Method },
    #[error("no upgrade to headwater.sync.1: {reason}")]
    NoUpgrade { reason: &'static str },
    #[error("there is no room for another peer; come back later")]
    NoRoomForPeers,
    #[error("a page of another site may ask this only with a key in Authorization")]
    PreflightDenied,
    #[error("the request is for app {asked:?}, but appId says {named:?}")]
    OtherApp { asked: String, named: String },
    #[error(
        "commands[{command}]: with it the request would touch more than {} documents or {} bytes; write fewer at once: a query can be narrowed \
         by _id, as in _id >= 'a' && _id < 'b'",
        limits::OPERATIONS_MAX,
        limits::TRANSACTION_BYTES_MAX
    )]
    TransactionTooLarge { command: usize },
    #[error(
        "commands[{command}].query: a request may have at most {} queries that name no ids",
        limits::SCANNING_COMMANDS_MAX
    )]
    TooManyScans { command: usize },
    #[error(
        "the reply would be longer than {} bytes: ask for fewer documents with limit and offset",
        limits::REPLY_BYTES_MAX
    )]
    ReplyTooLarge,
    #[error("{0}: use a smaller limit and offset, or a narrower query")]
    SortTooLarge(#[from] SortTooLarge),
    #[error("after: {0}")]
    Cursor(#[from] CursorError),
    #[error(
        "{0}; narrow the query by _id, use a simpler regular expression or starts_with, or ask in several requests"
    )]
    TooExpensive(#[from] TooExpensive),
    #[error("the query was not answered within {} s", waited.as_secs_f32())]
    ReadLate { waited: Duration },
    #[error("too many queries are running at the moment; try again")]
    ReadsBusy,
    #[error("too many attachments are being fetched at the moment; try again")]
    FetchesBusy,
    #[error("writes that touch many documents take all the memory for them at the moment; nothing was done, try again")]
    WritesBusy,
    #[error("the read was given up")]
    ReadAbandoned,
    #[error(transparent)]
    Read(#[from] SnapshotError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    AppName(AppNameError),
    #[error(transparent)]
    CreateApp(CreateAppError),
    #[error(transparent)]
    DeleteApp(DeleteAppError),
    #[error(transparent)]
    Reset(ResetError),
    #[error("the group {group:?} has members at the moment: stop its consumers first")]
    GroupBusy { group: String },
    #[error("the app {app:?} has no topic {topic:?}; `headwater live-query list` shows those that there are")]
    TopicNotFound { app: String, topic: String },
    #[error(transparent)]
    Credentials(CredentialsError),
    #[error(transparent)]
    LiveQuery(ChangeError),
    #[error(transparent)]
    Sink(SinkError),
    #[error(transparent)]
    Index(IndexError),
    #[error(transparent)]
    Syntax(SyntaxError),
    #[error(transparent)]
    Bind(BindError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error("the result would be longer than {} bytes: add LIMIT", limits::REPLY_BYTES_MAX)]
    ResultTooLarge,
    #[error("Identifier conflict on document {id}: using FAIL conflict policy")]
    IdentifierConflict { id: String },
    #[error("there is an index {name:?} on {collection:?} already: use IF NOT EXISTS, or another name")]
    IndexExists { collection: String, name: String },
    #[error("there is no index {name:?} on {collection:?}: use IF EXISTS where that is fine")]
    IndexMissing { collection: String, name: String },
    #[error("there is no parameter {name:?}; SHOW ALL shows those that there are")]
    NoParameter { name: String },
    #[error("the app {app:?} has no group {group:?}: none of that name has members or has committed anything")]
    GroupNotFound { app: String, group: String },
    #[error("the app {app:?} has no peer {site}")]
    PeerNotFound { app: String, site: u64 },
    #[error("a peer's site is a decimal number of at most 64 bits, not {value:?}")]
    SiteMalformed { value: String },
    #[error("there is no certificate {serial:?}")]
    CertificateNotFound { serial: String },
    #[error("the clock is accepted, but that cannot be noted, and the next start may ask again: {0}")]
    ClockNotNoted(std::io::Error),
    #[error(transparent)]
    Backup(BackupError),
    #[error(transparent)]
    Login(#[from] LoginRefused),
    #[error(transparent)]
    LoginForm(#[from] FormError),
    #[error("nobody logs in to the app {app:?}: it has no login hook")]
    NoLoginHook { app: String },
    #[error("say whose tokens are to be revoked: ?user=")]
    NoUserNamed,
    #[error("the server failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// A live query that could not be committed is a write that was not.
impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Commit(error) => Self::Commit(error),
            other => Self::LiveQuery(other),
        }
    }
}

/// The same of a sink.
impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Commit(error) => Self::Commit(error),
            other => Self::Sink(other),
        }
    }
}

/// The same of an index.
impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Commit(error) | IndexError::Create(CreateIndexError::Commit(error)) => Self::Commit(error),
            other => Self::Index(other),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Name(error) => Self::AppName(error),
            AppError::Create(error) => Self::CreateApp(error),
            AppError::Credentials(error) => Self::Credentials(error),
            AppError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<DeleteAppError> for Failure {
    fn from(error: DeleteAppError) -> Self {
        match error {
            DeleteAppError::Store(store::DeleteAppError::NotFound { app }) => {
                Self::App(AppUnavailable::NotFound { app })
            }
            DeleteAppError::Panicked(error) => Self::Panicked(error),
            other => Self::DeleteApp(other),
        }
    }
}

impl From<ResetError> for Failure {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Busy(group) => Self::GroupBusy { group },
            ResetError::Commit(error) => Self::Commit(error),
            other => Self::Reset(other),
        }
    }
}

impl From<DeleteGroupError> for Failure {
    fn from(error: DeleteGroupError) -> Self {
        match error {
            DeleteGroupError::NotFound { app, group } => Self::GroupNotFound { app, group },
            DeleteGroupError::Busy(group) => Self::GroupBusy { group },
            DeleteGroupError::Commit(error) => Self::Commit(error),
        }
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Credentials(error) => Self::Credentials(error),
            KeyError::Permission(error) => Self::Permission(error),
            KeyError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<PeerError> for Failure {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::NotFound { app, site } => Self::PeerNotFound { app, site: site.0 },
            PeerError::Credentials(error) => Self::Credentials(error),
            PeerError::Read(error) => Self::Read(error),
            PeerError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        match error {
            UserError::CertificateNotFound { serial } => Self::CertificateNotFound { serial },
            UserError::Unrestricted { live_query } => Self::Unrestricted { live_query },
            UserError::App(error) => Self::App(error),
            UserError::Credentials(error) => Self::Credentials(error),
            UserError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl Failure {
    /// The status of each failure (docs/reference/http-api.md, "Errors").
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failure::Denied(
                Denied::KeyMissing | Denied::KeyUnknown | Denied::TokenUnknown | Denied::NoKeyExists { .. },
            )
            | Failure::Login(LoginRefused::Refused) => StatusCode::UNAUTHORIZED,
            Failure::Login(LoginRefused::TooManyAttempts)
            | Failure::Attachment(AttachmentError::TooMuchUnheld { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Failure::Denied(
                Denied::HostForeign { .. }
                | Denied::OriginForeign { .. }
                | Denied::SiteForeign { .. }
                | Denied::NotGranted { .. }
                | Denied::AdminOnly
                | Denied::DirectoryNamed,
            )
            | Failure::Credentials(CredentialsError::NotOnDisk)
            | Failure::PreflightDenied
            | Failure::Request(RequestError::SystemCollection { .. }) => StatusCode::FORBIDDEN,
            Failure::Request(RequestError::Json { .. } | RequestError::Shape { .. })
            | Failure::Body(BodyError::Broken(_) | BodyError::Encoded(_))
            | Failure::Permission(_)
            | Failure::Unrestricted { .. }
            | Failure::Query { .. }
            | Failure::QueryArgs { .. }
            | Failure::Syntax(_)
            | Failure::Bind(_)
            | Failure::Execute(
                ExecuteError::Collection(_)
                | ExecuteError::NoSystemCollection { .. }
                | ExecuteError::Row(_)
                | ExecuteError::SameId { .. },
            )
            | Failure::Rows(_)
            | Failure::ResultTooLarge
            | Failure::IdentifierConflict { .. }
            | Failure::IndexExists { .. }
            | Failure::IndexMissing { .. }
            | Failure::NoParameter { .. }
            | Failure::TxnIdMalformed { .. }
            | Failure::SiteMalformed { .. }
            | Failure::OtherApp { .. }
            | Failure::FlagMalformed { .. }
            | Failure::RequestIdMalformed { .. }
            | Failure::LoginForm(_)
            | Failure::NoUserNamed
            | Failure::QueryStringAndBody
            | Failure::NoUpgrade { .. }
            | Failure::Commit(CommitError::Refused(
                Refusal::DocumentExists { .. }
                | Refusal::TooExpensive { .. }
                | Refusal::Query { .. }
                | Refusal::Statement { .. }
                | Refusal::ReturnedTooMuch { .. }
                | Refusal::Push { .. },
            ))
            | Failure::Multipart(_)
            | Failure::AttachmentId { .. }
            | Failure::ContentRange
            | Failure::Attachment(AttachmentError::NotItsName { resumed: false })
            | Failure::AttachmentMissing { .. }
            | Failure::AttachmentLength { .. }
            | Failure::TooManyScans { .. }
            | Failure::ReplyTooLarge
            | Failure::SortTooLarge(_)
            | Failure::Cursor(_)
            | Failure::TooExpensive(_)
            | Failure::AppName(_)
            | Failure::Backup(BackupError::Relative(_) | BackupError::Backup(_))
            | Failure::DeleteApp(DeleteAppError::Default { .. })
            | Failure::Reset(ResetError::OffsetAhead { .. })
            | Failure::Index(IndexError::Definition(_) | IndexError::Create(CreateIndexError::TooMany))
            | Failure::LiveQuery(
                ChangeError::Invalid(_)
                | ChangeError::Main
                | ChangeError::MainCompression
                | ChangeError::TooMany
                | ChangeError::TooManyPartitions,
            )
            | Failure::Sink(SinkError::Invalid(_) | SinkError::TooMany)
            | Failure::Credentials(
                CredentialsError::BadName { .. }
                | CredentialsError::DirectoryNotEmpty { .. }
                | CredentialsError::DirectoryOfServer { .. }
                | CredentialsError::AuthorityUnusable { .. }
                | CredentialsError::SameAuthority,
            ) => StatusCode::BAD_REQUEST,
            Failure::TxnNotApplied { .. }
            | Failure::TxnLost { .. }
            | Failure::App(AppUnavailable::NotFound { .. })
            | Failure::Backup(BackupError::App(AppUnavailable::NotFound { .. }))
            | Failure::DocumentNotFound { .. }
            | Failure::AttachmentNotFound { .. }
            | Failure::PathNotFound { .. }
            | Failure::LiveQuery(ChangeError::NotFound(_))
            | Failure::Sink(SinkError::NotFound(_))
            | Failure::GroupNotFound { .. }
            | Failure::TopicNotFound { .. }
            | Failure::PeerNotFound { .. }
            | Failure::NoLoginHook { .. }
            | Failure::Index(IndexError::NotFound { .. })
            | Failure::CertificateNotFound { .. }
            | Failure::Credentials(CredentialsError::NotFound { .. }) => StatusCode::NOT_FOUND,
            Failure::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Failure::Body(BodyError::Late { .. }) | Failure::ReadLate { .. } => StatusCode::REQUEST_TIMEOUT,
            Failure::CreateApp(CreateAppError::Exists(_) | CreateAppError::BeingDeleted(_))
            | Failure::GroupBusy { .. }
            | Failure::Attachment(
                AttachmentError::Ahead { .. }
                | AttachmentError::NotItsName { resumed: true }
                | AttachmentError::TakenOver,
            )
            | Failure::Backup(BackupError::UnderWay { .. } | BackupError::Taken(_))
            | Failure::Commit(CommitError::RequestReused { .. })
            | Failure::LiveQuery(ChangeError::Exists(_))
            | Failure::Sink(SinkError::Exists(_))
            | Failure::Index(IndexError::Create(CreateIndexError::NameTaken { .. }))
            | Failure::Credentials(
                CredentialsError::Exists { .. }
                | CredentialsError::KeysExist { .. }
                | CredentialsError::RotationUnderWay
                | CredentialsError::NoRotation
                | CredentialsError::FormerInUse { .. },
            ) => StatusCode::CONFLICT,
            Failure::Body(BodyError::TooLong { .. })
            | Failure::AttachmentTooLong { .. }
            | Failure::TransactionTooLarge { .. }
            | Failure::Execute(ExecuteError::TooLarge)
            | Failure::Commit(CommitError::TooManyIndexEntries { .. })
            | Failure::Commit(CommitError::Refused(
                Refusal::DocumentTooLarge { .. } | Refusal::TransactionTooLarge { .. },
            )) => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::Commit(CommitError::Unknown { .. })
            | Failure::Read(_)
            | Failure::Attachment(AttachmentError::Io(_))
            | Failure::ReadAbandoned
            | Failure::Panicked(_)
            | Failure::Backup(BackupError::Thread(_))
            | Failure::ClockNotNoted(_)
            | Failure::Index(IndexError::Commit(_) | IndexError::Create(CreateIndexError::Commit(_)))
            | Failure::LiveQuery(ChangeError::Io(_) | ChangeError::Prepare(_) | ChangeError::Commit(_))
            | Failure::Sink(SinkError::Io(_) | SinkError::Commit(_))
            | Failure::CreateApp(CreateAppError::Open(_) | CreateAppError::Unavailable(_))
            | Failure::DeleteApp(
                DeleteAppError::Store(_) | DeleteAppError::Unfinished { .. } | DeleteAppError::Panicked(_),
            )
            | Failure::Reset(ResetError::Topic(_) | ResetError::Busy(_) | ResetError::Commit(_))
            | Failure::Credentials(
                CredentialsError::Io { .. } | CredentialsError::File { .. } | CredentialsError::Certificate { .. },
            ) => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::Body(BodyError::Busy)
            | Failure::Attachment(AttachmentError::DiskFull)
            | Failure::ReadsBusy
            | Failure::FetchesBusy
            | Failure::WritesBusy
            | Failure::Login(LoginRefused::Busy)
            | Failure::NoRoomForPeers
            | Failure::Backup(BackupError::Stopping | BackupError::App(_))
            | Failure::Reset(ResetError::Unsettled(_))
            | Failure::App(AppUnavailable::Damaged { .. } | AppUnavailable::Busy { .. } | AppUnavailable::Stopping)
            | Failure::Commit(
                CommitError::DiskFull { .. }
                | CommitError::ClockRefused(_)
                | CommitError::NoSegment { .. }
                | CommitError::Halted { .. }
                | CommitError::Stopping,
            ) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        let message = self.to_string();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%message, "a call failed");
        } else {
            tracing::debug!(%status, %message, "a call was refused");
        }
        let mut body = Vec::new();
        wire::write_error(&message, &mut body);
        let mut response = reply::json(status, body);
        match &self {
            Failure::Denied(
                Denied::KeyMissing | Denied::KeyUnknown | Denied::TokenUnknown | Denied::NoKeyExists { .. },
            ) => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            // What is left of the body would be read as the next request's head, and nobody waits
            // longer for it.
            Failure::Body(BodyError::Late { .. }) => {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use store::ClockRefusal;

    use super::*;

    #[test]
    fn what_the_store_refuses() {
        let too_large = CommitError::Refused(Refusal::DocumentTooLarge {
            collection: "c".into(),
            id: "1".into(),
            bytes: 9,
            bytes_max: 8,
        });
        for (error, status, retry) in [
            (CommitError::DiskFull { free_bytes: 1, needed_bytes: 2 }, 503, true),
            (CommitError::ClockRefused(ClockRefusal::Jumped { ahead_ms: 7_200_000 }), 503, true),
            (CommitError::Halted { reason: "fsync failed".into() }, 503, true),
            (CommitError::Stopping, 503, true),
            (too_large, 413, false),
            (CommitError::Refused(Refusal::TooExpensive { steps_max: 1 }), 400, false),
        ] {
            let response = Failure::from(error).into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), retry);
        }
    }
}
