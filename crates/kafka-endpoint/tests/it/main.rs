//! The endpoint over sockets, and beside a real Kafka. What measures the process's memory has a process of its own
//! (`hostile`, `room`).
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod beside_kafka;
mod compressed;
mod consume;
mod consumer_groups_as_kafka;
mod damage;
mod group_bounds;
mod groups;
mod http;
mod versions;
