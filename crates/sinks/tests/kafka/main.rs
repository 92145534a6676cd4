//! Sinks into a real Kafka: each event once, whatever is killed, stopped, frozen or refused.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

mod delivers;
mod reader;
mod server;
