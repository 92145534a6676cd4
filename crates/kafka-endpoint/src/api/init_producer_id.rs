//! InitProducerId (22): answered, though nothing can be produced, so that a producer gets to ask for its topic and is
//! told that it is read-only. Without it an idempotent producer, as Java's is by default, ends with words about
//! versions.
//!
//! Not here: transactions. No transactional id is anybody's.

use kafka_protocol::{
    ResponseError,
    messages::{InitProducerIdRequest, InitProducerIdResponse},
};

use crate::session::Session;

/// An id at random: nothing is kept of it, as nothing is ever written under it.
pub(super) fn handle(session: &Session, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let refused = |error: ResponseError| {
        InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
    };
    match request.transactional_id.as_ref().map(|id| id.as_str()) {
        Some("") => refused(ResponseError::InvalidRequest),
        Some(_) => refused(ResponseError::TransactionalIdAuthorizationFailed),
        None => {
            let id = u128::from_be_bytes((session.server.random)()) >> 65;
            let id = i64::try_from(id).unwrap_or(i64::MAX); // of 63 bits
            InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(0)
        }
    }
}
