//! The sync protocol `headwater.sync.1` between a small peer and the server: its frames, and both
//! sides of a session as state machines (docs/reference/sync-protocol.md).
//!
//! Invariants: everything is pure; time, randomness and bytes are passed in, and what is to be done
//! is polled. Every pair of state and message has an answer. What either side keeps is bounded,
//! whatever the other one sends.
//! Not here: sockets and the upgrade to a WebSocket, what a document's bytes mean (`document`), which
//! documents a subscription has, storage of either side.

mod cbor;
mod frame;
mod message;
mod moment;
mod peer;
mod reason;
mod server;
mod window;

pub mod limits;
pub mod websocket;

pub use cbor::DecodeError;
pub use frame::{Codec, Frame, FrameError, decode_frame, encode_frame};
pub use message::{
    Ack, Applied, Auth, Bye, ByeCode, Changes, Cursor, Digest, DigestEntry, DigestReply, Fault, FormerSite, Granted,
    Hello, Item, ItemKind, Language, Lineage, Message, Nack, NackCode, Push, PushOperation, Pushes, Rest, Resync,
    ResyncReason, Seq, SeqRange, Snapshot, SnapshotItem, Sub, SubId, Subscription, Taken, TxnId, Unknown, Unsub,
    Welcome,
};
pub use moment::Moment;
pub use peer::{Identity, PeerMachine, PeerOutput, PeerState};
pub use server::{Authorised, ChangesPage, ServerMachine, ServerOutput, SessionState, SnapshotPage};
