//! Groups that go to the consumer protocol (KIP-848) and come back from it.
//!
//! Not here: when they go (`coordination`).

use super::{
    Answer, GroupError, GroupKey, Groups, JoinAnswer, SyncAnswer,
    group::{Group, GroupState},
    member::Member,
};
use crate::consumer_groups::{CONSUMER, MigratedGroup, MigratedMember};

impl Groups {
    /// Whether the group is here.
    pub(crate) fn knows(&self, key: &GroupKey) -> bool {
        self.groups.contains_key(key)
    }

    /// Whether the group has members.
    pub(crate) fn has_members(&self, key: &GroupKey) -> bool {
        self.groups.get(key).is_some_and(|group| !group.members.is_empty())
    }

    /// A copy of the group for the consumer protocol; `None` unless its members are consumers.
    pub(crate) fn to_migrate(&self, key: &GroupKey) -> Option<MigratedGroup> {
        let group = self.groups.get(key)?;
        let eldest = group.members.values().min_by_key(|member| member.number)?;
        if group.protocol_type() != CONSUMER {
            return None;
        }
        let protocol = group.protocol.clone().unwrap_or_else(|| group.elect_protocol(&eldest.id));
        let copy = |member: &Member| MigratedMember {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            protocols: member.protocols.clone(),
            assignment: member.assignment.clone(),
        };
        let members = group.members.values().map(copy).collect();
        Some(MigratedGroup { generation: group.generation, protocol, members })
    }

    /// Forgets a group that has no members, or whose members are elsewhere now; those who wait are told to rejoin.
    pub(crate) fn remove(&mut self, key: &GroupKey) {
        let Some(mut group) = self.groups.remove(key) else { return };
        for member in group.members.values_mut() {
            if let Some(token) = member.joining.take() {
                let refused = JoinAnswer::refused(GroupError::RebalanceInProgress, member.id.clone());
                self.answers.push_back((token, Answer::Join(refused)));
            }
            if let Some(token) = member.syncing.take() {
                let refused = SyncAnswer::refused(GroupError::RebalanceInProgress);
                self.answers.push_back((token, Answer::Sync(refused)));
            }
        }
        if let Some(planned_ms) = group.scheduled_ms {
            self.schedule.remove(&(planned_ms, key.clone()));
        }
        self.account(&key.app, group.bytes, 0);
    }

    /// Takes in a group that comes back from the consumer protocol, and has its members rejoin.
    pub(crate) fn insert(&mut self, now_ms: u64, key: &GroupKey, migrated: MigratedGroup) {
        let mut group = Group::new(self.settings.initial_delay_ms, migrated.generation);
        group.take_over(now_ms, migrated);
        self.groups.insert(key.clone(), group);
        self.settle(now_ms, key);
    }

    /// Answers a join or a sync for a group that is not here.
    pub(crate) fn answer(&mut self, answered: (super::Token, Answer)) {
        self.answers.push_back(answered);
    }
}

impl Group {
    fn take_over(&mut self, now_ms: u64, migrated: MigratedGroup) {
        self.protocol_type = Some(CONSUMER.to_owned());
        self.protocol = Some(migrated.protocol);
        self.has_formed = true;
        self.state = GroupState::Stable;
        for member in migrated.members {
            self.next_number += 1;
            if let Some(instance_id) = &member.instance_id {
                self.instances.insert(instance_id.clone(), member.id.clone());
            }
            let member = Member {
                id: member.id,
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                session_timeout_ms: member.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: member.protocols,
                assignment: member.assignment,
                number: self.next_number,
                joining: None,
                syncing: None,
                has_synced: true,
                session_ends_ms: now_ms + member.session_timeout_ms,
            };
            self.members.insert(member.id.clone(), member);
        }
        self.prepare_rebalance(now_ms);
    }
}
