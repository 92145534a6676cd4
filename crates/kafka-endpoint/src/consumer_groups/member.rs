//! One member of a group, of either protocol.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Assignment, Assignor};
use crate::groups::Protocol;

/// The epoch of a static member that is away for a while.
pub(crate) const AWAY_EPOCH: i32 = -2;

/// How far a member is on its way to what it is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberState {
    /// It has what the assignment of its epoch gives it.
    Stable,
    /// It must give partitions back first.
    UnrevokedPartitions,
    /// It waits for partitions that others have still.
    UnreleasedPartitions,
}

/// What is known of a member that speaks the classic protocol.
#[derive(Debug)]
pub(super) struct ClassicPart {
    pub(super) session_timeout_ms: u64,
    /// In the order it prefers them.
    pub(super) protocols: Vec<Protocol>,
    /// It was told to rejoin, and has until then.
    pub(super) join_ends_ms: Option<u64>,
    /// It has joined, and has until then to sync.
    pub(super) sync_ends_ms: Option<u64>,
}

/// A member as the group knows it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) instance_id: Option<String>,
    pub(super) rack_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: u64,
    pub(super) assignor: Option<Assignor>,
    pub(super) names: BTreeSet<String>,
    pub(super) regex: Option<String>,
    pub(super) epoch: i32,
    /// The epoch before, in which the answer that told of the present one may have been lost.
    pub(super) previous_epoch: i32,
    pub(super) state: MemberState,
    /// What it may read.
    pub(super) assigned: Assignment,
    /// Since which epoch it may read each of them.
    pub(super) assigned_since: BTreeMap<(Uuid, i32), i32>,
    /// What it must give back before anything else.
    pub(super) revoking: Assignment,
    pub(super) session_ends_ms: u64,
    /// It has until then to give back what it must.
    pub(super) revocation_ends_ms: Option<u64>,
    pub(super) classic: Option<ClassicPart>,
}

impl Member {
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            rebalance_timeout_ms: 0,
            assignor: None,
            names: BTreeSet::new(),
            regex: None,
            epoch: 0,
            previous_epoch: 0,
            state: MemberState::Stable,
            assigned: Assignment::default(),
            assigned_since: BTreeMap::new(),
            revoking: Assignment::default(),
            session_ends_ms: u64::MAX,
            revocation_ends_ms: None,
            classic: None,
        }
    }

    /// Whether it has, in `epoch`, all that it is to have.
    pub(super) fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == epoch
    }

    /// Enters an epoch, the present one too.
    pub(super) fn enter_epoch(&mut self, epoch: i32) {
        self.previous_epoch = std::mem::replace(&mut self.epoch, epoch);
    }

    /// Notes since when it has what it has: from its present epoch on, unless it had it before.
    pub(super) fn date_assigned(&mut self) {
        let since = std::mem::take(&mut self.assigned_since);
        let dated = self.assigned.iter().map(|it| (it, since.get(&it).copied().unwrap_or(self.epoch)));
        self.assigned_since = dated.collect();
    }

    /// Whether it had the partition already in `epoch`, and has it still (KIP-1251): then what it says in that epoch
    /// of the partition is as good as what it says now.
    pub(super) fn has_since(&self, partition: (Uuid, i32), epoch: i32) -> bool {
        epoch < self.epoch && self.assigned_since.get(&partition).is_some_and(|since| *since <= epoch)
    }

    /// When it has to be looked at.
    pub(super) fn deadline_ms(&self) -> u64 {
        let classic = self.classic.as_ref();
        let classic = classic.map_or([None, None], |classic| [classic.join_ends_ms, classic.sync_ends_ms]);
        let others = classic.into_iter().chain([self.revocation_ends_ms]).flatten();
        others.fold(self.session_ends_ms, u64::min)
    }

    pub(super) fn len_bytes(&self) -> usize {
        let texts = [&self.instance_id, &self.rack_id, &self.regex].map(|text| text.as_ref().map_or(0, String::len));
        let names: usize = self.names.iter().map(|name| TEXT_BYTES + name.len()).sum();
        let protocols = self.classic.iter().flat_map(|classic| &classic.protocols);
        let protocols: usize = protocols.map(|it| TEXT_BYTES + it.name.len() + it.metadata.len()).sum();
        let partitions = PARTITION_BYTES * (self.assigned.len() + self.revoking.len());
        let ids = 3 * self.id.len() + self.client_id.len() + self.client_host.len();
        MEMBER_BYTES + ids + texts.iter().sum::<usize>() + names + protocols + partitions
    }
}

/// What a member takes up beside its texts, roughly.
pub(super) const MEMBER_BYTES: usize = 512;

/// What a text takes up beside its bytes, roughly.
const TEXT_BYTES: usize = 64;

/// What an assigned partition takes up: in what a member has, in what it is to have, and among the owned, roughly.
const PARTITION_BYTES: usize = 96;
