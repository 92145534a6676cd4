//! A member's way to what it is to have (KIP-848, "Member reconciliation"): first it gives back what it must, then it
//! enters the new epoch, then it gets what others have given back.
//!
//! Invariant: a partition is given to a member only while no other has it, also not one that has been told to give it
//! back and has not said yet that it did.

use super::{
    Assignment,
    group::ConsumerGroup,
    member::{Member, MemberState},
};

impl ConsumerGroup {
    /// Takes the member as far as it can go; whether it may read something else than before. `owned`: what it says it
    /// has, if it says so.
    pub(super) fn reconcile(&mut self, now_ms: u64, member_id: &str, owned: Option<&Assignment>) -> bool {
        let Some(member) = self.members.get(member_id) else { return false };
        if member.is_reconciled_to(self.assignment_epoch) {
            return false;
        }
        let from_epoch = match member.state {
            MemberState::UnrevokedPartitions if holds_any(owned, &member.revoking) => return false,
            MemberState::UnrevokedPartitions => member.epoch + 1,
            MemberState::Stable | MemberState::UnreleasedPartitions => member.epoch,
        };
        let next = self.next_assignment(member, owned);
        let target_epoch = self.assignment_epoch;
        let Some(member) = self.members.get_mut(member_id) else { return false };
        for partition in member.assigned.iter().chain(member.revoking.iter()) {
            self.owned.remove(&partition);
        }
        member.enter_epoch(if next.state == MemberState::UnrevokedPartitions { from_epoch } else { target_epoch });
        member.state = next.state;
        let has_changed = member.assigned != next.assigned;
        member.assigned = next.assigned;
        member.revoking = next.revoking;
        member.date_assigned();
        self.owned.extend(member.assigned.iter().chain(member.revoking.iter()));
        // A member of the classic protocol is watched by its joins and syncs instead.
        let must_revoke = member.state == MemberState::UnrevokedPartitions && member.classic.is_none();
        member.revocation_ends_ms = must_revoke.then(|| now_ms.saturating_add(member.rebalance_timeout_ms));
        has_changed
    }

    fn next_assignment(&self, member: &Member, owned: Option<&Assignment>) -> Next {
        let none = Assignment::default();
        let target = self.target.get(&member.id).unwrap_or(&none);
        let split = |is_target: bool| {
            let partitions = member.assigned.iter();
            partitions.filter(move |(topic, partition)| target.contains(*topic, *partition) == is_target)
        };
        let mut assigned: Assignment = split(true).collect();
        let revoking: Assignment = split(false).collect();
        if !revoking.is_empty() && holds_any(owned, &revoking) {
            return Next { state: MemberState::UnrevokedPartitions, assigned, revoking };
        }
        let mut waits = false;
        for (topic, partition) in target.iter() {
            if assigned.contains(topic, partition) {
                continue;
            }
            // What the member gives back itself is still entered as owned by it; it does not get it again at once.
            if self.is_free(topic, partition) {
                assigned.insert(topic, partition);
            } else {
                waits = true;
            }
        }
        let state = if waits { MemberState::UnreleasedPartitions } else { MemberState::Stable };
        Next { state, assigned, revoking: none }
    }

    /// Whether nobody has any more what the member waits for.
    pub(super) fn is_all_free_for(&self, member: &Member) -> bool {
        let target = self.target.get(&member.id);
        let missing = target.into_iter().flat_map(Assignment::iter);
        missing
            .filter(|(topic, partition)| !member.assigned.contains(*topic, *partition))
            .all(|(topic, partition)| self.is_free(topic, partition))
    }
}

struct Next {
    state: MemberState,
    assigned: Assignment,
    revoking: Assignment,
}

/// A member that does not say what it has counts as having everything.
fn holds_any(owned: Option<&Assignment>, partitions: &Assignment) -> bool {
    owned.is_none_or(|owned| owned.shares_any_with(partitions))
}
