//! Bounds of this crate, and what crossing one means.
//!
//! A bound is part of the language (see the crate's header): it may be raised, never lowered.

/// The longest query text, in bytes. A longer one is a parse error.
pub const QUERY_BYTES_MAX: usize = 64 * 1024;

/// How deep parentheses, negations and arrays may nest, together. Deeper is a parse error.
pub const QUERY_DEPTH_MAX: usize = 64;

/// How many comparisons and function calls one query may have. More is a parse error; a long list of values is one
/// `contains`.
pub const QUERY_TERMS_MAX: usize = 4096;

/// How many regular expressions one query may have. More is a parse error; with [`REGEX_BYTES_MAX`] this bounds a
/// filter's memory.
pub const REGEX_COUNT_MAX: usize = 16;

/// The largest compiled size of one regular expression, in bytes. A larger one is an error. `^\w{1,4}$` takes 0.2
/// MiB, ASCII classes a tenth.
pub const REGEX_BYTES_MAX: usize = 256 * 1024;

/// What compiling one regular expression may take, in steps; some milliseconds. One that would take more is an error:
/// its compiled size says nothing of that, since many classes can come to one small one.
pub const REGEX_COMPILE_STEPS_MAX: u64 = 3_000_000;

/// What a query may take on one document, in steps: about a tenth of a second at worst, 320 states of regular
/// expressions on 100 KiB of text. One that would take more is [`crate::TooExpensive`].
pub const DOCUMENT_STEPS_MAX: u64 = 32 * 1024 * 1024;

/// What binding may take to decide parts that depend on no document, in steps. What is left is decided for every
/// document.
pub(crate) const FOLD_STEPS_MAX: u64 = 256 * 1024;

/// How many rules of one collection may be such that each is asked of an id ([`crate::IdRules`]). A rule that names
/// ids, or says what text a part of the id is or how it begins, is looked up instead and not counted.
pub const ID_RULES_ASKED_MAX: usize = 256;

/// How many regular expressions the rules of one collection may have together.
pub const ID_RULES_REGEX_MAX: usize = 16;
