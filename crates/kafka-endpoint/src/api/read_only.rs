//! Topics are made by the database's own commands and written by its documents: what Kafka clients are told who want to
//! make, change or write them.
//!
//! Invariant: who asks for a change of something that is there gets POLICY_VIOLATION with words that name the command
//! that does it; who asks for a change of what is not there gets the same error as for reading it.

use std::fmt::Display;

use kafka_protocol::{ResponseError, protocol::StrBytes};

use crate::{request::Request, session::Session};

/// Where topics come from.
pub(super) const MADE: &str = "topics are made by `headwater live-query create`";
/// How they go.
pub(super) const DELETED: &str =
    "topics are made by `headwater live-query create` and deleted by `headwater live-query delete`";
/// Their partitions.
pub(super) const PARTITIONS: &str =
    "topics are made by `headwater live-query create`, and keep the partitions that they are made with (--partitions)";
/// Their settings.
pub(super) const SETTINGS: &str = "topics are made by `headwater live-query create`; the rest is set where the server is started (`headwater serve --help`)";
/// Beside the error of each partition that is produced to.
pub(super) const READ_ONLY: &str = "not authorized: this topic is read-only";

/// POLICY_VIOLATION, with the words for it.
pub(super) fn refusal(why: &'static str) -> (ResponseError, StrBytes) {
    (ResponseError::PolicyViolation, StrBytes::from_static_str(why))
}

/// What a topic that is not there is answered with.
pub(super) fn of_missing(error: ResponseError, name: &str) -> (ResponseError, StrBytes) {
    (error, super::topic_message(error, name))
}

/// Logs that a client wanted to change something.
pub(super) fn note(session: &Session, request: &Request, what: &dyn Display) {
    let (refusals, client_id) = (&session.server.refusals, request.client_id.as_str());
    refusals.note_change(session.peer, &session.who(), client_id, request.api_name(), what);
}
