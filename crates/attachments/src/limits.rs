//! Bounds of this crate, and what crossing one means.

/// What of a blob is read at once while it is handed out, in bytes. Two such pieces are in memory.
#[cfg(feature = "body")]
pub const PIECE_BYTES: usize = 256 * 1024;

/// How much of an upload is written before the system is asked to bring it to the disk, in bytes.
pub const WRITEBACK_BYTES: u64 = 4 << 20;

/// What one uploader may have in blobs that no document holds, in bytes. A further upload is
/// refused until some are held, or go.
pub const UNHELD_BYTES_MAX: u64 = 1 << 30;

/// What a blob counts at least toward [`UNHELD_BYTES_MAX`]: its file and its note each take a block.
pub const UNHELD_BYTES_EACH_MIN: u64 = 8 * 1024;

/// Uploaders of one blob that are remembered, the first ones. A further one has to upload what it
/// refers to after these are forgotten; that many callers who may not see each other's documents
/// seldom have the same file.
pub const UPLOADERS_MAX: usize = 64;

/// How long it is remembered who uploaded a blob after a document began to hold it, in ms.
pub const UPLOADERS_KEPT_MS: u64 = 3600 * 1000;

/// How long what came of a blob is kept after its sender broke off, in ms. Then the blob has to be sent from its
/// beginning.
pub const PART_KEPT_MS: u64 = 24 * 3600 * 1000;
