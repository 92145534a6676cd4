//! A backup of a store that takes writes, and what is made of it again.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod attachments;
mod damage;
mod incremental;
mod kills;
mod round_trip;
mod support;
mod trimmed;
