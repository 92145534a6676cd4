//! What the state machine answers.

use std::collections::BTreeSet;

use super::Assignment;

/// Why a heartbeat, a commit or a fetch of offsets is refused; each is Kafka's error of the same name. Its text goes to
/// the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConsumerGroupError {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("the member is not known; it must abandon all its partitions and rejoin")]
    UnknownMemberId,
    #[error(
        "the member epoch is not the one that the group coordinator knows; the member must abandon all its partitions and rejoin"
    )]
    FencedMemberEpoch,
    #[error("the member epoch has passed")]
    StaleMemberEpoch,
    #[error("the instance id belongs to another member now")]
    FencedInstanceId,
    #[error("the instance id is in use by another member, which has not left")]
    UnreleasedInstanceId,
    #[error("there is no consumer group of that name that the consumer protocol can be used with")]
    GroupIdNotFound,
    #[error("the assignor is not supported; supported are uniform and range")]
    UnsupportedAssignor,
    #[error("the regular expression is not valid, or larger than is allowed")]
    InvalidRegularExpression,
    #[error("the group has as many members, or takes up as much, as it may")]
    GroupMaxSizeReached,
    #[error("the group is being taken up again after a restart; the member must say everything it has")]
    CoordinatorLoadInProgress,
    #[error("the coordinator is stopping")]
    CoordinatorNotAvailable,
    #[error("members that use the consumer protocol must commit with version 9 of OffsetCommit or a later one")]
    UnsupportedVersion,
    #[error("the generation has passed")]
    IllegalGeneration,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeartbeatAnswer {
    pub(crate) member_id: String,
    /// The member's epoch; -1 or -2 for one that has left.
    pub(crate) member_epoch: i32,
    /// Until its next heartbeat, in ms; 0 for one that has left.
    pub(crate) heartbeat_interval_ms: u64,
    /// What the member may read from now on, where it has changed or was asked for.
    pub(crate) assignment: Option<Assignment>,
    /// Whether who belongs to the group has changed since that was noted last.
    pub(crate) is_roster_new: bool,
}

/// Where a group stands; the names are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsumerGroupState {
    /// No members.
    Empty,
    /// What members are to have is worked out at the next heartbeat.
    Assigning,
    /// Some member does not have yet what it is to have.
    Reconciling,
    /// Everyone has what it is to have.
    Stable,
}

impl ConsumerGroupState {
    /// Kafka's name, as ListGroups and ConsumerGroupDescribe show it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

/// A group as ConsumerGroupDescribe shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerGroupView {
    pub(crate) state: ConsumerGroupState,
    pub(crate) epoch: i32,
    pub(crate) assignment_epoch: i32,
    pub(crate) assignor: &'static str,
    pub(crate) members: Vec<ConsumerMemberView>,
}

/// A member as ConsumerGroupDescribe shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerMemberView {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) rack_id: Option<String>,
    pub(crate) epoch: i32,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) names: BTreeSet<String>,
    pub(crate) regex: Option<String>,
    pub(crate) assigned: Assignment,
    pub(crate) target: Assignment,
    /// Whether it speaks the classic protocol.
    pub(crate) is_classic: bool,
}
