//! The same requests to a real Apache Kafka 4.3.1 and to the endpoint: their answers are the same, field by field, or the
//! difference is listed beside the test, with its reason.
//!
//! Not here: what tools make of the answers (`crates/server/tests/real_clients`), and each version of each API
//! (`versions`).

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "beside_kafka/administration.rs"]
mod administration;
#[path = "beside_kafka/both.rs"]
mod both;
#[path = "beside_kafka/flat.rs"]
mod flat;
#[path = "beside_kafka/peer.rs"]
mod peer;
mod support;
