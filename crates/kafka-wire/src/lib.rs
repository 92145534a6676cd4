//! Kafka's bytes: record batches (format v2), and the bounds that a request must keep before it is decoded.
//!
//! Invariants: pure; a hostile length is an error, never an allocation.
//! Not here: sockets, groups and what the answers say (`kafka-endpoint`).

pub mod limits;

pub mod api_versions;
#[cfg(feature = "compression")]
pub mod compression;
mod cursor;
pub mod offsets_by_id;
pub mod record_batch;
pub mod request_shape;
