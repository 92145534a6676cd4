//! The heartbeat of a member that speaks the consumer protocol: it joins, says what it has, leaves by it.

use std::collections::BTreeSet;

use super::{
    Assignment, Assignor, ConsumerGroupError, HeartbeatAnswer,
    group::ConsumerGroup,
    member::{AWAY_EPOCH, Member},
    subscription,
};
use crate::limits;

/// The epoch that a member joins with.
const JOIN_EPOCH: i32 = 0;

/// A request as it comes. What is `None` is as it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heartbeat {
    /// Its id; empty in version 0 for a member that has none yet.
    pub(crate) member_id: String,
    /// The epoch that it was told; 0 joins, -1 leaves, -2 is a static member that leaves for a while.
    pub(crate) member_epoch: i32,
    /// Its static name (KIP-345).
    pub(crate) instance_id: Option<String>,
    /// Where it stands. Kept to be shown.
    pub(crate) rack_id: Option<String>,
    /// How long it may take to give partitions back, in ms.
    pub(crate) rebalance_timeout_ms: Option<u64>,
    /// Names of topics that it subscribes to.
    pub(crate) names: Option<BTreeSet<String>>,
    /// A regular expression for names of topics.
    pub(crate) regex: Option<String>,
    /// The name of the assignor that it wishes for.
    pub(crate) assignor: Option<String>,
    /// The partitions that it has.
    pub(crate) owned: Option<Assignment>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    /// The id to give if it has none; unique.
    pub(crate) new_member_id: String,
    /// Whether members make their ids themselves (version 1 and later).
    pub(crate) must_have_id: bool,
}

impl Heartbeat {
    /// Whether it joins, or joins again.
    pub(crate) fn joins(&self) -> bool {
        self.member_epoch == JOIN_EPOCH
    }

    /// Whether it leaves, for ever or for a while.
    pub(super) fn leaves(&self) -> bool {
        self.member_epoch < JOIN_EPOCH
    }

    /// Whether it says everything, as clients do when they join and after each error.
    pub(super) fn is_full(&self) -> bool {
        let subscribes = self.names.is_some() || self.regex.is_some();
        self.joins() || (self.rebalance_timeout_ms.is_some() && subscribes && self.owned.is_some())
    }

    /// What can be said of it without looking at the group, and without the coordinator's lock: an expression may take a
    /// while to compile.
    pub(crate) fn check(&self) -> Result<(), ConsumerGroupError> {
        let invalid = |message| Err(ConsumerGroupError::InvalidRequest(message));
        let is_empty = |text: &Option<String>| text.as_deref() == Some("");
        if is_empty(&self.instance_id) {
            return invalid("InstanceId can't be empty.");
        }
        if is_empty(&self.rack_id) {
            return invalid("RackId can't be empty.");
        }
        if self.member_id.is_empty() && (self.must_have_id || !self.joins()) {
            return invalid("MemberId can't be empty.");
        }
        match self.member_epoch {
            JOIN_EPOCH if self.rebalance_timeout_ms.is_none() => {
                return invalid("RebalanceTimeoutMs must be provided in first request.");
            }
            JOIN_EPOCH if self.owned.as_ref().is_none_or(|owned| !owned.is_empty()) => {
                return invalid("TopicPartitions must be empty when (re-)joining.");
            }
            JOIN_EPOCH if self.names.is_none() && self.regex.is_none() => {
                return invalid(
                    "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
                );
            }
            AWAY_EPOCH if self.instance_id.is_none() => return invalid("InstanceId can't be null."),
            ..AWAY_EPOCH => return invalid("MemberEpoch is invalid."),
            _ => {}
        }
        if self.assignor.as_deref().is_some_and(|name| Assignor::named(name).is_none()) {
            return Err(ConsumerGroupError::UnsupportedAssignor);
        }
        match self.regex.as_deref().filter(|pattern| !pattern.is_empty()) {
            Some(pattern) => subscription::compile(pattern).map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn len_bytes(&self) -> usize {
        let texts = [&self.instance_id, &self.rack_id, &self.regex].map(|text| text.as_ref().map_or(0, String::len));
        let names = self.names.iter().flatten().map(|name| 64 + name.len()).sum::<usize>();
        3 * self.member_id.len() + self.client_id.len() + self.client_host.len() + texts.iter().sum::<usize>() + names
    }
}

impl ConsumerGroup {
    /// Answers a member that joins or goes on.
    pub(super) fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        heartbeat: Heartbeat,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        let id = self.admit(&heartbeat)?;
        let (is_full, owned) = (heartbeat.is_full(), heartbeat.owned.clone());
        let has_changed = self.update(&id, heartbeat);
        self.refresh(has_changed);
        self.assign();
        let is_told = self.reconcile(now_ms, &id, owned.as_ref()) || is_full;
        let (session_ms, interval_ms) = (self.settings.session_timeout_ms, self.settings.heartbeat_interval_ms);
        let Some(member) = self.members.get_mut(&id) else { return Err(ConsumerGroupError::UnknownMemberId) };
        member.session_ends_ms = now_ms + session_ms;
        Ok(HeartbeatAnswer {
            member_id: id,
            member_epoch: member.epoch,
            heartbeat_interval_ms: interval_ms,
            assignment: is_told.then(|| member.assigned.clone()),
            is_roster_new: std::mem::take(&mut self.is_roster_new),
        })
    }

    /// Finds the member, or makes it; its id.
    fn admit(&mut self, heartbeat: &Heartbeat) -> Result<String, ConsumerGroupError> {
        let id = if heartbeat.member_id.is_empty() { &heartbeat.new_member_id } else { &heartbeat.member_id };
        let holder = heartbeat.instance_id.as_ref().and_then(|instance_id| self.instances.get(instance_id)).cloned();
        if heartbeat.instance_id.is_some() && !heartbeat.joins() {
            match &holder {
                None => return Err(ConsumerGroupError::UnknownMemberId),
                Some(holder) if holder != id => return Err(ConsumerGroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        match holder.filter(|_| heartbeat.joins()) {
            Some(holder) => return self.replace_static(&holder, id).map(|()| id.clone()),
            None if self.members.contains_key(id) => {}
            None if !heartbeat.joins() => return Err(ConsumerGroupError::UnknownMemberId),
            None if self.members.len() >= limits::GROUP_MEMBERS_MAX => {
                return Err(ConsumerGroupError::GroupMaxSizeReached);
            }
            None => {
                self.add(Member::new(id.clone()));
                return Ok(id.clone());
            }
        }
        self.check_epoch(id, heartbeat).map(|()| id.clone())
    }

    /// A member may come with its epoch, or with the one before as long as it has nothing but what it was given since:
    /// the answer that told it may have been lost. It may also begin anew, with nothing.
    fn check_epoch(&self, id: &str, heartbeat: &Heartbeat) -> Result<(), ConsumerGroupError> {
        let Some(member) = self.members.get(id) else { return Err(ConsumerGroupError::UnknownMemberId) };
        let has_no_more = || heartbeat.owned.as_ref().is_some_and(|owned| owned.is_subset_of(&member.assigned));
        let is_previous = heartbeat.member_epoch == member.previous_epoch && heartbeat.member_epoch < member.epoch;
        if heartbeat.joins() || heartbeat.member_epoch == member.epoch || (is_previous && has_no_more()) {
            return Ok(());
        }
        Err(ConsumerGroupError::FencedMemberEpoch)
    }

    /// A static member that has left for a while comes back under a new id, to all that it had.
    fn replace_static(&mut self, old_id: &str, new_id: &str) -> Result<(), ConsumerGroupError> {
        let is_released = |old: &Member| old.epoch == AWAY_EPOCH || old.classic.is_some();
        if !self.members.get(old_id).is_some_and(is_released) {
            return Err(ConsumerGroupError::UnreleasedInstanceId);
        }
        self.succeed_static(old_id, new_id);
        Ok(())
    }

    /// The member gets a new id, and begins at epoch 0 with all that it had.
    pub(super) fn succeed_static(&mut self, old_id: &str, new_id: &str) {
        let target = self.target.get(old_id).cloned();
        let Some(mut member) = self.take(old_id) else { return };
        new_id.clone_into(&mut member.id);
        member.epoch = JOIN_EPOCH;
        member.previous_epoch = JOIN_EPOCH;
        self.target.extend(target.map(|target| (new_id.to_owned(), target)));
        self.add(member);
    }

    /// Takes up what the member says; whether its subscription is another one.
    fn update(&mut self, id: &str, heartbeat: Heartbeat) -> bool {
        let Some(member) = self.members.get_mut(id) else { return false };
        let regex = heartbeat.regex.map(|pattern| Some(pattern).filter(|pattern| !pattern.is_empty()));
        let has_changed = heartbeat.names.as_ref().is_some_and(|names| *names != member.names)
            || regex.as_ref().is_some_and(|regex| *regex != member.regex);
        member.names = heartbeat.names.unwrap_or_else(|| std::mem::take(&mut member.names));
        member.regex = regex.unwrap_or_else(|| member.regex.take());
        member.rack_id = heartbeat.rack_id.or_else(|| member.rack_id.take());
        member.rebalance_timeout_ms = heartbeat.rebalance_timeout_ms.unwrap_or(member.rebalance_timeout_ms);
        member.assignor = heartbeat.assignor.as_deref().and_then(Assignor::named).or(member.assignor);
        member.client_id = heartbeat.client_id;
        member.client_host = heartbeat.client_host;
        member.classic = None;
        if let Some(instance_id) = heartbeat.instance_id {
            self.instances.insert(instance_id.clone(), id.to_owned());
            member.instance_id = Some(instance_id);
        }
        has_changed
    }

    /// Bumps the epoch if subscriptions or topics are other ones than before.
    pub(super) fn refresh(&mut self, has_changed: bool) {
        let is_layout_new = std::mem::take(&mut self.is_layout_new);
        let are_topics_new = (has_changed || is_layout_new) && self.resolve_subscriptions();
        if has_changed || are_topics_new {
            self.bump();
        }
    }

    /// A member leaves for ever, or (epoch -2) for a while.
    pub(super) fn handle_leave(&mut self, heartbeat: &Heartbeat) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        let id = &heartbeat.member_id;
        if let Some(instance_id) = &heartbeat.instance_id {
            match self.instances.get(instance_id) {
                None => return Err(ConsumerGroupError::UnknownMemberId),
                Some(holder) if holder != id => return Err(ConsumerGroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        let Some(member) = self.members.get_mut(id) else { return Err(ConsumerGroupError::UnknownMemberId) };
        if heartbeat.member_epoch == AWAY_EPOCH {
            member.epoch = AWAY_EPOCH;
            member.revocation_ends_ms = None;
            let revoking = std::mem::take(&mut member.revoking);
            for partition in revoking.iter() {
                self.owned.remove(&partition);
            }
        } else {
            self.expel(id);
        }
        Ok(HeartbeatAnswer {
            member_id: id.clone(),
            member_epoch: heartbeat.member_epoch,
            heartbeat_interval_ms: 0,
            assignment: None,
            is_roster_new: std::mem::take(&mut self.is_roster_new),
        })
    }
}
