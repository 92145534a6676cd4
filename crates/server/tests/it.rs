//! The real binary, run as a person runs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

mod administration;
mod clock;
mod command_line;
mod docs;
mod documents;
mod events;
mod imports;
mod lifecycle;
mod one_port;
mod portal;
mod real_clients;
mod small_peers;
