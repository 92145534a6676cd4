//! Sessions against peers that speak the protocol over WebSocket frames.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "a test that cannot go on says so by failing")]

mod access;
mod changes;
mod clock;
mod deltas;
mod digests;
mod hostile;
mod live;
mod peer;
mod peers;
mod permissions;
mod pushes;
mod world;
