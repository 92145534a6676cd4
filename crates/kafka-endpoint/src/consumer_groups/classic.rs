//! Members of a consumer group that speak the classic protocol still (KIP-848, "Supporting Online Consumer Group
//! Upgrade"): JoinGroup, SyncGroup, Heartbeat and LeaveGroup are answered from what the group shares out.
//!
//! Invariant: every answer is given at once. A member is its own leader to nobody: it hears what it has at its sync,
//! and REBALANCE_IN_PROGRESS whenever it must give something back or can have more.

use bytes::Bytes;

use super::{
    embedded,
    group::ConsumerGroup,
    member::{ClassicPart, Member, MemberState},
};
use crate::{
    groups::{GroupError, Join, JoinAnswer, Leaver, Sync, SyncAnswer},
    limits,
};

/// The protocol type of consumers, the only one that can be in a consumer group.
pub(crate) const CONSUMER: &str = "consumer";

impl ConsumerGroup {
    pub(super) fn join_classic(&mut self, now_ms: u64, join: Join) -> JoinAnswer {
        let member_id = join.member_id.clone();
        self.try_join_classic(now_ms, join)
            .unwrap_or_else(|(error, id)| JoinAnswer::refused(error, id.unwrap_or(member_id)))
    }

    fn try_join_classic(&mut self, now_ms: u64, join: Join) -> Result<JoinAnswer, (GroupError, Option<String>)> {
        let refused = |error| (error, None);
        let is_unknown = join.member_id.is_empty();
        let id = if is_unknown { join.new_member_id.clone() } else { join.member_id.clone() };
        if self.members.len() >= limits::GROUP_MEMBERS_MAX && !self.members.contains_key(&id) {
            return Err(refused(GroupError::GroupMaxSizeReached));
        }
        let protocol = self.common_protocol(&join).ok_or(refused(GroupError::InconsistentGroupProtocol))?;
        let subscription = embedded::read_subscription(&protocol, &self.layout)
            .ok_or(refused(GroupError::InconsistentGroupProtocol))?;
        if is_unknown && join.must_know_its_id && join.instance_id.is_none() {
            return Err((GroupError::MemberIdRequired, Some(id)));
        }
        let is_new = self.admit_classic(&join, &id, is_unknown).map_err(refused)?;
        let rebalance_ms = join.rebalance_timeout_ms;
        let Some(member) = self.members.get_mut(&id) else { return Err(refused(GroupError::UnknownMemberId)) };
        let has_changed = is_new || member.names != subscription.names || member.regex.is_some();
        member.names = subscription.names;
        member.regex = None;
        member.rack_id = subscription.rack_id.or_else(|| member.rack_id.take());
        member.rebalance_timeout_ms = rebalance_ms;
        member.client_id = join.client_id;
        member.client_host = join.client_host;
        member.assignor = None;
        member.session_ends_ms = now_ms + join.session_timeout_ms;
        let name = join.protocols.first().map(|protocol| protocol.name.clone());
        member.classic = Some(ClassicPart {
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols,
            join_ends_ms: None,
            sync_ends_ms: Some(now_ms + rebalance_ms),
        });
        if let Some(instance_id) = join.instance_id {
            self.instances.insert(instance_id.clone(), id.clone());
            member.instance_id = Some(instance_id);
        }
        self.refresh(has_changed);
        self.assign();
        self.reconcile(now_ms, &id, Some(&subscription.owned));
        Ok(JoinAnswer {
            error: None,
            generation: self.members.get(&id).map_or(-1, |member| member.epoch),
            protocol_type: Some(CONSUMER.to_owned()),
            protocol: name,
            leader: String::new(),
            skip_assignment: false,
            member_id: id,
            members: Vec::new(),
        })
    }

    /// What the newcomer says in its favourite protocol, if all members of the classic protocol share one with it.
    fn common_protocol(&self, join: &Join) -> Option<Bytes> {
        let mut others = self.members.values().filter(|member| member.id != join.member_id);
        let speaks = |member: &Member, name: &str| {
            member.classic.as_ref().is_none_or(|it| it.protocols.iter().any(|spoken| spoken.name == name))
        };
        let shared = join.protocols.iter().any(|protocol| others.all(|other| speaks(other, &protocol.name)));
        let favourite = join.protocols.first()?;
        (join.protocol_type == CONSUMER && shared).then(|| favourite.metadata.clone())
    }

    /// Finds the member, or makes it; whether it is new.
    fn admit_classic(&mut self, join: &Join, id: &str, is_unknown: bool) -> Result<bool, GroupError> {
        let holder = join.instance_id.as_ref().and_then(|instance_id| self.instances.get(instance_id)).cloned();
        match (&join.instance_id, holder) {
            (Some(_), Some(holder)) if is_unknown => {
                self.succeed_static(&holder, id);
                Ok(false)
            }
            (Some(_), Some(holder)) if holder != id => Err(GroupError::FencedInstanceId),
            (Some(_), None) if !is_unknown => Err(GroupError::UnknownMemberId),
            _ if self.members.contains_key(id) => Ok(false),
            _ => {
                self.add(Member::new(id.to_owned()));
                Ok(true)
            }
        }
    }

    pub(super) fn sync_classic(&mut self, now_ms: u64, sync: &Sync) -> SyncAnswer {
        self.try_sync_classic(now_ms, sync).unwrap_or_else(SyncAnswer::refused)
    }

    fn try_sync_classic(&mut self, now_ms: u64, sync: &Sync) -> Result<SyncAnswer, GroupError> {
        let epoch = self.epoch;
        let layout = self.layout.clone();
        let member = self.classic_member_mut(&sync.member_id, sync.instance_id.as_deref(), sync.generation)?;
        let must_rejoin = epoch > member.epoch && member.state != MemberState::UnrevokedPartitions;
        let (rebalance_ms, assigned) = (member.rebalance_timeout_ms, &member.assigned);
        let Some(classic) = &mut member.classic else { return Err(GroupError::UnknownMemberId) };
        let own = classic.protocols.first();
        let differs = |said: &Option<String>, held: Option<&str>| said.is_some() && said.as_deref() != held;
        let name = own.map(|protocol| protocol.name.as_str());
        if differs(&sync.protocol_type, Some(CONSUMER)) || differs(&sync.protocol, name) {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        if must_rejoin {
            classic.join_ends_ms.get_or_insert(now_ms + rebalance_ms);
            return Err(GroupError::RebalanceInProgress);
        }
        classic.sync_ends_ms = None;
        let subscription = own.and_then(|protocol| embedded::read_subscription(&protocol.metadata, &layout));
        let version = subscription.map_or(0, |subscription| subscription.version);
        let assignment = embedded::write_assignment(assigned, version, &layout);
        member.session_ends_ms = now_ms + classic.session_timeout_ms;
        let (protocol_type, protocol) = (sync.protocol_type.clone(), sync.protocol.clone());
        Ok(SyncAnswer { error: None, protocol_type, protocol, assignment })
    }

    pub(super) fn heartbeat_classic(
        &mut self,
        now_ms: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), GroupError> {
        let is_layout_new = self.is_layout_new;
        self.refresh(false);
        if is_layout_new {
            self.assign();
        }
        let epoch = self.epoch;
        let member = self.classic_member_mut(member_id, instance_id, generation)?;
        let session_ms = member.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms);
        member.session_ends_ms = now_ms + session_ms;
        let (state, member_epoch, rebalance_ms) = (member.state, member.epoch, member.rebalance_timeout_ms);
        let can_have_more = state == MemberState::UnreleasedPartitions
            && self.members.get(member_id).is_some_and(|member| self.is_all_free_for(member));
        if member_epoch >= epoch && state != MemberState::UnrevokedPartitions && !can_have_more {
            return Ok(());
        }
        if let Some(classic) = self.members.get_mut(member_id).and_then(|member| member.classic.as_mut()) {
            classic.join_ends_ms.get_or_insert(now_ms + rebalance_ms);
        }
        Err(GroupError::RebalanceInProgress)
    }

    pub(super) fn leave_classic(&mut self, leaver: &Leaver) -> Result<(), GroupError> {
        let holder = leaver.instance_id.as_ref().map(|instance_id| self.instances.get(instance_id));
        let id = match holder {
            Some(None) => return Err(GroupError::UnknownMemberId),
            Some(Some(holder)) if !leaver.member_id.is_empty() && *holder != leaver.member_id => {
                return Err(GroupError::FencedInstanceId);
            }
            Some(Some(holder)) => holder.clone(),
            None => leaver.member_id.clone(),
        };
        if self.members.get(&id).is_none_or(|member| member.classic.is_none()) {
            return Err(GroupError::UnknownMemberId);
        }
        self.expel(&id);
        Ok(())
    }

    fn classic_member_mut(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<&mut Member, GroupError> {
        if let Some(instance_id) = instance_id {
            match self.instances.get(instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(holder) if holder != member_id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        let member = self.members.get_mut(member_id).filter(|member| member.classic.is_some());
        let member = member.ok_or(GroupError::UnknownMemberId)?;
        if member.epoch == generation { Ok(member) } else { Err(GroupError::IllegalGeneration) }
    }
}
