//! Sessions of small peers (`headwater.sync.1`, docs/reference/sync-protocol.md) over WebSocket
//! connections that the HTTP API hands over.
//!
//! A session is `sync_protocol::ServerMachine` and a position in the journal: it asks for a page
//! when its peer has room for one, and costs a few kilobytes while it waits. Sessions that have
//! everything share one look at each new event ([`live`]).
//! Invariants: nothing is read, made or told before a hello with a valid token; a page is read on a
//! blocking thread, and not more than [`limits::READS_MAX`] at once; whatever a peer sends ends its
//! own session at the worst.
//! Not here: the upgrade of an HTTP request and who may make it (`http-api`), the protocol
//! (`sync-protocol`), what a push does (`rules`, `store`).

mod accepting;
mod access;
mod asking;
mod attachments;
mod changes;
mod digests;
pub mod direct;
mod endpoint;
mod events;
mod live;
mod live_sites;
mod metrics;
mod page;
mod peers;
mod pushes;
mod remembered;
mod scans;
mod session;
mod snapshot_pages;
mod socket;
mod subscription;

pub mod hidden_places;
pub mod limits;

pub use endpoint::{Arrival, Place, SyncEndpoint};
pub use peers::{Connection, KnownPeer};
