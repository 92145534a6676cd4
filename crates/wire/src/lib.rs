//! The public JSON of Headwater: events on the topic, HTTP requests and replies.
//!
//! Invariants: pure; names and field order are what docs/reference says, exactly; whatever does not
//! fit is an error that says what and where.
//! Not here: sockets and status codes (`http-api`), the stored form of documents (`document`).

pub mod admin;
pub mod attachment;
pub mod error;
pub mod event;
pub mod execute;
pub mod find;
pub mod index;
pub mod query_string;
pub mod requery;
pub mod write;

mod body;
mod shape;

pub use error::{RequestError, write_error, write_outcome_unknown};
