//! What a small peer is: a store of documents that is written to and queried offline, and that
//! syncs with a server (docs/reference/sync-protocol.md).
//!
//! ```text
//! local write -> pending -> pushed -> acked -> synced
//!                   |         \-> refused: set aside, the view falls back
//!                   v
//! changes, snapshots -> synced -> view = synced with what is pending -> queries, observers
//! ```
//!
//! A [`Peer`] is owned by one thread. Its host calls it, does what [`Peer::poll_output`] says, and
//! says what time it is ([`Now`]). A [`Reader`] reads its documents from any thread.
//!
//! Invariants: everything of one local write is one batch of the store, and so is everything of one
//! delivery with its cursor: a kill between any two batches loses nothing that was told. What is
//! pending is pushed until it has a verdict. A failed batch changes nothing, in memory neither.
//! Not here: sockets, threads, clocks, randomness, files (`key-values` is given), merge
//! (`document`), the languages (`query`), frames and the session (`sync-protocol`).

mod attachments;
mod difference;
mod error;
mod find;
mod now;
mod observers;
mod output;
mod peer;
mod pending;
mod reader;
mod reading;
mod records;
mod select;
mod spaces;
mod stored;
mod subscriptions;
mod token;
mod transaction;
mod waiters;
mod work;

pub mod limits;

pub use difference::Difference;
pub use error::{Overtaken, PeerError, QueryError, SubscribeError, WriteError};
pub use find::{Find, Found};
pub use now::Now;
pub use observers::{Observed, ObserverId};
pub use output::Output;
pub use peer::{
    Executed, OpenTransaction, Options, Peer, RejectedTransaction, SideDigest, SubscriptionDigest, Written, reasons,
};
pub use reader::Reader;
pub use select::is_select;
pub use spaces::SPACES;
pub use subscriptions::SubscriptionRequest;
pub use token::TokenRefresh;
pub use transaction::{Transaction, Which};
pub use waiters::{Answered, Verdict, Waiters};
