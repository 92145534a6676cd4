//! ListPartitionReassignments (46, KIP-455): none is under way, as there is one broker.

use kafka_protocol::messages::ListPartitionReassignmentsResponse;

pub(super) fn handle() -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default().with_error_message(None)
}
