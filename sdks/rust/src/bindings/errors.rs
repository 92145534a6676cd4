//! Errors of the SDK as those of messages.

use peer_calls::{CallError, Code};

use crate::Error;

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Write(error) => return error.into(),
            Error::Query(error) => return error.into(),
            Error::Subscribe(error) => return error.into(),
            Error::Peer(error) => return error.into(),
            Error::Collection(error) => return error.into(),
            Error::Id(error) => return error.into(),
            Error::Path(error) => return error.into(),
            Error::InUse { .. } => Code::InUse,
            Error::Open { .. } => Code::OpenFailed,
            Error::Server { .. } => Code::InvalidServer,
            Error::NoServer => Code::NoServer,
            Error::Value { .. } => Code::InvalidValue,
            Error::Rejected { .. } => Code::Rejected,
            Error::Login { is_refused: true, .. } => Code::Rejected,
            Error::Login { is_refused: false, .. } => Code::TimedOut,
            Error::AttachmentNotFound { .. } => Code::NotFound,
            Error::AttachmentFetch { .. } => Code::TimedOut,
            Error::AttachmentFile { .. } => Code::StoreFailed,
            Error::InTransaction => Code::InTransaction,
            Error::TimedOut => Code::TimedOut,
            Error::Closed => Code::Closed,
        };
        Self::new(code, error.to_string())
    }
}
