//! The journal: every committed group of changesets with its events, in commit order.
//!
//! Invariants: a frame is whole or absent; frame numbers, transactions and offsets only grow,
//! without a hole; what was read once never changes; a torn tail is cut at opening, damage anywhere
//! else is an error that names the place.
//!
//! Not here: what changesets do (`apply`), who waits for them (`sequencer`), offsets by live query
//! (views of the events).

pub(crate) mod batch_reader;
#[cfg(test)]
mod flips;
pub(crate) mod frame;
mod handle;
pub(crate) mod records;
pub(crate) mod recovery;
pub(crate) mod segment;

pub(crate) use handle::{Journal, Place, take_batches};
pub use handle::{OffsetAndTimestamp, Piece};
pub(crate) use recovery::{identity_in, is_in_first_segment, oldest_sealed_ms};
