//! Bounds of this crate, and what crossing one means.

/// How deep arrays and objects may nest in one document. Deeper JSON is refused with a
/// [`crate::JsonError`].
pub const DEPTH_MAX: usize = 64;

/// The largest encoded size of one id, in bytes of its canonical JSON. A larger one is refused.
pub const ID_BYTES_MAX: usize = 1024;

/// The longest collection name, in bytes. A longer one is refused.
pub const COLLECTION_NAME_BYTES_MAX: usize = 255;

/// How far a peer's stamp may lie ahead of the commit time of the frame that takes it, in
/// milliseconds (docs/reference/documents.md). A stamp further in the future is refused, or one bad
/// clock would win for ever.
pub const STAMP_AHEAD_MS_MAX: u64 = 5 * 60 * 1000;
