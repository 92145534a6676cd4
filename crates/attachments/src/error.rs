//! Why a blob was not kept.

use std::io;

/// Why a blob was not kept. Nothing of it is left, but where an upload may go on.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// The uploader has too much that no document holds.
    #[error(
        "{} has {held_bytes} bytes of attachments that no document holds, or that came in part; \
         at most {bytes_max} are kept: write their tokens into documents, or wait until they go",
        shown(uploader)
    )]
    TooMuchUnheld {
        /// Whose they are.
        uploader: String,
        /// How much it is without this one.
        held_bytes: u64,
        /// How much it may be.
        bytes_max: u64,
    },
    /// Less of it is here than was said.
    #[error("{received} bytes of the attachment are here: go on from there")]
    Ahead {
        /// How many are.
        received: u64,
    },
    /// What came is not what its id says.
    #[error(
        "what came is not what the id says, the SHA-256 of the file{}",
        if *resumed { ": send it once more, in one piece" } else { "" }
    )]
    NotItsName {
        /// Whether it came in parts: then one of them may not have outlived a crash.
        resumed: bool,
    },
    /// Its sender began to go on with it elsewhere.
    #[error("this upload goes on over another connection")]
    TakenOver,
    /// There is no room on disk.
    #[error("the disk is full: the attachment was not kept; uploads go on when there is space")]
    DiskFull,
    /// Its file could not be written.
    #[error("the attachment's file cannot be written or read: {0}")]
    Io(#[source] io::Error),
}

/// Whoever is known by more than a name has that behind a slash.
fn shown(uploader: &str) -> &str {
    match uploader.split('/').next() {
        None | Some("") => "who calls without a key",
        Some("*") => "the admin key",
        Some(name) => name,
    }
}

impl From<io::Error> for AttachmentError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}
