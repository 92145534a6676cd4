//! A small Kafka consumer over mutual TLS, for `headwater events`, `headwater demo` and tests.
//!
//! It speaks to one server, by the protocol that any consumer uses, and reads partitions that it is told to read.
//! Not here, on purpose: membership of consumer groups, compression, several brokers, producing.
//!
//! Invariants: one request is under way at a time; a reply is bounded; every wait has an end. The server is believed
//! once its certificate is (a reply's array lengths are decoded as they are).

pub mod limits;

mod connection;
mod consumer;
mod error;
mod fetched;
mod group_offsets;
mod tls;

pub use consumer::{ApiRange, Consumer};
pub use error::ClientError;
pub use fetched::{Fetched, OwnedRecord};
