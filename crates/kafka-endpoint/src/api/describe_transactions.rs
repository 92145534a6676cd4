//! DescribeTransactions (65, KIP-664): no transactional id is known, as none can produce.

use kafka_protocol::{
    ResponseError,
    messages::{
        DescribeTransactionsRequest, DescribeTransactionsResponse, describe_transactions_response::TransactionState,
    },
};

pub(super) fn handle(request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
    let states = request.transactional_ids.into_iter().map(|id| {
        let error = if id.is_empty() { ResponseError::InvalidRequest } else { ResponseError::TransactionalIdNotFound };
        TransactionState::default()
            .with_error_code(error.code())
            .with_transactional_id(id)
            .with_producer_id(0.into())
            .with_producer_epoch(0)
    });
    DescribeTransactionsResponse::default().with_transaction_states(states.collect())
}
