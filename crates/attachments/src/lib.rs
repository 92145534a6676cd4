//! The blobs of one app: files that are named by the SHA-256 of what is in them
//! (docs/reference/attachments.md).
//!
//! Invariants: a file that has a blob's name is whole and durable; what was begun and not finished
//! is gone at the latest when the folder is opened again, unless its sender may go on with it
//! ([`Blobs::resume`]); a blob is removed only while nobody is about to refer to it ([`Hold`]).
//! Feature `body`: a blob as the body of an HTTP reply, which needs tokio.
//! Not here: which documents hold a blob (`store`), who may have one (`http-api`).

mod blob_id;
mod blobs;
mod error;
#[cfg(feature = "body")]
mod file_body;
mod incoming;
mod note;
mod part;
mod state;
mod sweep;
mod verify;

pub mod limits;

pub use blob_id::BlobId;
pub use blobs::{BlobFile, Blobs, BlobsStats, Hold, Proof};
pub use error::AttachmentError;
#[cfg(feature = "body")]
pub use file_body::FileBody;
pub use incoming::{Incoming, Stored};
pub use note::has_unheld_since;
pub use sweep::Swept;
pub use verify::{Damage, verify};
