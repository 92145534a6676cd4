//! The Kafka endpoint: a consume-only broker behind mutual TLS, whose topics are views of the journal's events.
//!
//! ```text
//! endpoint (accept) ──> connection (handshake, frames, in order) ──> api (one file each) ──> topics ──> store
//!       admission (who may hold how much)                                    └──> coordinator ──> coordination ──> groups, consumer_groups (pure)
//! ```
//!
//! Invariants: a client sees its certificate's app and nothing of any other; whatever the network sends is bounded
//! before it is decoded; every connection that the server refuses or ends is logged with its reason and counted. Not
//! here, on purpose: producing, transactions, topic administration, SASL. Documents are never parsed: an unfiltered
//! fetch copies stored batches.

mod endpoint;
mod opens;
mod options;
mod shared;

mod admission;
mod connection;
mod fetch_session;
mod handshakes;
mod reason;
mod rebuilds;
mod refusal;
mod reply;
mod request;
mod session;
mod shutdown;

mod api;
mod consumer_groups;
mod coordination;
mod coordinator;
mod directory;
mod generations;
mod group_timer;
mod groups;
mod metrics;
mod noted_name;
mod offsets_expiry;
mod topics;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod limits;

pub use directory::{AssignedMember, GroupDirectory, GroupListing};
pub use endpoint::KafkaEndpoint;
pub use options::{EndpointOptions, TopicSettings};
