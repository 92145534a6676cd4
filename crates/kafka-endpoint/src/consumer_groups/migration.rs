//! Groups that come from the classic protocol, and go back to it.
//!
//! Not here: when a group goes (`coordination`).

use std::sync::Arc;

use topics::TopicLayout;

use super::{
    Assignment, ConsumerGroups, MigratedGroup, MigratedMember, embedded,
    group::ConsumerGroup,
    member::{ClassicPart, Member},
};
use crate::groups::GroupKey;

impl ConsumerGroups {
    /// Takes in a group of the classic protocol, as it stands: everyone has what it was assigned last. `false` if what
    /// its members say cannot be read; then nothing happens.
    pub(crate) fn upgrade(
        &mut self,
        now_ms: u64,
        key: &GroupKey,
        migrated: MigratedGroup,
        layout: &Arc<TopicLayout>,
    ) -> bool {
        let mut group = ConsumerGroup::new(self.settings, migrated.generation);
        group.use_layout(layout);
        for member in migrated.members {
            let metadata = member.protocols.iter().find(|protocol| protocol.name == migrated.protocol);
            let subscription = metadata.and_then(|protocol| embedded::read_subscription(&protocol.metadata, layout));
            let assigned = embedded::read_assignment(&member.assignment, layout);
            let (Some(subscription), Some(assigned)) = (subscription, assigned) else { return false };
            // Twice the same partition is an assignment of the members' own; one of them begins without it.
            let is_free = |(topic, partition): &(uuid::Uuid, i32)| !group.owned.contains(&(*topic, *partition));
            let assigned: Assignment = assigned.iter().filter(is_free).collect();
            let mut taken = Member::new(member.id);
            taken.instance_id = member.instance_id;
            taken.rack_id = subscription.rack_id;
            taken.client_id = member.client_id;
            taken.client_host = member.client_host;
            taken.rebalance_timeout_ms = member.rebalance_timeout_ms;
            taken.names = subscription.names;
            taken.epoch = migrated.generation;
            taken.previous_epoch = migrated.generation;
            taken.session_ends_ms = now_ms + member.session_timeout_ms;
            taken.assigned = assigned.clone();
            taken.date_assigned();
            taken.classic = Some(ClassicPart {
                session_timeout_ms: member.session_timeout_ms,
                protocols: member.protocols,
                join_ends_ms: None,
                sync_ends_ms: None,
            });
            group.target.insert(taken.id.clone(), assigned);
            group.add(taken);
        }
        self.groups.insert(key.clone(), group);
        true
    }

    /// The groups that go back to the classic protocol: those that have lost their last member of the consumer one.
    pub(crate) fn take_downgrades(&mut self, now_ms: u64) -> Vec<(GroupKey, MigratedGroup)> {
        let keys = std::mem::take(&mut self.downgrades);
        keys.into_iter().filter_map(|key| Some((key.clone(), self.downgrade(now_ms, &key)?))).collect()
    }

    fn downgrade(&mut self, now_ms: u64, key: &GroupKey) -> Option<MigratedGroup> {
        let group = self.groups.get_mut(key).filter(|group| group.is_all_classic())?;
        let layout = group.layout.clone();
        let target = std::mem::take(&mut group.target);
        let members = std::mem::take(&mut group.members);
        let migrated = members.into_values().filter_map(|member| {
            let classic = member.classic?;
            let own = classic.protocols.first()?;
            let version = embedded::read_subscription(&own.metadata, &layout).map_or(0, |it| it.version);
            let assigned = target.get(&member.id).cloned().unwrap_or_default();
            Some(MigratedMember {
                assignment: embedded::write_assignment(&assigned, version, &layout),
                id: member.id,
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                session_timeout_ms: classic.session_timeout_ms,
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                protocols: classic.protocols,
            })
        });
        // The epoch that the departure made is nobody's: the classic group's own rebalance makes the next generation.
        let (members, generation): (Vec<_>, i32) = (migrated.collect(), group.assignment_epoch);
        self.remove(now_ms, key);
        let shared = members.first()?.protocols.iter().map(|protocol| &protocol.name);
        let mut shared =
            shared.filter(|name| members.iter().all(|it| it.protocols.iter().any(|own| own.name == **name)));
        let protocol = shared.next()?.clone();
        Some(MigratedGroup { generation, protocol, members })
    }

    /// Forgets a group: it has no members, or they are elsewhere now.
    pub(crate) fn remove(&mut self, now_ms: u64, key: &GroupKey) {
        let Some(group) = self.groups.get_mut(key) else { return };
        group.hold = None;
        group.members.clear();
        group.just_emptied = false;
        self.settle(now_ms, key);
        let Some(group) = self.groups.remove(key) else { return };
        self.account(&key.app, group.bytes, 0);
        if let Some(planned_ms) = group.scheduled_ms {
            self.schedule.remove(&(planned_ms, key.clone()));
        }
    }
}

impl ConsumerGroup {
    /// Whether it has members, and all of them speak the classic protocol.
    pub(super) fn is_all_classic(&self) -> bool {
        !self.members.is_empty() && self.members.values().all(|member| member.classic.is_some())
    }
}
