//! Why a blob was not kept.

use std::io;

/// Why a blob was not kept. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// The uploader has too much that no document holds.
    #[error(
        "{} has {held_bytes} bytes of attachments that no document holds, at most {bytes_max} are kept: \
         write their tokens into documents, or wait until they go",
        if uploader.is_empty() { "who calls without a key" } else { uploader }
    )]
    TooMuchUnheld {
        /// Whose they are.
        uploader: String,
        /// How much it is without this one.
        held_bytes: u64,
        /// How much it may be.
        bytes_max: u64,
    },
    /// There is no room on disk.
    #[error("the disk is full: the attachment was not kept; uploads go on when there is space")]
    DiskFull,
    /// Its file could not be written.
    #[error("the attachment cannot be kept: {0}")]
    Io(#[source] io::Error),
}

impl From<io::Error> for AttachmentError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}
