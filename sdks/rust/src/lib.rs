//! Headwater's SDK for Rust: a small peer in a program. It writes to a store of its own first,
//! without a network too, and syncs with a server when there is one.
//!
//! ```no_run
//! use headwater::{Config, Headwater};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), headwater::Error> {
//! let headwater = Headwater::open(Config::new("till-7").server("http://localhost:8080"))?;
//! headwater.start_sync()?;
//! let written = headwater.store().collection("people")?.upsert(json!({"name": "Susan", "age": 31}))?;
//! println!("{}", written.id());
//! # Ok(())
//! # }
//! ```
//!
//! Every call blocks until it is done and needs no runtime; what waits for long (observers, where sync
//! stands, what the server says of a write) is also a stream or a future of any runtime. A write is
//! durable when it returns, and is pushed then or by a later process that opens the same folder.
//! Everything may be called from any thread.
//!
//! ```text
//! callers ──> mailbox ──> thread of the peer ──> store in one file <── reads, from any thread
//!                          │ ^            └────> thread of callbacks; streams
//!                          v │
//!               thread of a connection ──> server
//! ```
//! Invariants: one thread owns the peer; no writer is answered before what it wrote is durable
//! (unless it is to be relaxed); no socket and no callback holds that thread up.
//! Not here: presence, identities (README.md); what a peer is and does (`peer-core`).

mod attachments;
#[cfg(feature = "bindings")]
#[doc(hidden)]
pub mod bindings;
mod callbacks;
mod change;
mod clock;
mod collection;
mod config;
mod connection;
mod core;
mod difference;
mod document_id;
mod error;
mod find;
mod headwater;
mod http;
mod json;
mod limits;
mod login;
mod mailbox;
mod observer;
mod opener;
mod promise;
mod readers;
mod store;
mod sync;
mod tls;
mod transaction;
mod waiters;
mod watch;
mod websocket;
mod written;

pub mod compat;

pub use attachments::{Attachment, AttachmentToken};
pub use change::{Change, FieldType, MutableDocument, MutableField};
pub use collection::{ById, Collection};
pub use config::Config;
pub use difference::LocalEvent;
pub use document_id::DocumentId;
pub use error::Error;
pub use find::Find;
pub use headwater::Headwater;
pub use login::Login;
pub use observer::{Observer, Results};
pub use store::Store;
pub use sync::{Rejected, State, States, Subscription, Sync};
pub use transaction::{Transaction, TransactionCollection};
pub use written::{Executed, Verdict, Written};

/// The program of README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
