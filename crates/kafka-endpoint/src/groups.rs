//! Consumer groups, classic protocol (KIP-62, 345, 394, 800, 814), as a state machine without
//! sockets, clock or randomness.
//!
//! ```text
//!             join                    everyone joined, or time is up          leader's sync
//!  (absent) ──────> PreparingRebalance ──────────────────────> CompletingRebalance ───────────> Stable
//!      ^                ^      │ nobody left                          │ join, leave, expiry        │ join, leave, expiry
//!      └──── Empty <────┼──────┘                                      v                            v
//!                       └───────────────────────────────────── PreparingRebalance <───────────────┘
//! ```
//!
//! Callers pass the time in (`now_ms`, monotonic) and a [`Token`] with each join and sync; answers
//! come out of [`Groups::poll_answer`], at once or after later calls. [`Groups::poll_timeout`] says
//! when [`Groups::poll`] must be called next.
//!
//! Invariants: each token is answered exactly once, unless it is abandoned; the generation only
//! grows while a group is known; all members of a group share at least one protocol; nothing
//! depends on hash-map order.
//!
//! **Adoption.** Groups are in memory only, so a restart forgets them; only the last generation of
//! each and its members' ids are noted durably. For [`crate::limits::ADOPTION_MS`] after the start
//! the members of that generation, who come to a group that has not formed again, are taken for
//! survivors: their heartbeat is answered with REBALANCE_IN_PROGRESS instead of UNKNOWN_MEMBER_ID,
//! their commits are taken and they rejoin under their old id. Clients then commit before they
//! rejoin, and resume exactly where they were. Whoever was put out before, or belongs to an earlier
//! generation, is refused as ever. Once a group has formed again, the usual rules hold.
//!
//! Not here: groups with members of the consumer protocol (`consumer_groups`), committed offsets
//! (`store`), which app may see what (`api`), sockets and timers (`coordinator`).

mod answer;
mod group;
mod join;
mod leave;
mod member;
mod migration;
mod sync;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

pub(crate) use answer::{Answer, GroupError, JoinAnswer, JoinedMember, SyncAnswer};
use group::Group;
pub(crate) use group::{GroupState, GroupView, MemberView};
pub(crate) use join::Join;
pub(crate) use leave::Leaver;
pub(crate) use member::Protocol;
pub(crate) use sync::Sync;
pub(crate) use token::Token;

use crate::limits;

/// A group of an app. Two apps' equal names are two groups (docs/reference/live-queries.md).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupKey {
    /// The app's name.
    pub(crate) app: Arc<str>,
    /// The group's name.
    pub(crate) group: Arc<str>,
}

/// How groups behave.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How long the first rebalance of an empty group waits for more members, in ms.
    pub(crate) initial_delay_ms: u64,
    /// Until when survivors of a restart are adopted, on the clock of `now_ms`.
    pub(crate) adopts_until_ms: u64,
}

/// Every group of every app.
#[derive(Debug)]
pub(crate) struct Groups {
    settings: Settings,
    groups: BTreeMap<GroupKey, Group>,
    /// When to look at a group again: one entry for each `Group::scheduled_ms`. Heartbeats leave it
    /// alone, so it may be early.
    schedule: BTreeSet<(u64, GroupKey)>,
    answers: VecDeque<(Token, Answer)>,
    /// What the groups of each app take up.
    bytes: BTreeMap<Arc<str>, usize>,
    /// Groups whose last member has gone: what was noted of them is to be forgotten.
    emptied: BTreeSet<GroupKey>,
    closed: bool,
}

impl Groups {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            groups: BTreeMap::new(),
            schedule: BTreeSet::new(),
            answers: VecDeque::new(),
            bytes: BTreeMap::new(),
            emptied: BTreeSet::new(),
            closed: false,
        }
    }

    /// A member joins, rejoins or asks for an id. Answered under `token`.
    pub(crate) fn handle_join(&mut self, now_ms: u64, key: &GroupKey, token: Token, join: Join) {
        if let Err(error) = self.admit(now_ms, key, &join) {
            self.answers.push_back((token, Answer::Join(JoinAnswer::refused(error, join.member_id))));
            return;
        }
        let (settings, adopts) = (&self.settings, self.adopts(now_ms, key));
        let noted = join.noted_generation;
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group::new(settings.initial_delay_ms, noted));
        group.handle_join(now_ms, token, join, adopts);
        self.settle(now_ms, key);
    }

    fn admit(&self, now_ms: u64, key: &GroupKey, join: &Join) -> Result<(), GroupError> {
        if self.closed {
            return Err(GroupError::CoordinatorNotAvailable);
        }
        if !self.groups.contains_key(key) {
            if !join.member_id.is_empty() && !self.adopts(now_ms, key) {
                return Err(GroupError::UnknownMemberId);
            }
            if self.of_app(&key.app).count() >= limits::GROUPS_PER_APP_MAX {
                return Err(GroupError::GroupMaxSizeReached);
            }
        }
        if self.bytes_of(&key.app) + join.len_bytes() + key.group.len() > limits::GROUPS_BYTES_PER_APP_MAX {
            return Err(GroupError::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// A member asks for its assignment; the leader brings everyone's. Answered under `token`.
    pub(crate) fn handle_sync(&mut self, now_ms: u64, key: &GroupKey, token: Token, sync: Sync) {
        let fits = self.bytes_of(&key.app) + sync.len_bytes() <= limits::GROUPS_BYTES_PER_APP_MAX;
        let adopts = self.adopts(now_ms, key);
        let refusal = match self.groups.get_mut(key) {
            _ if self.closed => GroupError::CoordinatorNotAvailable,
            _ if !fits => GroupError::GroupMaxSizeReached,
            None if adopts => GroupError::RebalanceInProgress,
            None => GroupError::UnknownMemberId,
            Some(group) => {
                group.handle_sync(now_ms, token, sync);
                return self.settle(now_ms, key);
            }
        };
        self.answers.push_back((token, Answer::Sync(SyncAnswer::refused(refusal))));
    }

    /// A member says that it lives. `noted_generation`: the one that was noted of the group, if it
    /// names the member.
    pub(crate) fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        noted_generation: impl FnOnce() -> Option<i32>,
    ) -> Result<(), GroupError> {
        let adopts = self.adopts(now_ms, key);
        match self.groups.get_mut(key) {
            _ if self.closed => Err(GroupError::CoordinatorNotAvailable),
            Some(group) if !adopts || group.knows(member_id) => {
                group.handle_heartbeat(now_ms, member_id, instance_id, generation)
            }
            _ if adopts && noted_generation() == Some(generation) => Err(GroupError::RebalanceInProgress),
            _ => Err(GroupError::UnknownMemberId),
        }
    }

    /// Members leave; one result each, in order.
    pub(crate) fn handle_leave(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        leavers: &[Leaver],
    ) -> Vec<Result<(), GroupError>> {
        if self.closed {
            return vec![Err(GroupError::CoordinatorNotAvailable); leavers.len()];
        }
        let Some(group) = self.groups.get_mut(key) else {
            return vec![Err(GroupError::UnknownMemberId); leavers.len()];
        };
        let results = leavers.iter().map(|leaver| group.handle_leave(now_ms, leaver)).collect();
        self.settle(now_ms, key);
        results
    }

    /// Whether a commit of offsets is this group's own: from a member of the present generation, or
    /// (generation below 0) from a consumer that assigns partitions itself, while the group has no
    /// members. Counts as a heartbeat. `noted_generation`: the one that was noted of the group, if
    /// it names the member.
    pub(crate) fn check_commit(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        noted_generation: impl FnOnce() -> Option<i32>,
    ) -> Result<(), GroupError> {
        let adopts = self.adopts(now_ms, key);
        match self.groups.get_mut(key) {
            None if generation < 0 => Ok(()),
            Some(group) if !adopts || generation < 0 || group.knows(member_id) => {
                group.check_commit(now_ms, member_id, instance_id, generation)
            }
            _ if adopts && noted_generation() == Some(generation) => Ok(()),
            // Kafka says ILLEGAL_GENERATION or GROUP_ID_NOT_FOUND of a group that it never had. One that has lost its
            // members is forgotten here and kept there: who was put out of it is told the same as by Kafka.
            _ => Err(GroupError::UnknownMemberId),
        }
    }

    /// Nobody waits for `token` any more: its connection has ended.
    pub(crate) fn handle_abandoned(&mut self, now_ms: u64, key: &GroupKey, token: Token) {
        if let Some(group) = self.groups.get_mut(key) {
            group.handle_abandoned(now_ms, token);
            self.settle(now_ms, key);
        }
    }

    /// Answers everyone who waits with COORDINATOR_NOT_AVAILABLE, and everyone who comes later too:
    /// the server is stopping.
    pub(crate) fn close(&mut self, now_ms: u64) {
        self.closed = true;
        let keys: Vec<GroupKey> = self.groups.keys().cloned().collect();
        for key in keys {
            if let Some(group) = self.groups.get_mut(&key) {
                group.close();
            }
            self.settle(now_ms, &key);
        }
    }

    /// The next answer that is ready.
    pub(crate) fn poll_answer(&mut self) -> Option<(Token, Answer)> {
        self.answers.pop_front()
    }

    /// When [`Groups::poll`] must be called, if nothing happens before.
    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        self.schedule.first().map(|(at_ms, _)| *at_ms)
    }

    /// Does what is due by `now_ms`: ends sessions, rebalances and waits.
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

    /// The group's present generation, with the ids of its members; `None` if it has none.
    pub(crate) fn roster(&self, key: &GroupKey) -> Option<(i32, Vec<String>)> {
        self.groups.get(key).map(Group::roster_ids).filter(|(_, members)| !members.is_empty())
    }

    /// Whether the group has members, or somebody who was told to come back as one.
    pub(crate) fn is_in_use(&self, key: &GroupKey) -> bool {
        self.groups.get(key).is_some_and(|group| !group.is_idle())
    }

    /// The groups that have lost their last member since this was last asked.
    pub(crate) fn take_emptied(&mut self) -> BTreeSet<GroupKey> {
        std::mem::take(&mut self.emptied)
    }

    pub(crate) fn has_emptied(&self) -> bool {
        !self.emptied.is_empty()
    }

    fn bytes_of(&self, app: &Arc<str>) -> usize {
        self.bytes.get(app).copied().unwrap_or(0)
    }

    /// Accounts for a group that took up `before` bytes and takes up `after`.
    fn account(&mut self, app: &Arc<str>, before: usize, after: usize) {
        let bytes = self.bytes.entry(app.clone()).or_default();
        *bytes = *bytes + after - before;
        if *bytes == 0 {
            self.bytes.remove(app);
        }
    }

    /// What a group looks like; `None` if it has no members.
    pub(crate) fn describe(&self, key: &GroupKey) -> Option<GroupView> {
        self.groups.get(key).map(Group::describe)
    }

    /// Every group of `app` that is known here, sorted: name, state, protocol type.
    pub(crate) fn list(&self, app: &Arc<str>) -> Vec<(Arc<str>, GroupState, String)> {
        self.of_app(app)
            .map(|(key, group)| (key.group.clone(), group.state(), group.protocol_type().to_owned()))
            .collect()
    }

    /// How many groups there are in all.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    fn of_app<'a>(&'a self, app: &Arc<str>) -> impl Iterator<Item = (&'a GroupKey, &'a Group)> + use<'a> {
        let app = app.clone();
        let from = GroupKey { app: app.clone(), group: "".into() };
        self.groups.range(from..).take_while(move |(key, _)| key.app == app)
    }

    /// Whether unknown members of this group are taken for survivors of a restart.
    fn adopts(&self, now_ms: u64, key: &GroupKey) -> bool {
        now_ms < self.settings.adopts_until_ms && self.groups.get(key).is_none_or(Group::is_forming_first)
    }

    /// After every change of a group: takes its answers, accounts for its size, forgets it when it
    /// is of no use, plans its next look.
    fn settle(&mut self, now_ms: u64, key: &GroupKey) {
        let Some(group) = self.groups.get_mut(key) else { return };
        self.answers.extend(group.answers.drain(..));
        if std::mem::take(&mut group.just_emptied) {
            self.emptied.insert(key.clone());
        }
        // An empty group is kept while survivors are adopted, so that a member it has lost is not
        // taken for one.
        let forgotten_ms = self.settings.adopts_until_ms;
        let is_forgotten = group.is_idle() && now_ms >= forgotten_ms;
        let before = group.bytes;
        group.bytes = if is_forgotten { 0 } else { group.len_bytes() + key.group.len() };
        let after = group.bytes;
        if let Some(planned_ms) = group.scheduled_ms.take() {
            self.schedule.remove(&(planned_ms, key.clone()));
        }
        self.account(&key.app, before, after);
        if is_forgotten {
            self.groups.remove(key);
            return;
        }
        let Some(group) = self.groups.get_mut(key) else { return };
        group.scheduled_ms = if group.is_idle() { Some(forgotten_ms) } else { group.poll_timeout() };
        if let Some(due_ms) = group.scheduled_ms {
            self.schedule.insert((due_ms, key.clone()));
        }
    }
}
