//! Why a call was not done, with a code.

use document::{CollectionNameError, DocumentIdError, PathError};
use peer_core::{PeerError, QueryError, SubscribeError, WriteError};

use crate::Code;

/// Why a call was not done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
    /// What failed, if it was the store.
    store: Option<PeerError>,
}

impl CallError {
    /// Of this code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), store: None }
    }

    /// A message that is none.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidMessage, message)
    }

    /// What failed, if it was the store: its host opens it again.
    pub fn of_the_store(&self) -> Option<&PeerError> {
        self.store.as_ref()
    }
}

impl From<PeerError> for CallError {
    fn from(error: PeerError) -> Self {
        let code = match &error {
            PeerError::Store(_) => Code::StoreFailed,
            PeerError::Damaged { .. } | PeerError::BadDocument | PeerError::NewerFormat { .. } => Code::Damaged,
        };
        let store = matches!(error, PeerError::Store(_)).then(|| error.clone());
        Self { code, message: error.to_string(), store }
    }
}

impl From<QueryError> for CallError {
    fn from(error: QueryError) -> Self {
        let code = match error {
            QueryError::Peer(error) => return error.into(),
            QueryError::Parse(_)
            | QueryError::Syntax(_)
            | QueryError::Bind(_)
            | QueryError::Rows(_)
            | QueryError::NoSystemCollection { .. }
            | QueryError::NoSelect => Code::InvalidQuery,
            QueryError::TooExpensive(_) => Code::TooExpensive,
            QueryError::Collection(_) => Code::InvalidValue,
            QueryError::TooManyObservers => Code::TooMany,
        };
        Self::new(code, error.to_string())
    }
}

impl From<WriteError> for CallError {
    fn from(error: WriteError) -> Self {
        let code = match error {
            WriteError::Query(error) => return error.into(),
            WriteError::Update(_) | WriteError::TooDeep | WriteError::Id(_) => Code::InvalidValue,
            WriteError::Decide(_) => Code::InvalidQuery,
            WriteError::SystemCollection { .. } | WriteError::NotHere { .. } => Code::NotAllowed,
            WriteError::Exists { .. } => Code::Exists,
            WriteError::TooLarge => Code::TooLarge,
            WriteError::PendingFull => Code::PendingFull,
            WriteError::Overtaken(_) => Code::NoTransaction,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SubscribeError> for CallError {
    fn from(error: SubscribeError) -> Self {
        let code = match error {
            SubscribeError::Peer(error) => return error.into(),
            SubscribeError::Query(error) => return error.into(),
            SubscribeError::NoCondition | SubscribeError::TooLong => Code::InvalidQuery,
            SubscribeError::TooMany => Code::TooMany,
        };
        Self::new(code, error.to_string())
    }
}

macro_rules! invalid_value {
    ($($error:ty),*) => {
        $(impl From<$error> for CallError {
            fn from(error: $error) -> Self {
                Self::new(Code::InvalidValue, error.to_string())
            }
        })*
    };
}

invalid_value!(CollectionNameError, DocumentIdError, PathError);
