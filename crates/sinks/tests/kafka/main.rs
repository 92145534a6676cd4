//! Sinks into a real Kafka: each event once, whatever is killed, stopped, frozen or refused.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod brokers;
mod child;
mod delivers;
mod kills;
mod reader;
mod server;
mod troubles;
mod two;
