//! Faults of the product that histories find, and that are not repaired yet. Each takes as little
//! as can be out of what a law says, unless a history is run strictly.
//!
//! Invariant: without the fault the law says the same. Who repairs one removes it here;
//! `tests/known_faults.rs` has the short histories.

use crate::{ledger::Mark, world::World};

/// An increment that is refused for its stamps is done again behind a later one of the same counter
/// that was sent already; what that one says of the counter then covers it.
pub(crate) fn increments_were_done_again(world: &World) -> bool {
    !world.is_strict && world.ledger.marks.values().any(|mark| mark.by > 0 && (mark.is_redone || mark.is_rejected))
}

/// What a peer added to a counter is a sum of its own site in the document. A peer that does not have
/// the document any more, since it left its subscriptions, begins that sum anew, and the server takes
/// the new one for the whole.
pub(crate) fn a_sum_was_begun_anew(world: &World) -> bool {
    !world.is_strict && world.ledger.marks.values().any(|mark| mark.is_blind)
}

/// The server knows the digest of a site's last transaction only: an earlier number that the other
/// copy of a store used for something else is acked to this one, though it was never taken.
pub(crate) fn is_of_a_copied_store(world: &World, mark: &Mark) -> bool {
    !world.is_strict && world.kind.copies && mark.peers.iter().any(|peer| world.rigs[*peer].was_renewed)
}
