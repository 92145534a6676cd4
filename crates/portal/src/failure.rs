//! Every way in which a page can fail: its status, and what to do about it.
//!
//! The gate makes a page of it (`page::problem`), since it knows who asks.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use credentials::CredentialsError;
use executor::ExecuteError;
use operations::{
    AppError, DeleteAppError, DropCollectionError, FilesError, IndexError, KeyError, PeerError, ResetError, UserError,
};
use sinks::SinkError;
use store::{AppUnavailable, CommitError, CreateAppError, CreateIndexError, Refusal, SnapshotError};
use topics::{ChangeError, TopicError, Unsettled};

use crate::limits::ATTEMPTS_WINDOW;

/// Why there is no page. Its message is what happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("there is no such page")]
    PageNotFound,
    #[error("there is no {kind} {name:?}")]
    NotFound { kind: &'static str, name: String },
    #[error("this page does not take such a request")]
    MethodNotAllowed,
    #[error("the form did not come from this portal's own page")]
    OtherSite,
    #[error("the form does not carry this session's token")]
    TokenMissing,
    #[error("too many sign-ins have failed")]
    TooManyAttempts,
    #[error("the form is larger than {bytes_max} bytes")]
    FormTooLarge { bytes_max: usize },
    #[error("the form cannot be read: {why}")]
    FormUnreadable { why: String },
    #[error("{0}")]
    BadInput(String),
    #[error("too many live pages of events are open")]
    TooManyStreams,
    #[error("too many attachments are being downloaded")]
    TooManyDownloads,
    #[error("the attachment cannot be read: {0}")]
    Attachment(std::io::Error),
    #[error("the group {0:?} has members at the moment")]
    GroupBusy(String),
    #[error("{file} cannot be read: {source}")]
    File { file: String, source: std::io::Error },
    #[error("{file} is not what it should be: {why}")]
    FileUnusable { file: String, why: String },
    #[error(transparent)]
    LiveQuery(ChangeError),
    #[error(transparent)]
    CreateApp(CreateAppError),
    #[error(transparent)]
    DeleteApp(DeleteAppError),
    /// Some of a collection is gone.
    #[error(transparent)]
    PartlyDropped(DropCollectionError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    App(#[from] AppUnavailable),
    #[error(transparent)]
    Topics(#[from] TopicError),
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    TooExpensive(#[from] query::TooExpensive),
    #[error(transparent)]
    Read(#[from] SnapshotError),
    #[error("the server failed: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// What the page says: put on the answer for the gate.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) what: String,
    pub(crate) advice: &'static str,
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

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Name(error) => Self::BadInput(error.to_string()),
            AppError::Create(error) => Self::CreateApp(error),
            AppError::Credentials(error) => Self::Credentials(error),
            AppError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<DeleteAppError> for Failure {
    fn from(error: DeleteAppError) -> Self {
        match error {
            DeleteAppError::Store(store::DeleteAppError::NotFound { app }) => Self::NotFound { kind: "app", name: app },
            DeleteAppError::Panicked(error) => Self::Panicked(error),
            other => Self::DeleteApp(other),
        }
    }
}

impl From<DropCollectionError> for Failure {
    fn from(error: DropCollectionError) -> Self {
        match error {
            DropCollectionError::Read { removed: 0, source } => Self::Read(source),
            DropCollectionError::Commit { removed: 0, source } => Self::Commit(source),
            DropCollectionError::Panicked(error) => Self::Panicked(error),
            part @ (DropCollectionError::Read { .. } | DropCollectionError::Commit { .. }) => Self::PartlyDropped(part),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::NotFound { name, .. } => Self::NotFound { kind: "index", name },
            IndexError::Commit(error) | IndexError::Create(CreateIndexError::Commit(error)) => Self::Commit(error),
            other @ (IndexError::Definition(_) | IndexError::Create(_)) => Self::BadInput(other.to_string()),
        }
    }
}

/// The portal runs what reads, so whatever cannot be run is the statement's fault.
impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        Self::BadInput(error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Credentials(error) => Self::Credentials(error),
            KeyError::Permission(error) => Self::BadInput(format!("permission: {error}")),
            KeyError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<PeerError> for Failure {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::NotFound { site, .. } => Self::NotFound { kind: "peer", name: site.0.to_string() },
            PeerError::Credentials(error) => Self::Credentials(error),
            PeerError::Read(error) => Self::Read(error),
            PeerError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::NotFound(name) => Self::NotFound { kind: "sink", name },
            SinkError::Commit(error) => Self::Commit(error),
            SinkError::Io(source) => Self::File { file: "sinks.json".to_owned(), source },
            other => Self::BadInput(other.to_string()),
        }
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        match error {
            UserError::CertificateNotFound { serial } => Self::NotFound { kind: "certificate", name: serial },
            error @ UserError::Unrestricted { .. } => Self::BadInput(error.to_string()),
            UserError::App(error) => Self::App(error),
            UserError::Credentials(error) => Self::Credentials(error),
            UserError::Panicked(error) => Self::Panicked(error),
        }
    }
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::UserNotFound { user } => Self::NotFound { kind: "user", name: user },
            FilesError::Unreadable { file, source } => Self::File { file, source },
            FilesError::Unusable { file, why } => Self::FileUnusable { file, why },
        }
    }
}

impl From<ResetError> for Failure {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Busy(group) => Self::GroupBusy(group),
            ahead @ ResetError::OffsetAhead { .. } => Self::BadInput(ahead.to_string()),
            ResetError::Topic(error) => Self::Topics(error),
            ResetError::Unsettled(error) => Self::Unsettled(error),
            ResetError::Commit(error) => Self::Commit(error),
        }
    }
}

impl Failure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failure::PageNotFound
            | Failure::NotFound { .. }
            | Failure::App(AppUnavailable::NotFound { .. })
            | Failure::LiveQuery(ChangeError::NotFound(_))
            | Failure::Credentials(CredentialsError::NotFound { .. }) => StatusCode::NOT_FOUND,
            Failure::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Failure::OtherSite | Failure::TokenMissing | Failure::Credentials(CredentialsError::NotOnDisk) => {
                StatusCode::FORBIDDEN
            }
            Failure::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Failure::FormTooLarge { .. }
            | Failure::Commit(CommitError::TooManyIndexEntries { .. })
            | Failure::Commit(CommitError::Refused(
                Refusal::DocumentTooLarge { .. } | Refusal::TransactionTooLarge { .. },
            )) => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::FormUnreadable { .. }
            | Failure::BadInput(_)
            | Failure::Commit(CommitError::Refused(
                Refusal::DocumentExists { .. }
                | Refusal::TooExpensive { .. }
                | Refusal::Query { .. }
                | Refusal::Statement { .. }
                | Refusal::ReturnedTooMuch { .. }
                | Refusal::Push { .. },
            ))
            | Failure::TooExpensive(_)
            | Failure::DeleteApp(DeleteAppError::Default { .. })
            | Failure::LiveQuery(
                ChangeError::Invalid(_)
                | ChangeError::Main
                | ChangeError::MainCompression
                | ChangeError::TooMany
                | ChangeError::TooManyPartitions,
            )
            | Failure::Credentials(
                CredentialsError::BadName { .. }
                | CredentialsError::DirectoryNotEmpty { .. }
                | CredentialsError::DirectoryOfServer { .. }
                | CredentialsError::AuthorityUnusable { .. }
                | CredentialsError::SameAuthority,
            ) => StatusCode::BAD_REQUEST,
            Failure::LiveQuery(ChangeError::Exists(_))
            | Failure::CreateApp(CreateAppError::Exists(_) | CreateAppError::BeingDeleted(_))
            | Failure::Credentials(
                CredentialsError::Exists { .. }
                | CredentialsError::KeysExist { .. }
                | CredentialsError::RotationUnderWay
                | CredentialsError::NoRotation
                | CredentialsError::FormerInUse { .. },
            ) => StatusCode::CONFLICT,
            Failure::GroupBusy(_) | Failure::Commit(CommitError::RequestReused { .. }) => StatusCode::CONFLICT,
            Failure::TooManyStreams
            | Failure::TooManyDownloads
            | Failure::App(AppUnavailable::Damaged { .. } | AppUnavailable::Busy { .. } | AppUnavailable::Stopping)
            | Failure::Unsettled(_)
            | Failure::Commit(
                CommitError::DiskFull { .. }
                | CommitError::ClockRefused(_)
                | CommitError::NoSegment { .. }
                | CommitError::Halted { .. }
                | CommitError::Stopping,
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Commit(CommitError::Unknown { .. })
            | Failure::File { .. }
            | Failure::FileUnusable { .. }
            | Failure::LiveQuery(ChangeError::Io(_) | ChangeError::Prepare(_) | ChangeError::Commit(_))
            | Failure::Credentials(
                CredentialsError::Io { .. } | CredentialsError::File { .. } | CredentialsError::Certificate { .. },
            )
            | Failure::CreateApp(CreateAppError::Open(_) | CreateAppError::Unavailable(_))
            | Failure::DeleteApp(
                DeleteAppError::Store(_) | DeleteAppError::Unfinished { .. } | DeleteAppError::Panicked(_),
            )
            | Failure::PartlyDropped(_)
            | Failure::Topics(_)
            | Failure::Attachment(_)
            | Failure::Read(_)
            | Failure::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to do.
    fn advice(&self) -> &'static str {
        match self {
            Failure::PageNotFound | Failure::MethodNotAllowed => "Go on from the navigation, or from the overview.",
            Failure::NotFound { .. }
            | Failure::App(AppUnavailable::NotFound { .. })
            | Failure::LiveQuery(ChangeError::NotFound(_))
            | Failure::Credentials(CredentialsError::NotFound { .. }) => {
                "It may have been removed meanwhile. Go back and load the page again."
            }
            Failure::OtherSite => {
                "Nothing was done. Open the portal by the address that the server prints, and if a proxy stands in between, have it keep \
                 the Host header."
            }
            Failure::TokenMissing => {
                "Nothing was done. The page was loaded before you signed in last: go back, load it again and repeat."
            }
            Failure::TooManyAttempts => {
                "Wait a minute, or open a fresh link at once: run \"headwater portal\" on the server's machine."
            }
            Failure::App(AppUnavailable::Damaged { .. }) => {
                "Other apps are not concerned. Bring its files back, a volume that is not mounted for example, or restore a backup; \
                 headwater verify says what is damaged."
            }
            Failure::App(AppUnavailable::Busy { .. } | AppUnavailable::Stopping) | Failure::Unsettled(_) => {
                "Load the page again in a moment."
            }
            Failure::TooManyStreams => "Close one that is not needed, in this browser or another.",
            Failure::TooManyDownloads => "Wait until one has ended, and load it again.",
            Failure::GroupBusy(_) => "Nothing was done. Stop its consumers first, and wait until the group is empty.",
            Failure::FormTooLarge { .. } => "Nothing was done. Large documents can be written over the HTTP API.",
            Failure::FormUnreadable { .. } | Failure::BadInput(_) => {
                "Nothing was done. Go back, correct it, and repeat."
            }
            Failure::LiveQuery(
                ChangeError::Invalid(_)
                | ChangeError::Main
                | ChangeError::MainCompression
                | ChangeError::TooMany
                | ChangeError::TooManyPartitions
                | ChangeError::Exists(_),
            )
            | Failure::Credentials(
                CredentialsError::BadName { .. }
                | CredentialsError::Exists { .. }
                | CredentialsError::DirectoryNotEmpty { .. }
                | CredentialsError::DirectoryOfServer { .. }
                | CredentialsError::NotOnDisk
                | CredentialsError::AuthorityUnusable { .. }
                | CredentialsError::SameAuthority
                | CredentialsError::RotationUnderWay
                | CredentialsError::NoRotation
                | CredentialsError::FormerInUse { .. }
                | CredentialsError::KeysExist { .. },
            )
            | Failure::Commit(
                CommitError::Refused(_) | CommitError::TooManyIndexEntries { .. } | CommitError::RequestReused { .. },
            ) => "Nothing was done. Go back, correct it, and repeat.",
            Failure::CreateApp(CreateAppError::Exists(_)) | Failure::DeleteApp(DeleteAppError::Default { .. }) => {
                "Nothing was done. Go back, correct it, and repeat."
            }
            Failure::PartlyDropped(_) => {
                "What was removed is removed. Mend what it says, and drop the collection again: it goes on with the rest."
            }
            Failure::CreateApp(CreateAppError::BeingDeleted(_)) => {
                "Nothing was done. Repeat it in a moment, once nobody holds what is left of it."
            }
            Failure::Commit(CommitError::DiskFull { .. }) => {
                "Nothing was written. Make room on the server's disk; writes then go on by themselves."
            }
            Failure::Commit(CommitError::ClockRefused(_)) => {
                "Nothing was written. Look what time it is on the server's machine: set its clock right, or accept it as it is."
            }
            Failure::Commit(CommitError::NoSegment { .. }) => {
                "Nothing was written. Mend what keeps the server from making a file; writes then go on by themselves."
            }
            Failure::Commit(CommitError::Halted { .. }) => "Restart the server; its log says what failed.",
            Failure::Commit(CommitError::Unknown { .. }) => {
                "Restart the server, then look whether the document has what you wrote before you write it again."
            }
            Failure::Commit(CommitError::Stopping) => "Nothing was written. Repeat it once the server runs again.",
            Failure::TooExpensive(_) => {
                "Use a simpler regular expression or starts_with, or name the documents by _id."
            }
            Failure::File { .. } | Failure::FileUnusable { .. } => {
                "The app's files are made anew at the server's next start if their directory is missing; existing consumers then need the new ones."
            }
            Failure::LiveQuery(ChangeError::Io(_) | ChangeError::Prepare(_) | ChangeError::Commit(_))
            | Failure::Credentials(
                CredentialsError::Io { .. } | CredentialsError::File { .. } | CredentialsError::Certificate { .. },
            )
            | Failure::CreateApp(CreateAppError::Open(_) | CreateAppError::Unavailable(_))
            | Failure::DeleteApp(
                DeleteAppError::Store(_) | DeleteAppError::Unfinished { .. } | DeleteAppError::Panicked(_),
            )
            | Failure::Topics(_)
            | Failure::Attachment(_)
            | Failure::Read(_)
            | Failure::Panicked(_) => "The server's log says more. Try again; if it stays, restart the server.",
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, what, advice) = (self.status(), self.to_string(), self.advice());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(message = what, "a page failed");
        }
        let mut response = status.into_response();
        match self {
            Failure::TooManyAttempts => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ATTEMPTS_WINDOW.as_secs()));
            }
            // What is left of the body would be read as the next request's head.
            Failure::FormTooLarge { .. } | Failure::FormUnreadable { .. } => {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response.extensions_mut().insert(Told { what, advice });
        response
    }
}
