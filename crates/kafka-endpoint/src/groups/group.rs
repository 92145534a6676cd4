//! One group: its members, its state, and the steps from one state to the next.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Answer, GroupError, JoinAnswer, JoinedMember, SyncAnswer, Token,
    member::{self, Member},
};

/// Where a group stands; the names are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupState {
    /// No members.
    Empty,
    /// Members are asked to join again.
    PreparingRebalance,
    /// The leader works out the assignment.
    CompletingRebalance,
    /// Everyone has an assignment.
    Stable,
}

impl GroupState {
    /// Kafka's name, as ListGroups and DescribeGroups show it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            GroupState::Empty => "Empty",
            GroupState::PreparingRebalance => "PreparingRebalance",
            GroupState::CompletingRebalance => "CompletingRebalance",
            GroupState::Stable => "Stable",
        }
    }
}

/// A group as DescribeGroups shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupView {
    pub(crate) state: GroupState,
    pub(crate) protocol_type: String,
    pub(crate) protocol: String,
    pub(crate) members: Vec<MemberView>,
}

/// A member as DescribeGroups shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MemberView {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) metadata: Bytes,
    pub(crate) assignment: Bytes,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rebalance {
    /// Not complete before this, so that an empty group's first members come together.
    pub(super) earliest_ms: u64,
    /// Complete without those who have not joined by then.
    pub(super) latest_ms: u64,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) state: GroupState,
    pub(super) generation: i32,
    /// Whether a generation has begun since the start.
    pub(super) has_formed: bool,
    /// Its last member has gone; `Groups::settle` takes it.
    pub(super) just_emptied: bool,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Member id of each static instance.
    pub(super) instances: BTreeMap<String, String>,
    /// Ids handed out with MEMBER_ID_REQUIRED, and until when they hold.
    pub(super) pending: BTreeMap<String, u64>,
    /// While PreparingRebalance.
    pub(super) rebalance: Rebalance,
    /// While CompletingRebalance: those who have not synced by then are put out.
    pub(super) sync_latest_ms: u64,
    pub(super) next_number: u64,
    initial_delay_ms: u64,
    /// How much longer the next first rebalance waits, for other survivors of a restart.
    pub(super) adoption_hold_ms: u64,
    /// Answers that are ready; `Groups::settle` takes them.
    pub(super) answers: Vec<(Token, Answer)>,
    /// What `Groups` has accounted for.
    pub(super) bytes: usize,
    /// Its entry in `Groups::schedule`.
    pub(super) scheduled_ms: Option<u64>,
}

impl Group {
    /// `generation`: the last one before the start, 0 if there was none.
    pub(super) fn new(initial_delay_ms: u64, generation: i32) -> Self {
        Self {
            state: GroupState::Empty,
            generation,
            has_formed: false,
            just_emptied: false,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeMap::new(),
            rebalance: Rebalance { earliest_ms: 0, latest_ms: 0 },
            sync_latest_ms: 0,
            next_number: 0,
            initial_delay_ms,
            adoption_hold_ms: 0,
            answers: Vec::new(),
            bytes: 0,
            scheduled_ms: None,
        }
    }

    pub(super) fn state(&self) -> GroupState {
        self.state
    }

    pub(super) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// Whether nothing would be lost by forgetting it.
    pub(super) fn is_idle(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    /// Whether its first generation since the start has yet to come.
    pub(super) fn is_forming_first(&self) -> bool {
        !self.has_formed
    }

    /// The present generation, with the ids of its members.
    pub(super) fn roster_ids(&self) -> (i32, Vec<String>) {
        (self.generation, self.members.keys().cloned().collect())
    }

    pub(super) fn knows(&self, member_id: &str) -> bool {
        self.members.contains_key(member_id) || self.pending.contains_key(member_id)
    }

    /// The member, if id and static name belong together.
    pub(super) fn member_mut(&mut self, member_id: &str, instance_id: Option<&str>) -> Result<&mut Member, GroupError> {
        if let Some(instance_id) = instance_id {
            match self.instances.get(instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(holder) if holder != member_id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.members.get_mut(member_id).ok_or(GroupError::UnknownMemberId)
    }

    /// As [`Group::member_mut`], and its generation must be the present one.
    pub(super) fn current_member_mut(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<&mut Member, GroupError> {
        let present = self.generation;
        let member = self.member_mut(member_id, instance_id)?;
        if generation == present { Ok(member) } else { Err(GroupError::IllegalGeneration) }
    }

    /// Begins a rebalance, or goes on with the one under way.
    pub(super) fn prepare_rebalance(&mut self, now_ms: u64) {
        let patience_ms = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
        match self.state {
            GroupState::Empty => {
                let earliest_ms = now_ms + std::mem::take(&mut self.adoption_hold_ms).max(self.initial_delay_ms);
                self.rebalance = Rebalance { earliest_ms, latest_ms: earliest_ms.max(now_ms + patience_ms) };
            }
            GroupState::PreparingRebalance => {}
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.answer_syncs(now_ms, Err(GroupError::RebalanceInProgress));
                self.rebalance = Rebalance { earliest_ms: now_ms, latest_ms: now_ms + patience_ms };
            }
        }
        self.state = GroupState::PreparingRebalance;
        self.try_complete_join(now_ms);
    }

    /// Ends the rebalance if everyone is there.
    pub(super) fn try_complete_join(&mut self, now_ms: u64) {
        if self.state == GroupState::PreparingRebalance && self.has_everyone() && now_ms >= self.rebalance.earliest_ms {
            self.complete_join(now_ms);
        }
    }

    fn has_everyone(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|member| member.joining.is_some())
    }

    /// Begins the next generation with those who have joined. Static members that have not stay until their session
    /// ends (KIP-345).
    fn complete_join(&mut self, now_ms: u64) {
        self.members.retain(|_, member| member.joining.is_some() || member.instance_id.is_some());
        let patience_ms = self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0);
        let eldest = self.members.values().filter(|member| member.joining.is_some()).min_by_key(|member| member.number);
        let Some(eldest) = eldest.map(|member| member.id.clone()) else {
            if self.members.is_empty() {
                self.become_empty();
            } else {
                self.rebalance.latest_ms = now_ms + patience_ms;
            }
            return;
        };
        let has_joined = |id: &String| self.members.get(id).is_some_and(|member| member.joining.is_some());
        let leader = self.leader.take().filter(has_joined).unwrap_or(eldest);
        self.next_generation();
        self.protocol = Some(self.elect_protocol(&leader));
        self.leader = Some(leader);
        self.state = GroupState::CompletingRebalance;
        self.sync_latest_ms = now_ms + patience_ms;
        let joined: Vec<String> = self.members.keys().cloned().collect();
        for id in joined {
            let answer = self.generation_for(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.has_synced = false;
            member.assignment = Bytes::new();
            if let Some(token) = member.joining.take() {
                member.touch(now_ms);
                self.answers.push((token, Answer::Join(answer)));
            }
        }
    }

    fn become_empty(&mut self) {
        self.next_generation();
        self.state = GroupState::Empty;
        self.protocol = None;
        self.protocol_type = None;
        self.leader = None;
        self.just_emptied = true;
    }

    fn next_generation(&mut self) {
        self.has_formed = true;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
    }

    /// The protocol that everyone speaks and most members like best; of equals, the leader's favourite.
    pub(super) fn elect_protocol(&self, leader: &str) -> String {
        let common = |protocol: &str| self.members.values().all(|member| member.speaks(protocol));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(favourite) = member.protocols.iter().find(|protocol| common(&protocol.name)) {
                *votes.entry(&favourite.name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max().unwrap_or(0);
        let order = self.members.get(leader).into_iter().flat_map(|member| &member.protocols);
        order
            .map(|protocol| protocol.name.as_str())
            .find(|name| votes.get(name) == Some(&most))
            .expect("members are only admitted if they share a protocol with all others")
            .to_owned()
    }

    /// What a member of the present generation is told when it joins.
    pub(super) fn generation_for(&self, member_id: &str) -> JoinAnswer {
        let leader = self.leader.clone().unwrap_or_default();
        let members = if leader == member_id { self.roster() } else { Vec::new() };
        JoinAnswer {
            error: None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader,
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members,
        }
    }

    pub(super) fn roster(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let entry = |member: &Member| JoinedMember {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.values().map(entry).collect()
    }

    /// Answers every sync that waits: with the member's assignment, or with a refusal. Sessions did not run out
    /// meanwhile; they go on now.
    pub(super) fn answer_syncs(&mut self, now_ms: u64, outcome: Result<(), GroupError>) {
        for member in self.members.values_mut() {
            let Some(token) = member.syncing.take() else { continue };
            member.touch(now_ms);
            let answer = match outcome {
                Err(error) => SyncAnswer::refused(error),
                Ok(()) => SyncAnswer {
                    error: None,
                    protocol_type: self.protocol_type.clone(),
                    protocol: self.protocol.clone(),
                    assignment: member.assignment.clone(),
                },
            };
            self.answers.push((token, Answer::Sync(answer)));
        }
    }

    /// Puts a member out; whatever it waits for is answered with `error`.
    pub(super) fn expel(&mut self, member_id: &str, error: GroupError) -> Option<Member> {
        let mut member = self.members.remove(member_id)?;
        if let Some(token) = member.joining.take() {
            self.answers.push((token, Answer::Join(JoinAnswer::refused(error, member_id.to_owned()))));
        }
        if let Some(token) = member.syncing.take() {
            self.answers.push((token, Answer::Sync(SyncAnswer::refused(error))));
        }
        if let Some(instance_id) = &member.instance_id
            && self.instances.get(instance_id).is_some_and(|holder| holder == member_id)
        {
            self.instances.remove(instance_id);
        }
        if self.leader.as_deref() == Some(member_id) {
            self.leader = None;
        }
        Some(member)
    }

    /// After members have gone: those who stay share out the work anew.
    pub(super) fn after_departure(&mut self, now_ms: u64) {
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(now_ms),
            GroupState::PreparingRebalance => self.try_complete_join(now_ms),
            GroupState::Empty => {}
        }
    }

    /// When [`Group::poll`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<u64> {
        let sessions = self.members.values().filter(|member| !member.waits()).map(|member| member.session_ends_ms);
        let state = match self.state {
            GroupState::Empty | GroupState::Stable => None,
            GroupState::PreparingRebalance if self.has_everyone() => Some(self.rebalance.earliest_ms),
            GroupState::PreparingRebalance => Some(self.rebalance.latest_ms),
            GroupState::CompletingRebalance => Some(self.sync_latest_ms),
        };
        sessions.chain(self.pending.values().copied()).chain(state).min()
    }

    /// Ends what is due.
    pub(super) fn poll(&mut self, now_ms: u64) {
        self.pending.retain(|_, until_ms| *until_ms > now_ms);
        let ended = |member: &&Member| !member.waits() && member.session_ends_ms <= now_ms;
        let ended: Vec<String> = self.members.values().filter(ended).map(|member| member.id.clone()).collect();
        for id in &ended {
            self.expel(id, GroupError::UnknownMemberId);
        }
        if !ended.is_empty() {
            self.after_departure(now_ms);
        }
        match self.state {
            GroupState::PreparingRebalance if now_ms >= self.rebalance.latest_ms => self.complete_join(now_ms),
            GroupState::PreparingRebalance => self.try_complete_join(now_ms),
            GroupState::CompletingRebalance if now_ms >= self.sync_latest_ms => self.expel_unsynced(now_ms),
            _ => {}
        }
    }

    fn expel_unsynced(&mut self, now_ms: u64) {
        let late = self.members.values().filter(|member| !member.has_synced).map(|member| member.id.clone());
        for id in late.collect::<Vec<_>>() {
            self.expel(&id, GroupError::UnknownMemberId);
        }
        self.prepare_rebalance(now_ms);
    }

    /// Nobody waits for `token` any more. Its member has until the end of its session to come back.
    pub(super) fn handle_abandoned(&mut self, now_ms: u64, token: Token) {
        for member in self.members.values_mut() {
            if member.joining == Some(token) {
                member.joining = None;
                member.touch(now_ms);
            }
            if member.syncing == Some(token) {
                member.syncing = None;
                member.touch(now_ms);
            }
        }
    }

    /// Answers everyone who waits; the server is stopping.
    pub(super) fn close(&mut self) {
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            self.expel(&id, GroupError::CoordinatorNotAvailable);
        }
    }

    pub(super) fn len_bytes(&self) -> usize {
        let members: usize = self.members.values().map(Member::len_bytes).sum();
        let pending: usize = self.pending.keys().map(|id| id.len() + member::MEMBER_BYTES).sum();
        let texts = self.protocol_type.as_ref().map_or(0, String::len) + self.protocol.as_ref().map_or(0, String::len);
        member::MEMBER_BYTES + members + pending + texts
    }

    pub(super) fn describe(&self) -> GroupView {
        let stable = self.state == GroupState::Stable;
        let protocol = self.protocol.clone().filter(|_| stable).unwrap_or_default();
        let view = |member: &Member| MemberView {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: member.metadata(&protocol),
            assignment: if stable { member.assignment.clone() } else { Bytes::new() },
        };
        GroupView {
            state: self.state,
            protocol_type: self.protocol_type().to_owned(),
            members: self.members.values().map(view).collect(),
            protocol,
        }
    }
}
