//! Sinks: the events of a topic, delivered to somebody's Kafka (feature `kafka`) or to a web server.
//!
//! A sink is a definition in the app's order; a task of its own delivers what it reads by a
//! [`topics::Tail`]. What it can do nothing about (the target is away) makes it wait and try again;
//! what somebody has to change makes it fail.
//!
//! Invariants: a sink holds back neither writes nor retention: what was trimmed before it was
//! delivered is told as a gap. Secrets are in no definition and in no reply.
//! Not here: who may make one (the edges), how it is shown (`wire::admin`).

#[cfg(feature = "kafka")]
mod debezium;
mod definition;
mod feed;
mod host;
#[cfg(feature = "kafka")]
mod kafka;
mod kafka_config;
pub mod limits;
mod secrets;
mod sinks;
mod status;
mod webhook;
mod work;

pub use host::Host;
pub use sinks::{SinkError, SinkFigures, Sinks};
pub use webhook::{Pace, SetAsideEvent, check_url};
