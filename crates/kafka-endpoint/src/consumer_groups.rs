//! Consumer groups, consumer protocol (KIP-848): the server shares partitions out, as a state machine without sockets,
//! clock or randomness.
//!
//! ```text
//!            joins (epoch 0)                          has given back        others have given back
//!  (absent) ───────────────> Unrevoked partitions ──────────────> Unreleased ──────────────> Stable
//!                                    ^                                partitions                │
//!                                    └─────── a new assignment: members, subscriptions, topics ─┘
//! ```
//!
//! Members send heartbeats; each is answered at once with the member's epoch and, where it has changed, with what the
//! member may read. The group's epoch grows with each change of members, subscriptions or topics; what everyone is to
//! have is worked out at the next heartbeat (`assignor`), and each member is led there by its own heartbeats
//! (`reconcile`). [`ConsumerGroups::poll_timeout`] says when [`ConsumerGroups::poll`] must be called next.
//!
//! Invariants: no partition is given to a member before every other has given it back or was put out; epochs only grow
//! while a group is known; nothing depends on hash-map order.
//!
//! Members of the classic protocol may be in a group too (`classic`), and survivors of a restart come back as they were
//! (`adoption`).
//!
//! Not here: groups that have members of the classic protocol only (`groups`), the way from one kind to the other
//! (`coordination`), committed offsets (`store`), sockets and timers (`coordinator`).

mod adoption;
mod answer;
mod assignment;
mod assignor;
mod classic;
mod embedded;
mod group;
mod heartbeat;
mod hold;
mod member;
mod migrated;
mod migration;
mod reconcile;
mod settings;
mod subscription;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) use answer::{
    ConsumerGroupError, ConsumerGroupState, ConsumerGroupView, ConsumerMemberView, HeartbeatAnswer,
};
pub(crate) use assignment::Assignment;
pub(crate) use assignor::Assignor;
pub(crate) use classic::CONSUMER;
use group::ConsumerGroup;
pub(crate) use heartbeat::Heartbeat;
pub(crate) use hold::Noted;
pub(crate) use migrated::{MigratedGroup, MigratedMember};
pub(crate) use settings::Settings;
use topics::TopicLayout;
use uuid::Uuid;

use crate::{
    groups::{GroupError, GroupKey, Join, JoinAnswer, Leaver, Sync, SyncAnswer},
    limits,
};

/// Every group of every app.
#[derive(Debug)]
pub(crate) struct ConsumerGroups {
    settings: Settings,
    groups: BTreeMap<GroupKey, ConsumerGroup>,
    /// When to look at a group again: one entry for each `ConsumerGroup::scheduled_ms`. Heartbeats leave it alone, so
    /// it may be early.
    schedule: BTreeSet<(u64, GroupKey)>,
    /// What the groups of each app take up.
    bytes: BTreeMap<Arc<str>, usize>,
    /// Groups whose last member has gone: what was noted of them is to be forgotten.
    emptied: BTreeSet<GroupKey>,
    /// Groups that have none but members of the classic protocol, and go back to it.
    downgrades: BTreeSet<GroupKey>,
}

impl ConsumerGroups {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            groups: BTreeMap::new(),
            schedule: BTreeSet::new(),
            bytes: BTreeMap::new(),
            emptied: BTreeSet::new(),
            downgrades: BTreeSet::new(),
        }
    }

    /// A member of the consumer protocol joins, goes on or leaves, by a heartbeat that was checked. `noted`: what was
    /// noted of the group before the start.
    pub(crate) fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        heartbeat: Heartbeat,
        layout: &Arc<TopicLayout>,
        noted: impl FnOnce() -> Option<Noted>,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        if heartbeat.leaves() {
            let group = self.groups.get_mut(key).ok_or(ConsumerGroupError::GroupIdNotFound)?;
            let left = group.handle_leave(&heartbeat);
            self.settle(now_ms, key);
            return left;
        }
        self.check_room(key, heartbeat.len_bytes())?;
        self.form(now_ms, key, &heartbeat, noted)?;
        let Some(group) = self.groups.get_mut(key) else { return Err(ConsumerGroupError::UnknownMemberId) };
        group.use_layout(layout);
        let name = group.hold.is_some().then(|| (self.settings.noted_name)(&heartbeat.member_id));
        let adopted = match name.filter(|name| group.expects(name)) {
            Some(name) if heartbeat.joins() => {
                group.no_longer_expect(&name);
                Ok(())
            }
            Some(name) => group.adopt(&heartbeat, &name),
            None => Ok(()),
        };
        let answer = adopted.and_then(|()| {
            group.end_hold(now_ms);
            group.handle_heartbeat(now_ms, heartbeat)
        });
        self.settle(now_ms, key);
        answer
    }

    /// Makes the group if the member may begin it.
    fn form(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        heartbeat: &Heartbeat,
        noted: impl FnOnce() -> Option<Noted>,
    ) -> Result<(), ConsumerGroupError> {
        if self.groups.contains_key(key) {
            return Ok(());
        }
        let noted = noted();
        let adopts = now_ms < self.settings.adopts_until_ms;
        let survived = |noted: &Noted| noted.members.contains(&(self.settings.noted_name)(&heartbeat.member_id));
        // Kafka says GROUP_ID_NOT_FOUND of a group that is not there, which Java takes for the end; here groups are
        // forgotten at a restart, so the member is told to begin anew.
        let may_begin = heartbeat.joins() || noted.as_ref().filter(|_| adopts).is_some_and(survived);
        if !may_begin {
            return Err(ConsumerGroupError::UnknownMemberId);
        }
        if self.of_app(&key.app).count() >= limits::GROUPS_PER_APP_MAX {
            return Err(ConsumerGroupError::GroupMaxSizeReached);
        }
        let mut group = ConsumerGroup::new(self.settings, noted.as_ref().map_or(0, |noted| noted.epoch));
        if let Some(noted) = noted.filter(|noted| adopts && !noted.members.is_empty()) {
            group.expect(now_ms, noted);
        }
        self.groups.insert(key.clone(), group);
        Ok(())
    }

    fn check_room(&self, key: &GroupKey, more_bytes: usize) -> Result<(), ConsumerGroupError> {
        let taken = self.bytes.get(&key.app).copied().unwrap_or(0);
        let fits = taken + more_bytes + key.group.len() <= limits::GROUPS_BYTES_PER_APP_MAX;
        if fits { Ok(()) } else { Err(ConsumerGroupError::GroupMaxSizeReached) }
    }

    /// A member of the classic protocol joins a group that is here.
    pub(crate) fn join_classic(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        join: Join,
        layout: &Arc<TopicLayout>,
    ) -> JoinAnswer {
        if self.check_room(key, join.len_bytes()).is_err() {
            return JoinAnswer::refused(GroupError::GroupMaxSizeReached, join.member_id);
        }
        let Some(group) = self.groups.get_mut(key) else {
            return JoinAnswer::refused(GroupError::UnknownMemberId, join.member_id);
        };
        group.use_layout(layout);
        let answer = group.join_classic(now_ms, join);
        self.settle(now_ms, key);
        answer
    }

    pub(crate) fn sync_classic(&mut self, now_ms: u64, key: &GroupKey, sync: &Sync) -> SyncAnswer {
        let group = self.groups.get_mut(key);
        let answer = group.map(|group| group.sync_classic(now_ms, sync));
        self.settle(now_ms, key);
        answer.unwrap_or_else(|| SyncAnswer::refused(GroupError::UnknownMemberId))
    }

    pub(crate) fn heartbeat_classic(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        layout: &Arc<TopicLayout>,
    ) -> Result<(), GroupError> {
        let group = self.groups.get_mut(key).ok_or(GroupError::UnknownMemberId)?;
        group.use_layout(layout);
        let answer = group.heartbeat_classic(now_ms, member_id, instance_id, generation);
        self.settle(now_ms, key);
        answer
    }

    pub(crate) fn leave_classic(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        leavers: &[Leaver],
    ) -> Vec<Result<(), GroupError>> {
        let leave = |leaver: &Leaver| {
            self.groups.get_mut(key).map_or(Err(GroupError::UnknownMemberId), |group| group.leave_classic(leaver))
        };
        let results = leavers.iter().map(leave).collect();
        self.settle(now_ms, key);
        results
    }

    /// Whether a commit of offsets is this group's own: from a member in its present epoch, or (epoch below 0) from an
    /// administrator or a consumer that assigns partitions itself, while the group has no members.
    pub(crate) fn check_commit(
        &self,
        key: &GroupKey,
        member_id: &str,
        epoch: i32,
        is_of_consumer_protocol: bool,
    ) -> Result<(), ConsumerGroupError> {
        let Some(group) = self.groups.get(key) else { return Err(ConsumerGroupError::UnknownMemberId) };
        let Some(member) = group.members.get(member_id) else {
            let is_without_members = epoch < 0 && group.members.is_empty();
            let survived = || group.hold.is_some() && group.expects(&(self.settings.noted_name)(member_id));
            let is_own = is_without_members || survived();
            return if is_own { Ok(()) } else { Err(ConsumerGroupError::UnknownMemberId) };
        };
        if member.classic.is_none() && !is_of_consumer_protocol {
            return Err(ConsumerGroupError::UnsupportedVersion);
        }
        match (member.epoch == epoch, member.classic.is_some()) {
            (true, _) => Ok(()),
            (false, true) => Err(ConsumerGroupError::IllegalGeneration),
            (false, false) => Err(ConsumerGroupError::StaleMemberEpoch),
        }
    }

    /// Whether a member may commit an offset of this partition in an epoch that has passed.
    pub(crate) fn may_commit_late(&self, key: &GroupKey, member_id: &str, epoch: i32, partition: (Uuid, i32)) -> bool {
        let member = self.groups.get(key).and_then(|group| group.members.get(member_id));
        member.is_some_and(|member| member.has_since(partition, epoch))
    }

    /// Whether a member may read the group's offsets in its epoch; whoever names no member may.
    pub(crate) fn check_fetch(
        &self,
        key: &GroupKey,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ConsumerGroupError> {
        match member_id {
            None if epoch < 0 => Ok(()),
            member_id => self.check_commit(key, member_id.unwrap_or_default(), epoch, true),
        }
    }

    /// When [`ConsumerGroups::poll`] must be called, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.schedule.first().map(|(at_ms, _)| *at_ms)
    }

    /// Does what is due by `now_ms`: ends sessions and waits.
    pub(crate) fn poll(&mut self, now_ms: u64) {
        while let Some((at_ms, _)) = self.schedule.first()
            && *at_ms <= now_ms
        {
            let Some((_, key)) = self.schedule.pop_first() else { break };
            let Some(group) = self.groups.get_mut(&key) else { continue };
            group.scheduled_ms = None;
            group.poll(now_ms);
            self.settle(now_ms, &key);
        }
    }

    /// Whether the group is here.
    pub(crate) fn knows(&self, key: &GroupKey) -> bool {
        self.groups.contains_key(key)
    }

    /// Whether the group is here and has members, or survivors may come to it.
    pub(crate) fn is_in_use(&self, key: &GroupKey) -> bool {
        self.groups.get(key).is_some_and(|group| !group.members.is_empty() || group.hold.is_some())
    }

    /// The group's present epoch, with the ids of its members; `None` if it has none.
    pub(crate) fn roster(&self, key: &GroupKey) -> Option<(i32, Vec<String>)> {
        let group = self.groups.get(key).filter(|group| !group.members.is_empty())?;
        Some((group.epoch, group.members.keys().cloned().collect()))
    }

    /// The groups that have lost their last member since this was last asked.
    pub(crate) fn take_emptied(&mut self) -> BTreeSet<GroupKey> {
        std::mem::take(&mut self.emptied)
    }

    pub(crate) fn has_emptied(&self) -> bool {
        !self.emptied.is_empty()
    }

    /// What a group looks like, and the topics that it knows of.
    pub(crate) fn describe(&self, key: &GroupKey) -> Option<(ConsumerGroupView, Arc<TopicLayout>)> {
        self.groups.get(key).map(|group| (group.describe(), group.layout.clone()))
    }

    /// Every group of `app`, sorted: name and state.
    pub(crate) fn list(&self, app: &Arc<str>) -> Vec<(Arc<str>, ConsumerGroupState)> {
        self.of_app(app).map(|(key, group)| (key.group.clone(), group.state())).collect()
    }

    /// How many groups there are in all.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    fn of_app<'a>(&'a self, app: &Arc<str>) -> impl Iterator<Item = (&'a GroupKey, &'a ConsumerGroup)> + use<'a> {
        let app = app.clone();
        let from = GroupKey { app: app.clone(), group: "".into() };
        self.groups.range(from..).take_while(move |(key, _)| key.app == app)
    }

    /// After every change of a group: accounts for its size, forgets it when it has no members, plans its next look.
    fn settle(&mut self, now_ms: u64, key: &GroupKey) {
        let Some(group) = self.groups.get_mut(key) else { return };
        if std::mem::take(&mut group.just_emptied) {
            self.emptied.insert(key.clone());
        }
        if group.is_all_classic() {
            self.downgrades.insert(key.clone());
        }
        // An empty group is kept while survivors are adopted, so that a member it has lost is not taken for one.
        let is_idle = group.members.is_empty() && group.hold.is_none();
        let is_forgotten = is_idle && now_ms >= self.settings.adopts_until_ms;
        let before = group.bytes;
        group.bytes = if is_forgotten { 0 } else { group.len_bytes() + key.group.len() };
        let after = group.bytes;
        let planned_ms = group.scheduled_ms.take();
        group.scheduled_ms = if is_idle { Some(self.settings.adopts_until_ms) } else { group.poll_timeout() };
        let due_ms = group.scheduled_ms.filter(|_| !is_forgotten);
        if let Some(planned_ms) = planned_ms {
            self.schedule.remove(&(planned_ms, key.clone()));
        }
        self.schedule.extend(due_ms.map(|due_ms| (due_ms, key.clone())));
        self.account(&key.app, before, after);
        if is_forgotten {
            self.groups.remove(key);
        }
    }

    /// Accounts for a group that took up `before` bytes and takes up `after`.
    fn account(&mut self, app: &Arc<str>, before: usize, after: usize) {
        let bytes = self.bytes.entry(app.clone()).or_default();
        *bytes = *bytes + after - before;
        if *bytes == 0 {
            self.bytes.remove(app);
        }
    }
}
