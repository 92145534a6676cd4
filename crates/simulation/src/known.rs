//! Faults of the product that histories find, and that are not repaired yet. Each takes as little
//! as can be out of what a law says, unless a history is run strictly.
//!
//! Invariant: without the fault the law says the same. Who repairs one removes it here;
//! `tests/known_faults.rs` has the short histories.

use crate::{ledger::Mark, world::World};

/// What a peer offers a restored server has the fork for its base, so the server takes what is not there
/// any more for removed where it dropped tombstones since; what the peer pushed meanwhile says of the
/// counter what the refused one would have added.
pub(crate) fn an_offered_increment_was_refused(world: &World) -> bool {
    let is_refused = world.ledger.marks.values().any(|mark| mark.by > 0 && mark.is_rejected);
    !world.is_strict && world.ledger.has_forked && is_refused
}

/// What a snapshot of a restored server did not name is offered to it, and goes once the cursor is
/// there if its subscription ended meanwhile: a server that is set back again is not offered it.
pub(crate) fn was_left_before_a_fork(world: &World, mark: &Mark) -> bool {
    let has_unsubscribed = mark.peers.iter().any(|peer| world.rigs[*peer].has_unsubscribed);
    !world.is_strict && world.ledger.has_forked && has_unsubscribed
}

/// The server knows the digest of a site's last transaction only: an earlier number that the other
/// copy of a store used for something else is acked to this one, though it was never taken.
pub(crate) fn is_of_a_copied_store(world: &World, mark: &Mark) -> bool {
    !world.is_strict && world.kind.copies && mark.peers.iter().any(|peer| world.rigs[*peer].was_renewed)
}
