//! Groups of both protocols in one name space: which machine answers a request, and the way from one to the other (as
//! Kafka with `group.consumer.migration.policy=bidirectional`, its default).
//!
//! ```text
//!                     a member of the consumer protocol joins
//!   groups (classic) ────────────────────────────────────────> consumer_groups
//!                    <────────────────────────────────────────
//!        the last member of the consumer protocol goes, or the group is empty and a classic member joins
//! ```
//!
//! Invariants: a name is in one of the two machines at most; without sockets, clock and randomness, as both are.
//! Not here: any rule within a group (`groups`, `consumer_groups`).

use std::{collections::BTreeSet, sync::Arc};

use topics::TopicLayout;
use uuid::Uuid;

use crate::{
    consumer_groups::{self, ConsumerGroupError, ConsumerGroups, Heartbeat, HeartbeatAnswer, Noted},
    groups::{self, Answer, GroupError, GroupKey, Groups, Join, Leaver, Sync, Token},
};

/// Who commits or fetches offsets of a group, and as what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committer<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    /// Its generation or epoch; below 0 it is none.
    pub(crate) epoch: i32,
    /// Whether the request has the member's epoch (OffsetCommit version 9 and later).
    pub(crate) is_of_consumer_protocol: bool,
}

/// Every group of every app.
#[derive(Debug)]
pub(crate) struct Coordination {
    classic: Groups,
    consumer: ConsumerGroups,
    adopts_until_ms: u64,
    closed: bool,
}

impl Coordination {
    pub(crate) fn new(classic: groups::Settings, consumer: consumer_groups::Settings) -> Self {
        let adopts_until_ms = consumer.adopts_until_ms;
        Self { classic: Groups::new(classic), consumer: ConsumerGroups::new(consumer), adopts_until_ms, closed: false }
    }

    /// Groups of the classic protocol only.
    pub(crate) fn classic(&self) -> &Groups {
        &self.classic
    }

    /// Groups with members of the consumer protocol.
    pub(crate) fn consumer(&self) -> &ConsumerGroups {
        &self.consumer
    }

    /// A member of the consumer protocol joins, goes on or leaves, by a heartbeat that was checked. `noted`: what was
    /// noted of the group before the start.
    pub(crate) fn handle_consumer_heartbeat(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        heartbeat: Heartbeat,
        layout: &Arc<TopicLayout>,
        noted: impl FnOnce() -> Option<Noted>,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        if self.closed {
            return Err(ConsumerGroupError::CoordinatorNotAvailable);
        }
        let was_classic = self.classic.knows(key);
        if was_classic {
            self.upgrade(now_ms, key, &heartbeat, layout)?;
        }
        // A group that was here since the start has no survivors to wait for; its epochs go on.
        let noted = || {
            let members = |noted: Noted| if was_classic { Noted { members: BTreeSet::new(), ..noted } } else { noted };
            noted().map(members)
        };
        let answer = self.consumer.handle_heartbeat(now_ms, key, heartbeat, layout, noted);
        self.downgrade(now_ms);
        answer
    }

    /// A classic group that a member of the consumer protocol joins becomes a consumer group, if its members are
    /// consumers or it has none.
    fn upgrade(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        heartbeat: &Heartbeat,
        layout: &Arc<TopicLayout>,
    ) -> Result<(), ConsumerGroupError> {
        if !heartbeat.joins() {
            return Err(ConsumerGroupError::GroupIdNotFound);
        }
        if self.classic.has_members(key) {
            let migrated = self.classic.to_migrate(key).ok_or(ConsumerGroupError::GroupIdNotFound)?;
            if !self.consumer.upgrade(now_ms, key, migrated, layout) {
                return Err(ConsumerGroupError::GroupIdNotFound);
            }
        }
        self.classic.remove(key);
        Ok(())
    }

    /// Consumer groups that have lost their last member of the consumer protocol go back.
    fn downgrade(&mut self, now_ms: u64) {
        for (key, migrated) in self.consumer.take_downgrades(now_ms) {
            self.classic.insert(now_ms, &key, migrated);
        }
    }

    /// A member of the classic protocol joins, rejoins or asks for an id. Answered under `token`.
    pub(crate) fn handle_join(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        token: Token,
        join: Join,
        layout: &Arc<TopicLayout>,
    ) {
        if !self.consumer.knows(key) || self.closed {
            return self.classic.handle_join(now_ms, key, token, join);
        }
        if !self.consumer.is_in_use(key) {
            self.consumer.remove(now_ms, key);
            return self.classic.handle_join(now_ms, key, token, join);
        }
        let answer = self.consumer.join_classic(now_ms, key, join, layout);
        self.classic.answer((token, Answer::Join(answer)));
        self.downgrade(now_ms);
    }

    /// A member of the classic protocol asks for its assignment. Answered under `token`.
    pub(crate) fn handle_sync(&mut self, now_ms: u64, key: &GroupKey, token: Token, sync: Sync) {
        if !self.consumer.knows(key) || self.closed {
            return self.classic.handle_sync(now_ms, key, token, sync);
        }
        let answer = self.consumer.sync_classic(now_ms, key, &sync);
        self.classic.answer((token, Answer::Sync(answer)));
    }

    /// A member of the classic protocol says that it lives. `noted`: the generation that was noted of the group, if it
    /// names the member.
    pub(crate) fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        (member_id, instance_id, generation): (&str, Option<&str>, i32),
        layout: &Arc<TopicLayout>,
        noted: impl FnOnce() -> Option<i32>,
    ) -> Result<(), GroupError> {
        if !self.consumer.knows(key) || self.closed {
            return self.classic.handle_heartbeat(now_ms, key, member_id, instance_id, generation, noted);
        }
        self.consumer.heartbeat_classic(now_ms, key, member_id, instance_id, generation, layout)
    }

    /// Members of the classic protocol leave; one result each, in order.
    pub(crate) fn handle_leave(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        leavers: &[Leaver],
    ) -> Vec<Result<(), GroupError>> {
        if !self.consumer.knows(key) || self.closed {
            return self.classic.handle_leave(now_ms, key, leavers);
        }
        let results = self.consumer.leave_classic(now_ms, key, leavers);
        self.downgrade(now_ms);
        results
    }

    /// Whether a commit of offsets is the group's own. Counts as a heartbeat of a classic group's member. `noted`: the
    /// generation that was noted of the group, if it names the member.
    pub(crate) fn check_commit(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        by: Committer<'_>,
        noted: impl FnOnce() -> Option<i32>,
    ) -> Result<(), CommitRefusal> {
        if self.consumer.knows(key) && !self.closed {
            return Ok(self.consumer.check_commit(key, by.member_id, by.epoch, by.is_of_consumer_protocol)?);
        }
        if self.classic.knows(key) || !by.is_of_consumer_protocol || by.epoch < 0 {
            return Ok(self.classic.check_commit(now_ms, key, by.member_id, by.instance_id, by.epoch, noted)?);
        }
        // A survivor of a restart may be of either protocol, and may commit before it comes back to its group.
        let survived = now_ms < self.adopts_until_ms && noted().is_some_and(|noted| by.epoch <= noted);
        if survived { Ok(()) } else { Err(ConsumerGroupError::UnknownMemberId.into()) }
    }

    /// Whether a member may commit an offset of this partition (by topic id) in an epoch that has passed: it had it
    /// then, and has it still.
    pub(crate) fn may_commit_late(&self, key: &GroupKey, member_id: &str, epoch: i32, partition: (Uuid, i32)) -> bool {
        self.consumer.may_commit_late(key, member_id, epoch, partition)
    }

    /// Whether a member may read the group's offsets in its epoch; whoever names no member may.
    pub(crate) fn check_fetch(
        &self,
        key: &GroupKey,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ConsumerGroupError> {
        if self.consumer.knows(key) { self.consumer.check_fetch(key, member_id, epoch) } else { Ok(()) }
    }

    /// Nobody waits for `token` any more: its connection has ended.
    pub(crate) fn handle_abandoned(&mut self, now_ms: u64, key: &GroupKey, token: Token) {
        self.classic.handle_abandoned(now_ms, key, token);
    }

    /// Answers everyone who waits with COORDINATOR_NOT_AVAILABLE, and everyone who comes later too: the server is
    /// stopping.
    pub(crate) fn close(&mut self, now_ms: u64) {
        self.closed = true;
        self.classic.close(now_ms);
    }

    /// The next answer that is ready.
    pub(crate) fn poll_answer(&mut self) -> Option<(Token, Answer)> {
        self.classic.poll_answer()
    }

    /// When [`Coordination::poll`] must be called, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.classic.poll_timeout().into_iter().chain(self.consumer.poll_timeout()).min()
    }

    /// Does what is due by `now_ms`.
    pub(crate) fn poll(&mut self, now_ms: u64) {
        self.classic.poll(now_ms);
        self.consumer.poll(now_ms);
        self.downgrade(now_ms);
    }

    /// The group's present generation or epoch, with the ids of its members; `None` if it has none.
    pub(crate) fn roster(&self, key: &GroupKey) -> Option<(i32, Vec<String>)> {
        self.classic.roster(key).or_else(|| self.consumer.roster(key))
    }

    /// Whether the group has members, or somebody may still come back as one.
    pub(crate) fn is_in_use(&self, key: &GroupKey) -> bool {
        self.classic.is_in_use(key) || self.consumer.is_in_use(key)
    }

    /// Whether the group has members.
    pub(crate) fn has_members(&self, key: &GroupKey) -> bool {
        self.classic.has_members(key) || self.consumer.roster(key).is_some()
    }

    /// Whether the group has members, or had some lately.
    pub(crate) fn knows(&self, key: &GroupKey) -> bool {
        self.classic.knows(key) || self.consumer.knows(key)
    }

    /// The groups that have lost their last member since this was last asked.
    pub(crate) fn take_emptied(&mut self) -> BTreeSet<GroupKey> {
        let mut emptied = self.classic.take_emptied();
        emptied.extend(self.consumer.take_emptied());
        emptied
    }

    pub(crate) fn has_emptied(&self) -> bool {
        self.classic.has_emptied() || self.consumer.has_emptied()
    }

    /// How many groups there are in all.
    pub(crate) fn len(&self) -> usize {
        self.classic.len() + self.consumer.len()
    }
}

/// Why a commit is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitRefusal {
    Classic(GroupError),
    Consumer(ConsumerGroupError),
}

impl From<GroupError> for CommitRefusal {
    fn from(error: GroupError) -> Self {
        Self::Classic(error)
    }
}

impl From<ConsumerGroupError> for CommitRefusal {
    fn from(error: ConsumerGroupError) -> Self {
        Self::Consumer(error)
    }
}

#[cfg(test)]
mod tests;
