//! Bounds of this crate, and what crossing one means.

/// The longest query text, in bytes. A longer one is a parse error.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;

/// How deep parentheses and negations may nest. Deeper is a parse error.
pub const QUERY_DEPTH_MAX: usize = 64;

/// The largest compiled size of one regular expression, in bytes. A larger one is an error.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;
