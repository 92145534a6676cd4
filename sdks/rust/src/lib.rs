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
//! Every call blocks until it is done and needs no runtime. A write is durable when it returns, and
//! is pushed then or by a later process that opens the same folder. Everything may be called from
//! any thread.
//!
//! ```text
//! callers ──> mailbox ──> thread of the peer ──> store in files
//!                          │ ^            └────> thread of the callbacks ──> observers
//!                          v │
//!              threads of a connection ──> server
//! ```
//! Invariants: one thread owns the peer; no caller is answered before what it saw is durable; no
//! socket and no callback holds that thread up.
//! Not here: https, write transactions, observers as streams, attachments, presence (README.md);
//! what a peer is and does (`peer-core`).

mod callbacks;
mod clock;
mod config;
mod connection;
mod core;
mod document_id;
mod error;
mod find;
mod headwater;
mod json;
mod limits;
mod mailbox;
mod store;
mod sync;
mod waiters;
mod websocket;

pub mod compat;

pub use config::Config;
pub use document_id::DocumentId;
pub use error::Error;
pub use find::Find;
pub use headwater::Headwater;
pub use store::{Change, Collection, Executed, Observer, Store, Written};
pub use sync::{Rejected, State, Subscription, Sync};

/// The program of README.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
