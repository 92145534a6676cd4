//! What the state machine answers.

use bytes::Bytes;

/// Why a group refuses; each is Kafka's error of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    #[error("the member is not known")]
    UnknownMemberId,
    #[error("the generation has passed")]
    IllegalGeneration,
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    #[error("the members share no protocol")]
    InconsistentGroupProtocol,
    #[error("the member must join again with the id it was given")]
    MemberIdRequired,
    #[error("another member has taken over the instance id")]
    FencedInstanceId,
    #[error("the group or its member cannot be taken in")]
    GroupMaxSizeReached,
    #[error("the coordinator is stopping")]
    CoordinatorNotAvailable,
}

/// An answer to a waiting request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// To a join.
    Join(JoinAnswer),
    /// To a sync.
    Sync(SyncAnswer),
}

/// The outcome of a join.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinAnswer {
    /// The refusal, if it is one.
    pub(crate) error: Option<GroupError>,
    /// The generation that begins; -1 in a refusal.
    pub(crate) generation: i32,
    /// As in `consumer`.
    pub(crate) protocol_type: Option<String>,
    /// The protocol that every member speaks and most prefer.
    pub(crate) protocol: Option<String>,
    /// The leader's member id.
    pub(crate) leader: String,
    /// Whether the leader must keep the assignment that there is (KIP-814).
    pub(crate) skip_assignment: bool,
    /// The member's own id; a new one with [`GroupError::MemberIdRequired`].
    pub(crate) member_id: String,
    /// Every member, for the leader; empty for others.
    pub(crate) members: Vec<JoinedMember>,
}

impl JoinAnswer {
    pub(crate) fn refused(error: GroupError, member_id: String) -> Self {
        Self {
            error: Some(error),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id,
            members: Vec::new(),
        }
    }
}

/// What the leader is told of a member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JoinedMember {
    /// Its id.
    pub(crate) id: String,
    /// Its static name (KIP-345).
    pub(crate) instance_id: Option<String>,
    /// What it said for the chosen protocol.
    pub(crate) metadata: Bytes,
}

/// The outcome of a sync.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyncAnswer {
    /// The refusal, if it is one.
    pub(crate) error: Option<GroupError>,
    /// As in `consumer`.
    pub(crate) protocol_type: Option<String>,
    /// The group's protocol.
    pub(crate) protocol: Option<String>,
    /// What the leader assigned.
    pub(crate) assignment: Bytes,
}

impl SyncAnswer {
    pub(crate) fn refused(error: GroupError) -> Self {
        Self { error: Some(error), protocol_type: None, protocol: None, assignment: Bytes::new() }
    }
}
