//! ListTransactions (66, KIP-664): there are none. Topics are written by the database, each change in one step.

use kafka_protocol::{
    messages::{ListTransactionsRequest, ListTransactionsResponse},
    protocol::StrBytes,
};

/// Kafka's `TransactionState`, the states that a filter may name.
const STATES: [&str; 8] = [
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Empty",
    "PrepareEpochFence",
    "Dead",
];

pub(super) fn handle(request: ListTransactionsRequest) -> ListTransactionsResponse {
    let is_unknown = |state: &StrBytes| !STATES.contains(&state.as_str());
    let unknown = request.state_filters.into_iter().filter(is_unknown);
    ListTransactionsResponse::default().with_unknown_state_filters(unknown.collect())
}
