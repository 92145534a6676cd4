//! The HTTP API over real sockets, on a real store, with a client that can also misbehave.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod admin;
mod attachment_tokens;
mod attachments;
mod browser;
mod connection;
mod door;
mod execute;
mod expensive;
mod faults;
mod find;
mod get;
mod indexes;
mod login;
mod operating;
mod peers;
mod permissions;
mod requery;
mod requests;
mod server;
mod sinks;
mod transactions;
mod unread;
mod versions;
mod write;
