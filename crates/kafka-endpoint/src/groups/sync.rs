//! Syncing: the leader brings everyone's assignment, everyone takes their own. Heartbeats and the right to commit.

use bytes::Bytes;

use super::{
    Answer, GroupError, SyncAnswer, Token,
    group::{Group, GroupState},
};

/// A request for an assignment.
#[derive(Debug, Clone)]
pub(crate) struct Sync {
    /// Who asks.
    pub(crate) member_id: String,
    /// Its static name.
    pub(crate) instance_id: Option<String>,
    /// The generation it was told at its join.
    pub(crate) generation: i32,
    /// What it believes the group's protocol type is, if it says so (KIP-559).
    pub(crate) protocol_type: Option<String>,
    /// What it believes the group's protocol is, if it says so.
    pub(crate) protocol: Option<String>,
    /// From the leader: an assignment for each member id.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

impl Sync {
    pub(super) fn len_bytes(&self) -> usize {
        self.assignments.iter().map(|(_, assignment)| assignment.len()).sum()
    }
}

impl Group {
    pub(super) fn handle_sync(&mut self, now_ms: u64, token: Token, sync: Sync) {
        if let Err(error) = self.check_sync(now_ms, &sync) {
            self.answers.push((token, Answer::Sync(SyncAnswer::refused(error))));
            return;
        }
        let leads = self.leader.as_deref() == Some(&sync.member_id);
        if let Some(member) = self.members.get_mut(&sync.member_id) {
            member.has_synced = true;
            if let Some(forsaken) = member.syncing.replace(token) {
                self.answers.push((forsaken, Answer::Sync(SyncAnswer::refused(GroupError::RebalanceInProgress))));
            }
        }
        if self.state == GroupState::CompletingRebalance {
            if !leads {
                return;
            }
            for (member_id, assignment) in sync.assignments {
                if let Some(member) = self.members.get_mut(&member_id) {
                    member.assignment = assignment;
                }
            }
            self.state = GroupState::Stable;
        }
        self.answer_syncs(now_ms, Ok(()));
    }

    fn check_sync(&mut self, now_ms: u64, sync: &Sync) -> Result<(), GroupError> {
        let differs = |said: &Option<String>, held: &Option<String>| said.is_some() && said != held;
        let mismatch = differs(&sync.protocol_type, &self.protocol_type) || differs(&sync.protocol, &self.protocol);
        let state = self.state;
        let member = self.current_member_mut(&sync.member_id, sync.instance_id.as_deref(), sync.generation)?;
        if state == GroupState::PreparingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        if mismatch {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        member.touch(now_ms);
        Ok(())
    }

    pub(super) fn handle_heartbeat(
        &mut self,
        now_ms: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), GroupError> {
        let state = self.state;
        self.current_member_mut(member_id, instance_id, generation)?.touch(now_ms);
        if state == GroupState::PreparingRebalance { Err(GroupError::RebalanceInProgress) } else { Ok(()) }
    }

    pub(super) fn check_commit(
        &mut self,
        now_ms: u64,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), GroupError> {
        if generation < 0 && self.members.is_empty() {
            return Ok(());
        }
        let state = self.state;
        self.current_member_mut(member_id, instance_id, generation)?.touch(now_ms);
        if state == GroupState::CompletingRebalance { Err(GroupError::RebalanceInProgress) } else { Ok(()) }
    }
}
