//! One group: its members, what they subscribe to, and what each is to have.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use topics::TopicLayout;
use uuid::Uuid;

use super::{
    Assignment, Assignor, ConsumerGroupState, ConsumerGroupView, ConsumerMemberView, Settings,
    assignor::Subscriber,
    hold::Hold,
    member::{MEMBER_BYTES, Member},
};

#[derive(Debug)]
pub(super) struct ConsumerGroup {
    pub(super) settings: Settings,
    /// Grows with each change of members, subscriptions or topics.
    pub(super) epoch: i32,
    /// The epoch of `target`.
    pub(super) assignment_epoch: i32,
    pub(super) members: BTreeMap<String, Member>,
    /// Member id of each static instance.
    pub(super) instances: BTreeMap<String, String>,
    /// What each member is to have, by its id.
    pub(super) target: BTreeMap<String, Assignment>,
    /// Every partition that some member has, or has to give back.
    pub(super) owned: BTreeSet<(Uuid, i32)>,
    pub(super) layout: Arc<TopicLayout>,
    /// Subscriptions have not been looked at in `layout` yet.
    pub(super) is_layout_new: bool,
    /// Topics that somebody subscribes to, with their numbers of partitions.
    pub(super) topics: BTreeMap<Uuid, u16>,
    /// The topics that each regular expression matches.
    pub(super) resolved: BTreeMap<String, BTreeSet<Uuid>>,
    /// While survivors of a restart may still come.
    pub(super) hold: Option<Hold>,
    /// Who belongs to it has changed since that was asked for last.
    pub(super) is_roster_new: bool,
    /// Its last member has gone; `ConsumerGroups::settle` takes it.
    pub(super) just_emptied: bool,
    /// What `ConsumerGroups` has accounted for.
    pub(super) bytes: usize,
    /// Its entry in `ConsumerGroups::schedule`.
    pub(super) scheduled_ms: Option<u64>,
}

impl ConsumerGroup {
    /// `epoch`: the last one before, 0 if there was none. A new group begins in epoch 1, as Kafka's does.
    pub(super) fn new(settings: Settings, epoch: i32) -> Self {
        Self {
            settings,
            epoch: epoch.max(1),
            assignment_epoch: epoch,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            target: BTreeMap::new(),
            owned: BTreeSet::new(),
            layout: Arc::default(),
            is_layout_new: true,
            topics: BTreeMap::new(),
            resolved: BTreeMap::new(),
            hold: None,
            is_roster_new: false,
            just_emptied: false,
            bytes: 0,
            scheduled_ms: None,
        }
    }

    /// Something that decides what members are to have has changed.
    pub(super) fn bump(&mut self) {
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
    }

    /// Works out what members are to have, if anything has changed since.
    pub(super) fn assign(&mut self) {
        if self.epoch <= self.assignment_epoch {
            return;
        }
        let none = Assignment::default();
        let subscribers: Vec<Subscriber<'_>> = self
            .members
            .values()
            .map(|member| Subscriber {
                id: &member.id,
                instance_id: member.instance_id.as_deref(),
                topics: self.topics_of(member),
                previous: self.target.get(&member.id).unwrap_or(&none),
            })
            .collect();
        let assigned = self.assignor().assign(&subscribers, &self.topics);
        self.target = self.members.keys().cloned().zip(assigned).collect();
        self.assignment_epoch = self.epoch;
    }

    /// The one that most members ask for; of equals, and without wishes, the first.
    pub(super) fn assignor(&self) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for assignor in self.members.values().filter_map(|member| member.assignor) {
            *votes.entry(assignor).or_default() += 1;
        }
        let best = Assignor::ALL.into_iter().rev().max_by_key(|it| votes.get(it).copied().unwrap_or(0));
        best.unwrap_or(Assignor::Uniform)
    }

    pub(super) fn is_free(&self, topic: Uuid, partition: i32) -> bool {
        self.hold.is_none() && !self.owned.contains(&(topic, partition))
    }

    pub(super) fn add(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.instances.insert(instance_id.clone(), member.id.clone());
        }
        self.owned.extend(member.assigned.iter().chain(member.revoking.iter()));
        self.members.insert(member.id.clone(), member);
        self.is_roster_new = true;
    }

    /// Takes a member out, with all that it has; what it was to have goes with it.
    pub(super) fn take(&mut self, member_id: &str) -> Option<Member> {
        let member = self.members.remove(member_id)?;
        self.target.remove(member_id);
        for partition in member.assigned.iter().chain(member.revoking.iter()) {
            self.owned.remove(&partition);
        }
        if let Some(instance_id) = &member.instance_id
            && self.instances.get(instance_id).is_some_and(|holder| holder == member_id)
        {
            self.instances.remove(instance_id);
        }
        self.is_roster_new = true;
        Some(member)
    }

    /// A member leaves or is put out: the others share out what it had at the next heartbeat.
    pub(super) fn expel(&mut self, member_id: &str) -> Option<Member> {
        let member = self.take(member_id)?;
        self.resolve_subscriptions();
        self.bump();
        self.just_emptied = self.members.is_empty();
        Some(member)
    }

    /// When [`ConsumerGroup::poll`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        let hold = self.hold.as_ref().map(|hold| hold.until_ms);
        self.members.values().map(Member::deadline_ms).chain(hold).min().filter(|at_ms| *at_ms < u64::MAX)
    }

    /// Puts out whose time is up.
    pub(super) fn poll(&mut self, now_ms: u64) {
        let late = self.members.values().filter(|member| member.deadline_ms() <= now_ms);
        for id in late.map(|member| member.id.clone()).collect::<Vec<_>>() {
            self.expel(&id);
        }
        self.end_hold(now_ms);
    }

    pub(super) fn state(&self) -> ConsumerGroupState {
        if self.members.is_empty() {
            ConsumerGroupState::Empty
        } else if self.epoch > self.assignment_epoch {
            ConsumerGroupState::Assigning
        } else if self.members.values().all(|member| member.is_reconciled_to(self.assignment_epoch)) {
            ConsumerGroupState::Stable
        } else {
            ConsumerGroupState::Reconciling
        }
    }

    pub(super) fn describe(&self) -> ConsumerGroupView {
        let view = |member: &Member| ConsumerMemberView {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            rack_id: member.rack_id.clone(),
            epoch: member.epoch,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            names: member.names.clone(),
            regex: member.regex.clone(),
            assigned: member.assigned.iter().chain(member.revoking.iter()).collect(),
            target: self.target.get(&member.id).cloned().unwrap_or_default(),
            is_classic: member.classic.is_some(),
        };
        ConsumerGroupView {
            state: self.state(),
            epoch: self.epoch,
            assignment_epoch: self.assignment_epoch,
            assignor: self.assignor().as_str(),
            members: self.members.values().map(view).collect(),
        }
    }

    pub(super) fn len_bytes(&self) -> usize {
        MEMBER_BYTES + self.members.values().map(Member::len_bytes).sum::<usize>()
    }
}
