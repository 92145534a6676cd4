//! The SDK against the real sessions of a server, over TCP.

mod page;
mod peers;
mod server;
