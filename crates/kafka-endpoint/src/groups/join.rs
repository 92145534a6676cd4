//! Joining: new members, members that come back, and static members that were restarted.

use super::{
    Answer, GroupError, JoinAnswer, Token,
    group::{Group, GroupState},
    member::{Member, Protocol, protocols_len_bytes},
};
use crate::limits;

/// A request to join.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    /// The id it was given, or empty.
    pub(crate) member_id: String,
    /// Its static name (KIP-345).
    pub(crate) instance_id: Option<String>,
    /// The id to give if it has none; unique.
    pub(crate) new_member_id: String,
    /// Whether a new member must first come back with its id (KIP-394: version 4 and later).
    pub(crate) must_know_its_id: bool,
    /// Whether it understands that a leader keeps the assignment that there is (KIP-814: version 9 and later).
    pub(crate) can_skip_assignment: bool,
    /// What the client calls itself.
    pub(crate) client_id: String,
    /// Where it comes from.
    pub(crate) client_host: String,
    /// Without a heartbeat for this long it is put out, in ms.
    pub(crate) session_timeout_ms: u64,
    /// How long a rebalance waits for it, in ms.
    pub(crate) rebalance_timeout_ms: u64,
    /// As in `consumer`.
    pub(crate) protocol_type: String,
    /// In the order it prefers them.
    pub(crate) protocols: Vec<Protocol>,
    /// The group's last generation that was noted, 0 if none: if the group is not known, it goes on from there.
    pub(crate) noted_generation: i32,
}

impl Join {
    pub(crate) fn len_bytes(&self) -> usize {
        let instance = self.instance_id.as_ref().map_or(0, String::len);
        let ids = 2 * self.member_id.len().max(self.new_member_id.len());
        let texts = ids + 2 * instance + self.client_id.len() + self.client_host.len() + self.protocol_type.len();
        protocols_len_bytes(&self.protocols) + texts
    }

    fn into_member(self, id: String, number: u64, token: Token) -> Member {
        Member {
            id,
            instance_id: self.instance_id,
            client_id: self.client_id,
            client_host: self.client_host,
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            protocols: self.protocols,
            assignment: bytes::Bytes::new(),
            number,
            joining: Some(token),
            syncing: None,
            has_synced: false,
            session_ends_ms: u64::MAX,
        }
    }
}

/// Who comes.
enum Arrival {
    New { id: String },
    Known,
    Restarted { old_id: String },
}

impl Group {
    pub(super) fn handle_join(&mut self, now_ms: u64, token: Token, join: Join, adopts: bool) {
        match self.receive(now_ms, &join, adopts) {
            Err((error, member_id)) => self.answers.push((token, Answer::Join(JoinAnswer::refused(error, member_id)))),
            Ok(Arrival::New { id }) => self.add(now_ms, token, join, id),
            Ok(Arrival::Known) => self.rejoin(now_ms, token, join),
            Ok(Arrival::Restarted { old_id }) => self.replace_static(now_ms, token, join, &old_id),
        }
    }

    fn receive(&mut self, now_ms: u64, join: &Join, adopts: bool) -> Result<Arrival, (GroupError, String)> {
        let refused = |error| Err((error, join.member_id.clone()));
        if !self.shares_a_protocol(join) {
            return refused(GroupError::InconsistentGroupProtocol);
        }
        let is_full = self.members.len() + self.pending.len() >= limits::GROUP_MEMBERS_MAX;
        if join.member_id.is_empty() {
            let old_id = join.instance_id.as_ref().and_then(|instance_id| self.instances.get(instance_id));
            return match old_id {
                Some(old_id) => Ok(Arrival::Restarted { old_id: old_id.clone() }),
                None if is_full => refused(GroupError::GroupMaxSizeReached),
                None if join.must_know_its_id && join.instance_id.is_none() => {
                    let until_ms = now_ms + join.session_timeout_ms.min(limits::PENDING_MEMBER_MS_MAX);
                    self.pending.insert(join.new_member_id.clone(), until_ms);
                    Err((GroupError::MemberIdRequired, join.new_member_id.clone()))
                }
                None => Ok(Arrival::New { id: join.new_member_id.clone() }),
            };
        }
        if self.pending.remove(&join.member_id).is_some() {
            return Ok(Arrival::New { id: join.member_id.clone() });
        }
        match self.member_mut(&join.member_id, join.instance_id.as_deref()) {
            Ok(_) => Ok(Arrival::Known),
            Err(GroupError::UnknownMemberId) if adopts && !is_full => {
                self.adoption_hold_ms = limits::ADOPTION_HOLD_MS;
                Ok(Arrival::New { id: join.member_id.clone() })
            }
            Err(error) => refused(error),
        }
    }

    /// Whether the newcomer and all others (except its own former self) have a protocol in common.
    fn shares_a_protocol(&self, join: &Join) -> bool {
        if join.protocol_type.is_empty() || join.protocols.is_empty() {
            return false;
        }
        let is_itself = |member: &&Member| {
            member.id == join.member_id || (join.instance_id.is_some() && member.instance_id == join.instance_id)
        };
        let others: Vec<&Member> = self.members.values().filter(|member| !is_itself(member)).collect();
        others.is_empty()
            || self.protocol_type.as_deref() == Some(&join.protocol_type)
                && join.protocols.iter().any(|protocol| others.iter().all(|other| other.speaks(&protocol.name)))
    }

    fn add(&mut self, now_ms: u64, token: Token, join: Join, id: String) {
        self.protocol_type = Some(join.protocol_type.clone());
        self.next_number += 1;
        if let Some(instance_id) = &join.instance_id {
            self.instances.insert(instance_id.clone(), id.clone());
        }
        self.members.insert(id.clone(), join.into_member(id, self.next_number, token));
        self.prepare_rebalance(now_ms);
    }

    fn rejoin(&mut self, now_ms: u64, token: Token, join: Join) {
        let leads = self.leader.as_deref() == Some(&join.member_id);
        let state = self.state;
        let Some(member) = self.members.get_mut(&join.member_id) else { return };
        let unchanged = member.protocols == join.protocols;
        let has_answer = match state {
            GroupState::CompletingRebalance => unchanged, // the answer to its join was lost
            GroupState::Stable => unchanged && !leads,    // a leader asks for a new assignment by joining again
            GroupState::PreparingRebalance | GroupState::Empty => false,
        };
        if has_answer {
            member.touch(now_ms);
            let answer = self.generation_for(&join.member_id);
            self.answers.push((token, Answer::Join(answer)));
            return;
        }
        let forsaken = member.joining.replace(token);
        member.session_timeout_ms = join.session_timeout_ms;
        member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        member.protocols = join.protocols;
        self.protocol_type = Some(join.protocol_type);
        if let Some(forsaken) = forsaken {
            let answer = JoinAnswer::refused(GroupError::RebalanceInProgress, join.member_id);
            self.answers.push((forsaken, Answer::Join(answer)));
        }
        self.prepare_rebalance(now_ms);
    }

    /// A static member was restarted: the new one takes the old one's place and assignment without a rebalance where
    /// it can (KIP-345); whatever the old one still sends is fenced.
    fn replace_static(&mut self, now_ms: u64, token: Token, join: Join, old_id: &str) {
        let leads = self.leader.as_deref() == Some(old_id);
        let can_skip = join.can_skip_assignment;
        let Some(old) = self.expel(old_id, GroupError::FencedInstanceId) else { return };
        let id = join.new_member_id.clone();
        self.protocol_type = Some(join.protocol_type.clone());
        let mut member = join.into_member(id.clone(), old.number, token);
        member.assignment = old.assignment;
        member.has_synced = old.has_synced;
        if let Some(instance_id) = &member.instance_id {
            self.instances.insert(instance_id.clone(), id.clone());
        }
        self.members.insert(id.clone(), member);
        if leads {
            self.leader = Some(id.clone());
        }
        let leader = self.leader.clone().unwrap_or_else(|| id.clone());
        if self.state != GroupState::Stable || self.protocol.as_ref() != Some(&self.elect_protocol(&leader)) {
            return self.prepare_rebalance(now_ms);
        }
        let mut answer = self.generation_for(&id);
        if leads && can_skip {
            answer.skip_assignment = true;
        } else if leads {
            // An older client that heard it leads would assign anew; told of the old leader it takes what there is.
            answer.leader = old_id.to_owned();
            answer.members = Vec::new();
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.joining = None;
            member.touch(now_ms);
        }
        self.answers.push((token, Answer::Join(answer)));
    }
}
