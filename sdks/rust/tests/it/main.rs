//! The SDK against the real sessions of a server, over TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod page;
mod peers;
mod server;
