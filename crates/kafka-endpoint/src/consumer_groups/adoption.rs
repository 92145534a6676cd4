//! Members that were there before a restart of the server.
//!
//! A group is in memory only; its last epoch and the ids of its members are noted durably. A client whose connection
//! broke says everything in its next heartbeat: its epoch, what it subscribes to and what it has. If the note names it,
//! it is taken in as it comes, with its epoch and its partitions: it loses nothing and reads nothing twice. A heartbeat
//! that does not say everything is answered with COORDINATOR_LOAD_IN_PROGRESS, upon which clients say everything.
//!
//! Until all who were noted have come, or one session has passed since the first came, partitions that nobody has are
//! given to nobody: the one who has them may still come.

use super::{
    Assignment, ConsumerGroupError, Heartbeat, Noted,
    group::ConsumerGroup,
    hold::Hold,
    member::{Member, MemberState},
};

impl ConsumerGroup {
    /// A group that survivors come back to.
    pub(super) fn expect(&mut self, now_ms: u64, noted: Noted) {
        let until_ms = now_ms + self.settings.session_timeout_ms;
        self.hold = Some(Hold { until_ms, missing: noted.members });
    }

    /// Whether a member of this name in the note is still expected.
    pub(super) fn expects(&self, noted_name: &str) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.missing.contains(noted_name))
    }

    /// Takes a survivor in, as it comes.
    pub(super) fn adopt(&mut self, heartbeat: &Heartbeat, noted_name: &str) -> Result<(), ConsumerGroupError> {
        let Some(owned) = heartbeat.owned.as_ref().filter(|_| heartbeat.is_full()) else {
            return Err(ConsumerGroupError::CoordinatorLoadInProgress);
        };
        if owned.iter().any(|partition| self.owned.contains(&partition)) {
            return Err(ConsumerGroupError::FencedMemberEpoch);
        }
        let assigned: Assignment =
            owned.iter().filter(|(topic, partition)| self.has_partition(*topic, *partition)).collect();
        let mut member = Member::new(heartbeat.member_id.clone());
        member.instance_id.clone_from(&heartbeat.instance_id);
        member.epoch = heartbeat.member_epoch;
        member.previous_epoch = heartbeat.member_epoch;
        member.state = MemberState::Stable;
        member.assigned = assigned.clone();
        member.date_assigned();
        self.epoch = self.epoch.max(heartbeat.member_epoch);
        for target in self.target.values_mut() {
            for (topic, partition) in assigned.iter() {
                target.remove(topic, partition);
            }
        }
        self.target.insert(member.id.clone(), assigned);
        self.add(member);
        self.no_longer_expect(noted_name);
        Ok(())
    }

    /// It has come, or has begun anew.
    pub(super) fn no_longer_expect(&mut self, noted_name: &str) {
        if let Some(hold) = &mut self.hold {
            hold.missing.remove(noted_name);
        }
    }

    /// Nobody is waited for any more: what nobody has is shared out.
    pub(super) fn end_hold(&mut self, now_ms: u64) {
        let is_over = |hold: &Hold| hold.missing.is_empty() || hold.until_ms <= now_ms;
        if self.hold.take_if(|hold| is_over(hold)).is_some() {
            self.just_emptied = self.members.is_empty();
            self.bump();
        }
    }

    fn has_partition(&self, topic: uuid::Uuid, partition: i32) -> bool {
        let shape = self.layout.name(topic).and_then(|name| self.layout.topic(name));
        shape.is_some_and(|shape| (0..i32::from(shape.partitions)).contains(&partition))
    }
}
