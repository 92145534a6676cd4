//! Bounds of this crate, and what crossing one means.
//!
//! A bound is part of the language (see the crate's header): it may be raised, never lowered.

/// The longest query text, in bytes. A longer one is a parse error.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;

/// How deep parentheses, negations and arrays may nest, together. Deeper is a parse error.
pub const QUERY_DEPTH_MAX: usize = 64;

/// How many comparisons and function calls one query may have. More is a parse error; a long list of values is one `contains`.
/// Evaluating one of them looks at each byte of a document a bounded number of times, so this bounds the cost of a document.
pub const QUERY_TERMS_MAX: usize = 4096;

/// How many regular expressions one query may have. More is a parse error; with [`REGEX_BYTES_MAX`] this bounds a filter's memory.
pub const REGEX_COUNT_MAX: usize = 16;

/// The largest compiled size of one regular expression, in bytes. A larger one is an error. `^\w{1,16}$` takes 0.8 MiB, ASCII classes a tenth.
/// Matching takes time linear in the text, but for a hostile expression of this size that is seconds for each 100 KiB of it.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;
