//! The portal's router over a real data directory, without sockets but for the Kafka endpoint.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod apps;
mod attachments;
mod browser;
mod browsing;
mod contents;
mod documents;
mod hostile_texts;
mod over_time;
mod peers;
mod sessions;
mod sinks;
mod statements;
mod tokens;
mod trial;
