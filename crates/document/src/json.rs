//! JSON text of values: canonical writing and exact reading (RFC 8259).
//!
//! Invariants: equal values are equal bytes; what is written reads back as the same value, number kinds included.
//! Not here: the public envelopes (`wire`).

mod read;
mod write;

pub use read::{JsonError, find_oversized_integer};
pub(crate) use write::must_escape;
pub use write::write_json_string;
