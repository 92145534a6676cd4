//! The SDK against the real sessions of a server, over TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod calls;
mod child;
mod compat;
mod faults;
mod garbage;
mod page;
mod peers;
mod server;
mod streams;
mod table;
mod tls;
