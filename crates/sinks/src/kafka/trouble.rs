//! Why a sink does not go on, and what that calls for.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::client::Context;

/// Why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// It was told to end.
    #[error("it was told to end")]
    Stopped,
    /// It may pass: try again later.
    #[error("{0}")]
    Wait(String),
    /// What was begun is void: try again at once.
    #[error("{0}")]
    Again(String),
    /// The brokers take nothing more from this producer: another one runs the sink, or they gave the
    /// transaction up.
    #[error("{0}")]
    Fenced(String),
    /// Somebody has to change something.
    #[error("{0}")]
    Fail(String),
}

impl Trouble {
    /// What it calls for that a client is of no use any more.
    pub(super) fn of_fatal(doing: &str, code: Code, why: &str) -> Self {
        let told = format!("{doing}: {why}");
        if is_fencing(code) { Self::Fenced(told) } else { Self::Wait(told) }
    }

    /// What `error` calls for, that came of `doing`.
    pub(super) fn of(doing: &str, error: &KafkaError, context: &Context) -> Self {
        let told = format!("{doing}: {}", reason(error, context));
        match error {
            KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => Self::Fail(told),
            _ if error.rdkafka_error_code().is_some_and(is_fencing) => Self::Fenced(told),
            _ => Self::Wait(told),
        }
    }
}

fn is_fencing(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::InvalidProducerIdMapping
            | Code::InvalidTransactionalState
            | Code::UnknownProducerId
    )
}

/// What librdkafka says; of a connection that failed, why it did.
fn reason(error: &KafkaError, context: &Context) -> String {
    let code = error.rdkafka_error_code();
    let said = match (error, code) {
        (KafkaError::Transaction(error), _) => error.string(),
        (KafkaError::ClientConfig(_, why, name, _), _) => format!("{why} ({name})"),
        (_, Some(code)) => code.to_string(),
        (_, None) => error.to_string(),
    };
    let of_connections = [Code::BrokerTransportFailure, Code::AllBrokersDown, Code::OperationTimedOut];
    match context.connection_error() {
        Some(connection) if code.is_some_and(|code| of_connections.contains(&code)) => connection,
        Some(connection) => format!("{said} ({connection})"),
        None => said,
    }
}
